"""Decisions that hide a protected attribute, by the adversary that hides batches in batch correction."""

from sciadv.domains.fairness.fair_classifier import FairClassifier
from sciadv.domains.fairness.fair_curve import FairPoint
from sciadv.domains.fairness.fair_game import FairSettings
from sciadv.domains.fairness.gaps import FairnessGaps, fairness_gaps
from sciadv.domains.fairness.simulated_decisions import SimulatedDecisions, simulate_decisions

__all__ = [
    "FairClassifier",
    "FairPoint",
    "FairSettings",
    "FairnessGaps",
    "SimulatedDecisions",
    "fairness_gaps",
    "simulate_decisions",
]
