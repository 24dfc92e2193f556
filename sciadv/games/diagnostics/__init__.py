"""Diagnostics: is the game at an equilibrium, does it turn, how steep is the critic, what goes wrong."""

from sciadv.games.diagnostics.alarms import (
    Alarm,
    Anisotropy,
    hessian_anisotropy,
    mode_collapse,
    output_directions,
    saturation,
    vanished_gradient,
)
from sciadv.games.diagnostics.equilibrium import (
    GradientNorms,
    LocalNash,
    epsilon_stationarity,
    gradient_norms,
    hessian_product,
    local_nash,
    variational_stability,
)
from sciadv.games.diagnostics.krylov import Extremes, arnoldi, lanczos
from sciadv.games.diagnostics.lipschitz import (
    Slopes,
    clip_bound,
    layer_norms,
    lipschitz_bound,
    measured_slopes,
)
from sciadv.games.diagnostics.rotation import (
    JacobianSpectrum,
    game_jacobian,
    jacobian_spectrum,
    rotation_share,
)

__all__ = [
    "Alarm",
    "Anisotropy",
    "Extremes",
    "GradientNorms",
    "JacobianSpectrum",
    "LocalNash",
    "Slopes",
    "arnoldi",
    "clip_bound",
    "epsilon_stationarity",
    "game_jacobian",
    "gradient_norms",
    "hessian_anisotropy",
    "hessian_product",
    "jacobian_spectrum",
    "lanczos",
    "layer_norms",
    "lipschitz_bound",
    "local_nash",
    "measured_slopes",
    "mode_collapse",
    "output_directions",
    "rotation_share",
    "saturation",
    "vanished_gradient",
    "variational_stability",
]
