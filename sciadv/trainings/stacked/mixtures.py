"""Mixtures of Gaussians in the plane, and how many of their modes a generator has found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.errors import InputError


@final
@dataclass(frozen=True)
class Coverage:
    """What samples of each run cover of a mixture.

    Parameters
    ----------
    n_modes
        Modes found ``(runs,)``: those with at least a tenth of an even share of all samples within three
        standard deviations of their centre.
    quality
        Share of samples within three standard deviations of any centre ``(runs,)``; 0.989 for the mixture
        itself.
    """

    n_modes: Tensor
    quality: Tensor


@final
@dataclass(frozen=True, eq=False)
class Mixture:
    """Equal Gaussians around centres; a sampler of endless data for `sciadv.trainings.game.game.Game`.

    Parameters
    ----------
    centres
        ``(modes, 2)``.
    std
        Their standard deviation, > 0.

    Raises
    ------
    InputError
        `std` <= 0.
    """

    centres: Tensor
    std: float

    def __post_init__(self) -> None:
        if self.std <= 0:
            raise InputError(f"the standard deviation of a mixture must be > 0, but is {self.std}")

    def __call__(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``(n, 2)`` points."""
        modes = torch.randint(len(self.centres), (n,), generator=generator)
        return self.centres[modes] + self.std * torch.randn(n, 2, generator=generator)

    def cover(self, samples: Tensor, *, within: float = 3.0, least_share: float = 0.1) -> Coverage:
        """Count the modes that samples ``(runs, n, 2)`` cover.

        Parameters
        ----------
        samples
            Samples of each run.
        within
            Standard deviations of a centre within which a sample is of high quality.
        least_share
            Part of an even share of high-quality samples from which a mode counts as found.
        """
        distance, nearest = torch.cdist(samples, self.centres.to(samples)).min(2)
        is_good = distance < within * self.std
        counts = torch.zeros(len(samples), len(self.centres), dtype=samples.dtype, device=samples.device)
        counts.scatter_add_(1, nearest, is_good.to(samples.dtype))
        least = least_share * samples.shape[1] / len(self.centres)
        return Coverage((counts >= least).sum(1), is_good.double().mean(1))


def ring(n_modes: int = 8, *, radius: float = 1.0, std: float = 0.05) -> Mixture:
    """Gaussians evenly on a circle."""
    angle = 2 * math.pi * torch.arange(n_modes) / n_modes
    return Mixture(radius * torch.stack([angle.cos(), angle.sin()], 1), std)


def grid(n_side: int = 5, *, spacing: float = 1.0, std: float = 0.1) -> Mixture:
    """Gaussians on a square grid around the origin."""
    places = spacing * (torch.arange(n_side) - (n_side - 1) / 2)
    return Mixture(torch.cartesian_prod(places, places), std)
