"""Period, amplitude and duty of oscillations from sampled trajectories, finer than the samples.

A cycle begins where a series rises through its middle level. Damped oscillations differ from settled ones
by how the amplitude changes from cycle to cycle, noise by how much cycles differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciadv.errors import InputError


@dataclass(frozen=True)
class Oscillations:
    """What was measured of each series; NaN where a series has fewer than two cycles.

    Parameters
    ----------
    period
        Mean time between cycles [time].
    period_scatter
        Standard deviation of the period from cycle to cycle, as a part of it.
    amplitude
        Highest less lowest level in the last cycle.
    growth
        Change of the logarithm of the amplitude per period, from the first cycle to the last: negative where
        the oscillation is damped.
    duty
        Part of the time that the series is above its middle level.
    n_cycles
        Complete cycles in the series.
    n_rises
        How often a series rises through its middle in one period: 2 or more for waves with several peaks.
    """

    period: Float[Tensor, " *series"]
    period_scatter: Float[Tensor, " *series"]
    amplitude: Float[Tensor, " *series"]
    growth: Float[Tensor, " *series"]
    duty: Float[Tensor, " *series"]
    n_cycles: Int[Tensor, " *series"]
    n_rises: Int[Tensor, " *series"]

    def is_settled(
        self, *, least_cycles: int = 3, most_scatter: float = 0.02, most_decay: float = 0.02
    ) -> Bool[Tensor, " *series"]:
        """Whether cycles repeat: enough of them, alike in period, and not smaller from one to the next.

        Parameters
        ----------
        least_cycles
            Complete cycles.
        most_scatter
            Of the period.
        most_decay
            Largest loss of amplitude per period, as a part of it.
        """
        return (
            (self.n_cycles >= least_cycles)
            & (self.period_scatter <= most_scatter)
            & (self.growth >= -most_decay)
        )


def measure_oscillations(
    levels: Float[Tensor, time * series],
    *,
    spacing: float,
    hysteresis: float = 0.1,
    most_rises: int = 4,
    alike: float = 0.02,
) -> Oscillations:
    """Measure the oscillation of every series, its transient left out by the caller.

    Times of rises are the roots of cubics through four samples, extremes those of quartics through five. Of a
    sine sampled 10 times a period the period is exact within 1e-4 and the amplitude within 5e-4.

    Parameters
    ----------
    levels
        Series at even times.
    spacing
        Of the times.
    hysteresis
        A rise counts when the series was below its middle by this part of half its range, and is above it by
        the same afterwards: ripples and noise smaller than that are no cycles.
    most_rises
        A period has at most so many rises through the middle.
    alike
        Scatter of the period up to which a number of rises counts as one period.

    Raises
    ------
    InputError
        Fewer than four samples, values that are not finite, or settings out of range.

    Examples
    --------
    >>> t = 0.5 * torch.arange(200, dtype=torch.float64)
    >>> found = measure_oscillations(5 + 2 * (2 * torch.pi * t / 7).sin(), spacing=0.5)
    >>> round(float(found.period), 3), round(float(found.amplitude), 2), round(float(found.duty), 2)
    (7.0, 4.0, 0.5)
    """
    _check(levels, spacing, hysteresis, most_rises)
    series = levels.flatten(1) if levels.ndim > 1 else levels[:, None]
    rises = _Rises.of(series, hysteresis)
    n_rises, period, scatter = rises.period(most_rises, alike)
    amplitude, growth = rises.amplitudes(n_rises)
    n_cycles = rises.count.sub(1).clamp_min(0) // n_rises
    parts = (
        period * spacing,
        scatter,
        amplitude,
        growth,
        rises.duty(),
        n_cycles,
        n_rises,
    )
    return Oscillations(*(part.reshape(levels.shape[1:]) for part in parts))


def _check(levels: Tensor, spacing: float, hysteresis: float, most_rises: int) -> None:
    if len(levels) < 4:
        raise InputError(f"an oscillation needs at least four samples, but the series have {len(levels)}")
    if not bool(levels.isfinite().all()):
        raise InputError("series hold NaN or Inf; leave out what could not be integrated")
    if not (spacing > 0 and 0 <= hysteresis < 1 and most_rises >= 1):
        raise InputError(
            "expected spacing > 0, 0 <= hysteresis < 1 and most_rises >= 1, but got "
            f"{spacing:g}, {hysteresis:g} and {most_rises}"
        )


@dataclass(frozen=True)
class _Rises:
    """Where series ``(time, series)`` rise through their middles.

    `begins` is 1 at the first sample after a rise, `count` the number of rises; `times`, in samples, are
    ``(series, rises)`` with NaN at the end of rows with fewer.
    """

    series: Tensor
    middle: Tensor
    begins: Tensor
    count: Tensor
    times: Tensor

    @staticmethod
    def of(series: Tensor, hysteresis: float) -> _Rises:
        later = series[len(series) // 2 :]
        high, low = later.amax(0), later.amin(0)
        middle, margin = (high + low) / 2, hysteresis * (high - low) / 2
        begins = _rises(series, middle, margin)
        which, sample = begins.T.nonzero().unbind(1)
        count = begins.sum(0)
        rank = torch.arange(len(which), device=which.device) - (count.cumsum(0) - count)[which]
        times = series.new_full((series.shape[1], max(1, int(count.max()))), torch.nan)
        times[which, rank] = _root(series - middle, which, sample)
        return _Rises(series, middle, begins, count, times)

    def period(self, most_rises: int, alike: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return rises per period, the period in samples and its scatter.

        It is the least number of rises after which intervals are alike; one if there is none.
        """
        n_rises = torch.ones_like(self.count)
        period, scatter = self._intervals(1)
        for n in range(2, most_rises + 1):
            longer, spread = self._intervals(n)
            better = (scatter > alike) & (spread <= alike) & (self.count > 2 * n)
            n_rises = torch.where(better, n, n_rises)
            period, scatter = torch.where(better, longer, period), torch.where(better, spread, scatter)
        return n_rises, period, scatter

    def _intervals(self, n: int) -> tuple[Tensor, Tensor]:
        """Return mean and relative standard deviation of the times between n rises."""
        between = self.times[:, n:] - self.times[:, :-n]
        mean = between.nanmean(1)
        return mean, (between - mean[:, None]).square().nanmean(1).sqrt() / mean

    def amplitudes(self, n_rises: Tensor) -> tuple[Tensor, Tensor]:
        """Return the range of levels in the last period, and the change of its logarithm per period."""
        cycle = self.begins.long().cumsum(0)
        n = int(self.count.max()) + 1
        shape = (n, self.series.shape[1])
        none = self.series.new_zeros(shape)
        top = none.scatter_reduce(0, cycle, _peaks(self.series), "amax", include_self=False)
        bottom = -none.scatter_reduce(0, cycle, _peaks(-self.series), "amax", include_self=False)
        last, first = self.count - n_rises, torch.ones_like(self.count)
        many = self.count > n_rises
        ranges = [_range(top, bottom, begin.clamp_min(0), n_rises) for begin in (first, last)]
        n_periods = ((last - first) / n_rises).clamp_min(1)
        growth = (ranges[1] / ranges[0]).log() / n_periods
        return torch.where(many, ranges[1], torch.nan), torch.where(many, growth, torch.nan)

    def duty(self) -> Tensor:
        """Return the part of the time from the first rise to the last that is spent above the middle."""
        height = self.series - self.middle
        above = (height > 0).to(height.dtype)
        share = torch.maximum(height[1:], height[:-1]) / (height[1:] - height[:-1]).abs()
        inside = torch.where(above[1:] == above[:-1], above[1:], share)
        done = self.begins.long().cumsum(0)[1:]
        is_counted = (done >= 1) & (done < self.count)
        first = self.times[:, 0]
        last = self.times.gather(1, (self.count - 1).clamp_min(0)[:, None])[:, 0]
        return (inside * is_counted).sum(0) / (last - first)


