"""Many small games as one batched game, for sweeps over seeds; two-dimensional mixtures to sweep on."""

from sciadv.trainings.stacked.mixtures import Coverage, Mixture, grid, ring
from sciadv.trainings.stacked.stack import StackedModule, StackedObjective, StackedPenalty, stack_games

__all__ = [
    "Coverage",
    "Mixture",
    "StackedModule",
    "StackedObjective",
    "StackedPenalty",
    "grid",
    "ring",
    "stack_games",
]
