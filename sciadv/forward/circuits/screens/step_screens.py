"""Screens of the linear response at rest to a small step of an inducer: adaptation and pulse.

The relative response of gene j to a relative step of the production of gene i is, with the Jacobian J in
logarithms of levels, ``G(t) = J^-1 (exp(J t) - I) B``. Its largest entry over time is the sensitivity, the
inverse of its last one the precision.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.forward.circuits.screens.steady_points import ScreenSettings, SteadyPoints


def step_responses(
    points: SteadyPoints, *, first: float = 0.5, n_times: int = 24
) -> tuple[Float[Tensor, "batch outputs inputs"], Float[Tensor, "batch outputs inputs"]]:
    """Return the largest and the last relative responses, at the first start's steady state.

    Parameters
    ----------
    points
        Steady states.
    first, n_times
        The response is looked at at so many multiples of `first` [1 / mean degradation rate].
    """
    n = points.states.shape[-1]
    matrix, levels = points.matrix[0], points.states[0]
    n_states = matrix.shape[-1]
    scale = levels.repeat(1, n_states // n)
    logs = matrix * scale[:, None] / scale[:, :, None]
    rate = -matrix.diagonal(dim1=1, dim2=2)[:, n_states - n :]  # of mRNA, or of what comes first
    if n_states == n:
        rate = points.kinetics.degradation / points.mean_rate[:, None]
    produced = torch.cat([torch.zeros_like(logs[:, : n_states - n, :n]), torch.diag_embed(rate)], 1)
    inverse, _ = torch.linalg.inv_ex(logs)
    still = inverse.nan_to_num(0.0, 0.0, 0.0) @ produced
    step = torch.linalg.matrix_exp((logs * first).clamp(-30, 30))
    moved = still
    largest = still[:, :n].abs()
    for _ in range(n_times):
        moved = step @ moved
        largest = torch.maximum(largest, (moved - still)[:, :n].abs())
    return largest, still[:, :n].abs()


def _pairs(points: SteadyPoints, quality: Tensor) -> Tensor:
    """Return the quality of the best pair of two genes, -1 where the state is not stable."""
    there = points.kinetics.presence > 0
    pairs = there[:, :, None] & there[:, None] & ~torch.eye(there.shape[1], dtype=torch.bool).to(there.device)
    best = quality.masked_fill(~pairs, -3.0).amax((1, 2))
    return torch.where(points.is_stable[0], best, -1.0)


def adaptation_margin(
    points: SteadyPoints,
    settings: ScreenSettings,  # noqa: ARG001  # the signature of screens
) -> Float[Tensor, " batch"]:
    """Return the decades by which sensitivity exceeds 1 and precision 10, the lesser (Ma et al. 2009)."""
    largest, last = step_responses(points)
    sensitive, precise = largest.clamp_min(1e-3).log10(), -last.clamp_min(1e-4).log10() - 1
    return _pairs(points, torch.minimum(sensitive, precise))


def pulse_margin(
    points: SteadyPoints,
    settings: ScreenSettings,  # noqa: ARG001  # the signature of screens
) -> Float[Tensor, " batch"]:
    """Return the decades by which the largest response exceeds 1 and twice the last, the lesser."""
    largest, last = step_responses(points)
    high = largest.clamp_min(1e-3)
    returns = (high / (2 * last.clamp_min(1e-4))).log10()
    return _pairs(points, torch.minimum(high.log10(), returns))