def _rises(series: Tensor, middle: Tensor, margin: Tensor) -> Tensor:
    """Return whether each sample is the first above the middle, in a rise from below the margin to above."""
    place = torch.arange(len(series), device=series.device)[:, None].expand(series.shape)
    side = (series > middle + margin).long() - (series < middle - margin).long()
    decided = torch.where(side != 0, place, 0).cummax(0).values
    now = side.gather(0, decided)
    turns = torch.zeros_like(now, dtype=torch.bool)
    turns[1:] = (now[1:] > 0) & (now[:-1] < 0)
    above = series > middle
    crosses = torch.zeros_like(above)
    crosses[1:] = above[1:] & ~above[:-1]
    latest = torch.where(crosses, place, 0).cummax(0).values
    begins = torch.zeros_like(above)
    sample, which = turns.nonzero().unbind(1)
    begins[latest[sample, which], which] = True
    return begins


def _root(height: Tensor, which: Tensor, sample: Tensor) -> Tensor:
    """Return the time, in samples, at which heights cross 0 before a sample: the root of a cubic."""
    first = (sample - 2).clamp(0, len(height) - 4)
    a, b, c, d = (height[first + i, which] for i in range(4))
    at = sample - 1 - first
    below, above = height[sample - 1, which], height[sample, which]
    u = at + below / (below - above)
    for _ in range(3):
        value = a + u * ((b - a) + (u - 1) * ((c - 2 * b + a) / 2 + (u - 2) * (d - 3 * c + 3 * b - a) / 6))
        slope = (
            (b - a)
            + (2 * u - 1) * (c - 2 * b + a) / 2
            + (3 * u * u - 6 * u + 2) * (d - 3 * c + 3 * b - a) / 6
        )
        u = torch.clamp(u - value / slope, at, at + 1)
    return u + first


def _peaks(series: Tensor) -> Tensor:
    """Return series with the tops of quartics through five samples at their local maxima."""
    padded = torch.cat([series[:1], series[:1], series, series[-1:], series[-1:]])
    is_peak = (series >= padded[1:-3]) & (series >= padded[3:-1])
    is_peak[:2], is_peak[-2:] = False, False
    sample, which = is_peak.nonzero().unbind(1)
    a, b, here, d, e = (series[sample + i, which] for i in range(-2, 3))
    slope = (8 * (d - b) - (e - a)) / 12
    bend = (16 * (b + d) - 30 * here - a - e) / 12
    third, fourth = (e - a) / 2 - (d - b), a + e - 4 * (b + d) + 6 * here
    u = torch.zeros_like(here)
    for _ in range(3):
        step = slope + u * (bend + u * (third / 2 + u * fourth / 6))
        u = (u - step / (bend + u * (third + u * fourth / 2))).nan_to_num(0.0).clamp(-0.6, 0.6)
    raised = series.clone()
    top = here + u * (slope + u * (bend / 2 + u * (third / 6 + u * fourth / 24)))
    raised[sample, which] = torch.maximum(top, here)
    return raised


def _range(top: Tensor, bottom: Tensor, first: Tensor, n: Tensor) -> Tensor:
    """Return the highest less the lowest level of n cycles from the first."""
    number = torch.arange(len(top), device=top.device)[:, None]
    inside = (number >= first) & (number < first + n)
    return top.where(inside, -torch.inf).amax(0) - bottom.where(inside, torch.inf).amin(0)
