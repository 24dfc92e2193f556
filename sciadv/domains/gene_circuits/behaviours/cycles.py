"""Cycles of sampled series: period, swing and duty, finer than the samples; relaxation spikes included.

A cycle is counted where a series rises through the middle of its range. A waveform that does so several
times a cycle is found by its intervals, which repeat with every second, third or fourth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Cycles:
    """What is periodic in series, ``(batch,)`` each.

    Parameters
    ----------
    period
        Mean time of a cycle, NaN where fewer than two are complete.
    unevenness
        Standard deviation of a cycle's time over its mean.
    n_cycles
        Complete cycles.
    duty
        Share of the time above the middle of the range.
    """

    period: Tensor
    unevenness: Tensor
    n_cycles: Tensor
    duty: Tensor


def swing(series: Float[Tensor, "time ..."]) -> Float[Tensor, ...]:
    """Return largest less least value of series, both at the vertex of a parabola through three samples.

    Examples
    --------
    >>> coarse = torch.sin(0.7 * torch.arange(40, dtype=torch.float64))
    >>> round(float(swing(coarse)), 3)
    2.0
    """
    return _top(series) + _top(-series)


def _top(series: Tensor) -> Tensor:
    before, here, after = series[:-2], series[1:-1], series[2:]
    bend = (2 * here - before - after).clamp_min(torch.finfo(series.dtype).tiny)
    peak = here + (after - before).square() / (8 * bend)
    is_peak = (here >= before) & (here >= after)
    return torch.where(is_peak, peak, here).amax(0)


def rising_times(series: Float[Tensor, "time batch"]) -> Float[Tensor, "crossings batch"]:
    """Return where series rise through the middle of their range [samples], NaN after their last."""
    middle = (series.amax(0) + series.amin(0)) / 2
    below, above = series[:-1] - middle, series[1:] - middle
    rises = (below < 0) & (above >= 0)
    order = rises.cumsum(0) - 1
    n = int(rises.sum(0).max()) if rises.numel() else 0
    times = series.new_full((n, series.shape[1]), torch.nan)
    sample, row = rises.nonzero(as_tuple=True)
    part = below[sample, row] / (below[sample, row] - above[sample, row])
    times[order[sample, row], row] = sample + part
    return times


def cycles(
    series: Float[Tensor, "time batch"], spacing: float, *, most: int = 4, even: float = 0.02
) -> Cycles:
    """Return the cycles of series.

    Parameters
    ----------
    series
        Sampled at even times.
    spacing
        Time between samples.
    most
        Rises within one cycle that are tried, at most.
    even
        Unevenness below which fewer rises a cycle are preferred.
    """
    times = rising_times(series) * spacing
    count = (~times.isnan()).sum(0)
    period, uneven = (torch.full_like(series[0], torch.nan) for _ in range(2))
    rises = torch.ones_like(count)
    for n in range(1, most + 1):
        spans = times[n:] - times[:-n]
        mean = spans.nanmean(0)
        relative = (spans - mean).square().nanmean(0).sqrt() / mean
        usable = ~(spans[: n + 1].isnan().all(0)) & (count > 2 * n)
        better = usable & (uneven.isnan() | ((uneven > even) & (relative < even)))
        period = torch.where(better, mean, period)
        uneven = torch.where(better, relative, uneven)
        rises = torch.where(better, n, rises)
    middle = (series.amax(0) + series.amin(0)) / 2
    duty = (series > middle).to(series.dtype).mean(0)
    whole = torch.div((count - 1).clamp_min(0), rises, rounding_mode="floor")
    return Cycles(period, uneven, whole, duty)
