"""Counts that vary more than counting alone explains."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood.base import Likelihood, as_positive, check_shape_fits
from sciadv.types import Positive


class NegativeBinomial(Likelihood):
    """Counts ``y ~ Poisson(rate)`` whose rates are gamma distributed, of mean mu and variance ``phi mu^2``.

    The energy is half the deviance, ``sum y log(y / mu) - (y + 1 / phi) log((1 + phi y) / (1 + phi mu))``
    (Hilbe, Negative Binomial Regression, 2nd ed. 2011, section 8.2); the misfit is the root of the mean
    Pearson chi-square over what was measured. A datum of -1 stands for a count that was not measured, which
    says nothing.

    Parameters
    ----------
    overdispersion
        phi, > 0: the squared coefficient of variation of the rates; a number, or a tensor of shape
        `out_shape`.
    floor
        Smallest mean [counts], > 0.

    Raises
    ------
    InputError
        The overdispersion is not finite and positive.
    """

    kind = "negative-binomial"

    def __init__(self, overdispersion: float | Tensor, *, floor: Positive = 1e-6) -> None:
        self.overdispersion = as_positive(overdispersion, "overdispersion")
        self.floor = float(floor)

    def _parts(self, prediction: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the means, the overdispersion, and what was measured (1, else 0)."""
        mean = prediction.clamp_min(self.floor)
        return mean, self.overdispersion.to(mean), (y >= 0).to(mean)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Half the deviance."""
        mean, phi, measured = self._parts(prediction, y)
        y = y.clamp_min(0)
        excess = (torch.log1p(phi * y) - torch.log1p(phi * mean)) / phi
        each = torch.xlogy(y, y) - torch.xlogy(y, mean) - y * phi * excess - excess
        return (measured * each).flatten(1).sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``(mu - y) / (mu (1 + phi mu))``."""
        mean, phi, measured = self._parts(prediction, y)
        return measured * (mean - y) / (mean * (1 + phi * mean))

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the Fisher information ``1 / (mu (1 + phi mu))``."""
        mean, phi, measured = self._parts(prediction, y)
        return measured / (mean * (1 + phi * mean))

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Root of the mean of ``(y - mu)^2 / (mu + phi mu^2)``."""
        mean, phi, measured = self._parts(prediction, y)
        square = measured * (y - mean).square() / (mean * (1 + phi * mean))
        return (square.flatten(1).sum(1) / measured.flatten(1).sum(1).clamp_min(1)).sqrt()

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw rates, then counts; all of them are measured."""
        mean, phi, _ = self._parts(prediction, prediction)
        shape = (1 / phi).expand(mean.shape)
        rate = torch._standard_gamma(shape.contiguous(), generator=generator)
        return torch.poisson(rate * phi * mean, generator=generator)

    def check_data(self, y: Tensor) -> None:
        """Refuse measurements that are no counts, and of another shape than the overdispersion's."""
        check_shape_fits(self.overdispersion, "overdispersion", tuple(y.shape[1:]))
        wrong = 0 if y.is_complex() else int(((y < 0) & (y != -1)).sum())
        if y.is_complex() or wrong:
            which = "complex" if y.is_complex() else f"negative at {wrong} of {y.numel()} data"
            raise InputError(
                f"negative binomial noise gives counts >= 0, with -1 for one that was not measured, but the "
                f"measurements are {which}; give raw counts"
            )

    def to(self, device: torch.device | str) -> NegativeBinomial:
        """Return the same likelihood on another device."""
        return NegativeBinomial(self.overdispersion.to(device), floor=self.floor)

    def __repr__(self) -> str:
        """Show the overdispersion, or its shape when there is one per datum."""
        phi = self.overdispersion
        shown = f"{float(phi):g}" if phi.numel() == 1 else f"of shape {tuple(phi.shape)}"
        return f"NegativeBinomial(overdispersion={shown})"
