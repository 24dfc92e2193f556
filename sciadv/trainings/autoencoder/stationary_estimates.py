"""Linear estimates of stationary images from masks, blurs and projections, for encoders of any size.

As `linear_estimates`, for images that are known by their autocovariance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.data.stationary import Stationary
from sciadv.types import Shape


@dataclass(frozen=True)
class EstimateRanges:
    """What is measured of the images, and with how much noise; between the two numbers, log-uniformly.

    Parameters
    ----------
    shown
        Share of the pixels that a mask shows.
    width
        Standard deviation of a blur [pixels].
    angles
        Directions of projections, as lines in the plane of the last two axes' frequencies.
    noise
        Standard deviation of the noise, over that of the images, or, of blurs and projections, over that of
        what is measured.
    """

    shown: tuple[float, float] = (0.03, 0.3)
    width: tuple[float, float] = (0.7, 4.0)
    angles: tuple[float, float] = (6.0, 60.0)
    noise: tuple[float, float] = (3e-3, 0.3)


@final
@dataclass(frozen=True, eq=False)
class StationaryEstimates:
    """Measures images by a random operator and returns their linear estimates, shape as the images.

    A mask for half of the batches, a periodic blur or, from two axes on, the frequencies that parallel
    projections know (the projection-slice theorem) for the others. The estimate is ``mu + C A' (A C A' +
    N)^-1 (y - A mu)``: by a matrix of the pixels that are shown, or by Wiener's filter.

    Parameters
    ----------
    statistics
        Mean and autocovariance of the images, of one channel.
    ranges
        What is measured.
    """

    statistics: Stationary
    ranges: EstimateRanges = EstimateRanges()

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return estimates of ``(batch, 1, *sides)``."""
        mean = float(self.statistics.mean)
        centred = images - mean
        kind, level, share = torch.rand(3, generator=generator).tolist()
        noise = _log_between(self.ranges.noise, level)
        if kind < 0.5:
            known = self._masked(centred, noise, _log_between(self.ranges.shown, share), generator)
        else:
            sides = images.shape[2:]
            is_blur = kind < 0.75 or len(sides) == 1
            transfer = (
                _blur(sides, _log_between(self.ranges.width, share))
                if is_blur
                else _lines(sides, _log_between(self.ranges.angles, share), generator)
            )
            known = self._filtered(centred, noise, transfer.to(images.device), generator)
        return (mean + known).clamp(0, 1)

    def _masked(self, centred: Tensor, noise: float, share: float, generator: torch.Generator) -> Tensor:
        sides, flat = centred.shape[2:], centred.flatten(1)
        order = torch.randperm(flat.shape[1], generator=generator)
        shown = order[: max(1, round(share * flat.shape[1]))]
        pixels = torch.cartesian_prod(*(torch.arange(side) for side in sides)).reshape(-1, len(sides))
        crossed = self._covariance(pixels, pixels[shown]).to(flat)
        variance = float(self.statistics.variance)
        deviation = noise * variance**0.5
        inner = crossed[shown] + max(deviation**2, 1e-3 * variance) * torch.eye(len(shown)).to(flat)
        drawn = torch.randn(len(flat), len(shown), generator=generator).to(flat)
        y = flat[:, shown] + deviation * drawn
        estimate: Tensor = (crossed @ torch.linalg.solve(inner, y.T)).T
        return estimate.reshape(centred.shape)

    def _covariance(self, here: Tensor, there: Tensor) -> Tensor:
        """Return the covariance of pixels at ``(n, axes)`` and ``(m, axes)``; 0 past the longest lag."""
        lags = self.statistics.autocovariance[0, 0]
        index = torch.zeros(len(here), len(there), dtype=torch.long)
        inside = torch.ones(len(here), len(there), dtype=torch.bool)
        for axis, n in enumerate(lags.shape):
            lag = there[None, :, axis] - here[:, None, axis] + n // 2
            inside &= (lag >= 0) & (lag < n)
            index = index * n + lag.clamp(0, n - 1)
        return torch.where(inside, lags.flatten()[index], 0.0)

    def _filtered(
        self, centred: Tensor, noise: float, transfer: Tensor, generator: torch.Generator
    ) -> Tensor:
        sides = centred.shape[2:]
        axes = tuple(range(-len(sides), 0))
        spectrum = self._spectrum(sides).to(centred.device)
        level = noise**2 * float((spectrum * transfer**2).mean())
        drawn = torch.randn(centred.shape, generator=generator).to(centred)
        y = torch.fft.fftn(centred, dim=axes) * transfer + level**0.5 * torch.fft.fftn(drawn, dim=axes)
        wiener = spectrum * transfer / (spectrum * transfer**2 + max(level, 1e-12))
        estimate: Tensor = torch.fft.ifftn(wiener * y, dim=axes).real
        return estimate

    def _spectrum(self, sides: Shape) -> Tensor:
        """Return the spectrum of the autocovariance on a torus of these sides, lags folded."""
        lags = self.statistics.autocovariance[0, 0]
        places = [(torch.arange(n) - n // 2) % side for n, side in zip(lags.shape, sides, strict=True)]
        folded = torch.zeros(*sides).index_put_(torch.meshgrid(*places, indexing="ij"), lags, accumulate=True)
        power: Tensor = torch.fft.fftn(folded).real
        return power.clamp_min(1e-6 * float(self.statistics.variance))


def _blur(sides: Shape, width: float) -> Tensor:
    """Return the transfer function of a periodic Gaussian blur."""
    transfer = torch.ones(*sides)
    for axis, side in enumerate(sides):
        along = torch.exp(-2 * (math.pi * width * torch.fft.fftfreq(side)) ** 2)
        transfer = transfer * along.reshape([-1 if i == axis else 1 for i in range(len(sides))])
    return transfer


def _lines(sides: Shape, n_angles: float, generator: torch.Generator) -> Tensor:
    """Return 1 at the frequencies of the plane of the last two axes that projections know, else 0."""
    first = float(torch.rand(1, generator=generator)) * math.pi
    angles = first + math.pi * torch.arange(round(n_angles)) / round(n_angles)
    row, column = (torch.fft.fftfreq(side) * side for side in sides[-2:])
    distance = (row[:, None] * angles.cos()[:, None, None] - column * angles.sin()[:, None, None]).abs()
    known: Tensor = (distance < 0.5).any(0).float()
    return known.expand(sides)


def _log_between(bounds: tuple[float, float], share: float) -> float:
    return math.exp(math.log(bounds[0]) + share * math.log(bounds[1] / bounds[0]))
