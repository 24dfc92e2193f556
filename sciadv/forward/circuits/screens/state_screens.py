"""Screens of oscillation, the number of stable states, and stability, by eigenvalues at steady states."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.forward.circuits.screens.steady_points import ScreenSettings, SteadyPoints


def oscillation_margin(
    points: SteadyPoints,
    settings: ScreenSettings,
) -> Float[Tensor, " batch"]:
    """Return the least growth of an oscillating eigenvalue; with a period asked for, also how near it is.

    A period is met within a tenth: the margin is then not above 0.1 less the distance of the logarithms. The
    period of an eigenvalue is that of the cycle at its onset; far from it cycles are slower.
    """
    oscillating = points.spectrum.is_oscillating
    pair = points.leading(oscillating)
    single = points.leading(~oscillating)
    growth = torch.where(pair.isfinite(), pair, single.clamp_max(0) - settings.shortfall)
    growth = torch.where(single > 0, -single, growth)  # a saddle: rest is somewhere else
    margin = points.extreme(growth, is_least=True)
    if settings.period is None:
        return margin
    wanted = torch.as_tensor(settings.period).to(margin).log()
    near = 0.1 - points.extreme((points.log_period() - wanted).abs(), is_least=True)
    return torch.minimum(margin, near)


def bistability_margin(
    points: SteadyPoints,
    settings: ScreenSettings,
) -> Float[Tensor, " batch"]:
    """Return the distance in decades of stable states where there are exactly two, both of a fair share.

    Where less than a fifth of the starts lead to the rarer one the margin is below 0, by what is missing.
    With fewer than two states it is the growth of the largest real eigenvalue, which comes to 0 where one
    state splits into two; with more, that of the third most stable one, which comes to 0 where it is lost.
    """
    decades = points.states.log10()
    stable = points.is_stable
    near = (decades[:, None] - decades[None]).abs().amax(-1) < settings.resolution
    near = near & stable[:, None] & stable[None]
    earlier = torch.ones_like(near[:, :, 0]).tril(-1)[:, :, None]
    is_first = stable & ~(near & earlier).any(1)
    n_states = is_first.sum(0)
    counts = near.sum(1).masked_fill(~is_first, len(decades)).amin(0)
    rarest = counts / stable.sum(0).clamp_min(1)
    high = decades.masked_fill(~stable[..., None], -torch.inf).amax(0)
    low = decades.masked_fill(~stable[..., None], torch.inf).amin(0)
    apart = (high - low).amax(-1)
    apart = torch.where(rarest >= 0.2, apart, 5 * rarest - 1 + 0.01 * (apart.clamp_max(3) - 3))
    single = points.extreme(points.leading(~points.spectrum.is_oscillating), is_least=False)
    everything = torch.ones_like(points.spectrum.is_oscillating)
    growth = points.leading(everything).masked_fill(~is_first, torch.inf)
    third = growth.sort(dim=0).values[min(2, len(decades) - 1)]
    fewer = torch.where(single > 0, -0.1 * single, single)  # a saddle whose second state was not found
    return torch.where(n_states == 2, apart, torch.where(n_states > 2, third, fewer))


def multistability_margin(
    points: SteadyPoints,
    settings: ScreenSettings,
) -> Float[Tensor, " batch"]:
    """Return the distance of stable states in decades, else the growth of the largest real eigenvalue."""
    single = points.leading(~points.spectrum.is_oscillating)
    decades, stable = points.states.log10(), points.is_stable
    high = decades.masked_fill(~stable[..., None], -torch.inf).amax(0)
    low = decades.masked_fill(~stable[..., None], torch.inf).amin(0)
    apart = (high - low).amax(-1)
    return torch.where(apart > settings.resolution, apart, points.extreme(single, is_least=False))


def stability_margin(points: SteadyPoints, settings: ScreenSettings) -> Float[Tensor, " batch"]:  # noqa: ARG001
    """Return minus the largest growth of any eigenvalue; the settings do not matter."""
    everything = torch.ones_like(points.spectrum.is_oscillating)
    return points.extreme(-points.leading(everything), is_least=True)
