"""Batch correction of expression data: fit on cells of several batches, correct, assess, save."""

from sciadv.domains.batch_correction.assessment.probes import (
    Transfer,
    batch_unpredictability,
    label_transfer,
    probe_accuracy,
)
from sciadv.domains.batch_correction.assessment.scib import has_scib, scib_scores
from sciadv.domains.batch_correction.correction_game import AdversarialSettings
from sciadv.domains.batch_correction.corrector import BatchCorrector
from sciadv.domains.batch_correction.simulate import SimulatedCounts, simulate_counts

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
