"""Objectives: what discriminator and generator minimise, and the divergence that this measures."""

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

OBJECTIVES: dict[str, Objective] = {
    "minimax": Minimax(),
    "non-saturating": NonSaturating(),
    "least-squares": LeastSquares(),
    "hinge": Hinge(),
    "wasserstein": Wasserstein(),
    "relativistic": Relativistic(),
    "kl": KULLBACK_LEIBLER,
    "reverse-kl": REVERSE_KULLBACK_LEIBLER,
    "pearson": PEARSON,
    "jensen-shannon": JENSEN_SHANNON,
    "total-variation": TOTAL_VARIATION,
    "mmd": MMD(),
    "feature-matching": FeatureMatching(),
}

__all__ = [
    "MMD",
    "OBJECTIVES",
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
