"""Counting noise."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood.base import Likelihood


class Poisson(Likelihood):
    """Counting noise ``y ~ Poisson(y_hat + background)``.

    The energy is half the deviance, ``sum y_hat - y + y log(y / y_hat)`` (McCullagh and Nelder, Generalized
    Linear Models, 1989, section 2.3); the misfit is the root of the mean Pearson chi-square. Rates below
    `floor` are raised to it.

    Parameters
    ----------
    background
        Mean count without signal [counts], >= 0.
    floor
        Smallest rate [counts], > 0: keeps the logarithm finite where the prediction is 0 or negative.

    Raises
    ------
    InputError
        `background` is negative or `floor` is not positive.
    """

    kind = "poisson"

    def __init__(self, background: float = 0.0, *, floor: float = 1e-3) -> None:
        if background < 0 or floor <= 0:
            raise InputError(f"expected background >= 0 and floor > 0, but got {background} and {floor}")
        self.background, self.floor = background, floor

    def _rate(self, prediction: Tensor) -> Tensor:
        return (prediction + self.background).clamp_min(self.floor)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Half the deviance."""
        rate = self._rate(prediction)
        return (rate - y + torch.xlogy(y, y) - torch.xlogy(y, rate)).flatten(1).sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``1 - y / rate``."""
        return 1 - y / self._rate(prediction)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:  # noqa: ARG002  # the same for every y
        """Return the Fisher information ``1 / rate``."""
        return 1 / self._rate(prediction)

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Root of the mean of ``(y - rate)^2 / rate``."""
        rate = self._rate(prediction)
        return ((y - rate).square() / rate).flatten(1).mean(1).sqrt()

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw counts."""
        return torch.poisson(self._rate(prediction), generator=generator)

    def to(self, device: torch.device | str) -> Poisson:  # noqa: ARG002  # nothing to move
        """Return itself: there are no tensors to move."""
        return self

    def __repr__(self) -> str:
        """Show the background."""
        return f"Poisson(background={self.background:g})"
