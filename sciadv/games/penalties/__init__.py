"""Penalties: what is added to the discriminator's loss, or done to its weights and inputs, to tame it.

`PENALTIES` holds by name what a `Game` takes for its penalties: objects that follow `Penalty`,
`GeneratorPenalty` for the generator's map, or `WeightPenalty` for both players' parameters. The others act
elsewhere and are options of a game: `WeightClipping` follows the critic's step, `InstanceNoise` is put on
inputs. Spectral normalisation is in `sciadv.nets.layers`.
"""

from collections.abc import Callable

from sciadv.games.penalties.consistency import Augmentation, Consistency
from sciadv.games.penalties.dragan import Dragan
from sciadv.games.penalties.historical_averaging import HistoricalAveraging
from sciadv.games.penalties.instance_noise import InstanceNoise
from sciadv.games.penalties.label_smoothing import LabelSmoothing
from sciadv.games.penalties.path_regularisation import PathLength
from sciadv.games.penalties.penalty import (
    AnyPenalty,
    Discriminator,
    GeneratorPenalty,
    Penalty,
    RememberingDiscriminator,
    WeightPenalty,
    differentiable,
    slopes,
    squared_gradient_norm,
    strength_for,
)
from sciadv.games.penalties.r1 import R1
from sciadv.games.penalties.r2 import R2
from sciadv.games.penalties.weight_clipping import WeightClipping
from sciadv.games.penalties.wgan_gp import WassersteinGradientPenalty
from sciadv.games.penalties.zero_centred import ZeroCentred
from sciadv.registry.registry import Registry

#: The penalties that a file can name by `kind`.
PENALTIES: Registry[Callable[..., AnyPenalty]] = Registry("penalty", "sciadv.games.penalties")

__all__ = [
    "PENALTIES",
    "R1",
    "R2",
    "AnyPenalty",
    "Augmentation",
    "Consistency",
    "Discriminator",
    "Dragan",
    "GeneratorPenalty",
    "HistoricalAveraging",
    "InstanceNoise",
    "LabelSmoothing",
    "PathLength",
    "Penalty",
    "RememberingDiscriminator",
    "WassersteinGradientPenalty",
    "WeightClipping",
    "WeightPenalty",
    "ZeroCentred",
    "differentiable",
    "slopes",
    "squared_gradient_norm",
    "strength_for",
]
