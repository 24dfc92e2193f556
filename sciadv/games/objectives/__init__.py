"""Objectives: what discriminator and generator minimise, and the divergence that this measures."""

from collections.abc import Callable

from sciadv.games.objectives.f_divergence import (
    JENSEN_SHANNON,
    KULLBACK_LEIBLER,
    PEARSON,
    REVERSE_KULLBACK_LEIBLER,
    TOTAL_VARIATION,
    FDivergence,
)
from sciadv.games.objectives.feature_matching import FeatureMatching
from sciadv.games.objectives.hinge import Hinge
from sciadv.games.objectives.least_squares import LeastSquares
from sciadv.games.objectives.minimax import Minimax
from sciadv.games.objectives.mmd import MMD, GaussianMixture, RationalQuadratic
from sciadv.games.objectives.non_saturating import NonSaturating
from sciadv.games.objectives.objective import Objective
from sciadv.games.objectives.relativistic import Relativistic
from sciadv.games.objectives.wasserstein import Wasserstein
from sciadv.registry.registry import Registry

#: The objectives that a file can name by `kind`.
OBJECTIVES: Registry[Callable[..., Objective]] = Registry("objective", "sciadv.games.objectives")

__all__ = [
    "JENSEN_SHANNON",
    "KULLBACK_LEIBLER",
    "MMD",
    "OBJECTIVES",
    "PEARSON",
    "REVERSE_KULLBACK_LEIBLER",
    "TOTAL_VARIATION",
    "FDivergence",
    "FeatureMatching",
    "GaussianMixture",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "RationalQuadratic",
    "Relativistic",
    "Wasserstein",
]
