"""Batch correction of expression data: fit on cells of several batches, correct, judge, save."""

from sciadv.omics.corrector import BatchCorrector
from sciadv.omics.game import AdversarialSettings
from sciadv.omics.scib import has_scib, scib_scores
from sciadv.omics.scores import Transfer, batch_unpredictability, label_transfer, probe_accuracy
from sciadv.omics.simulate import SimulatedCounts, simulate_counts

__all__ = [
    "AdversarialSettings",
    "BatchCorrector",
    "SimulatedCounts",
    "Transfer",
    "batch_unpredictability",
    "has_scib",
    "label_transfer",
    "probe_accuracy",
    "scib_scores",
    "simulate_counts",
]
