"""Updates: how two players move in one step, on top of any torch optimizer."""

from collections.abc import Callable

from sciadv.games.updates.alternating import Alternating
from sciadv.games.updates.consensus import Consensus
from sciadv.games.updates.extragradient import Extragradient
from sciadv.games.updates.gradient_reversal import OnePass
from sciadv.games.updates.optimistic import Optimistic
from sciadv.games.updates.past_extragradient import PastExtragradient
from sciadv.games.updates.simultaneous import Simultaneous
from sciadv.games.updates.symplectic import SymplecticAdjustment
from sciadv.games.updates.unrolled import Unrolled
from sciadv.games.updates.update import Optimizers, Update, UpdateState
from sciadv.games.updates.wrapping.lookahead import Lookahead
from sciadv.games.updates.wrapping.trust_region import (
    OutputTrustRegion,
    TrustRegion,
    bernoulli_divergence,
    gaussian_divergence,
)
from sciadv.games.updates.wrapping.two_time_scales import TwoTimeScales
from sciadv.registry.registry import Registry

#: The updates that a file can name by `kind`.
UPDATES: Registry[Callable[..., Update]] = Registry("update", "sciadv.games.updates")

__all__ = [
    "UPDATES",
    "Alternating",
    "Consensus",
    "Extragradient",
    "Lookahead",
    "OnePass",
    "Optimistic",
    "Optimizers",
    "OutputTrustRegion",
    "PastExtragradient",
    "Simultaneous",
    "SymplecticAdjustment",
    "TrustRegion",
    "TwoTimeScales",
    "Unrolled",
    "Update",
    "UpdateState",
    "bernoulli_divergence",
    "gaussian_divergence",
]
