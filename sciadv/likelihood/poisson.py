"""Counting noise."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.arguments.values import as_number
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
        self.background = as_number(background, "background", least=0)
        self.floor = as_number(floor, "floor", above=0)

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

    def check_data(self, y: Tensor) -> None:
        """Refuse measurements that are no counts: negative or complex ones."""
        if y.is_complex() or bool((y < 0).any()):
            which = "complex" if y.is_complex() else f"negative at {int((y < 0).sum())} of {y.numel()} data"
            raise InputError(
                f"Poisson noise gives counts >= 0, but the measurements are {which}; was a background "
                f"subtracted? Add it again and give Poisson(background=...), or take Gaussian noise"
            )

    def to(self, device: torch.device | str) -> Poisson:  # noqa: ARG002  # nothing to move
        """Return itself: there are no tensors to move."""
        return self

    def __repr__(self) -> str:
        """Show the background."""
        return f"Poisson(background={self.background:g})"
