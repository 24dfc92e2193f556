"""Gaussian noise of a known or unknown standard deviation."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood.base import Likelihood, as_positive, check_shape_fits, real_view


class Gaussian(Likelihood):
    """Gaussian noise ``y = y_hat + N(0, sigma^2)``: known, per datum, or unknown sigma.

    The energy is ``|y_hat - y|^2 / (2 sigma^2)``. With ``sigma=None`` it is the profile likelihood
    ``(m / 2) log(|y_hat - y|^2 / m)``, in which sigma has been replaced by its maximum-likelihood value
    (Seber and Wild, Nonlinear Regression, 1989, section 2.2); the misfit is then the RMS residual in the
    data's own unit, and no search can be stopped by it.

    Parameters
    ----------
    sigma
        Standard deviation of the noise [unit of y]: a number, a tensor of shape `out_shape`, or None.

    Raises
    ------
    InputError
        A sigma is not a finite positive number.
    """

    kind = "gaussian"

    def __init__(self, sigma: float | Tensor | None) -> None:
        advice = " (the noise's standard deviation); leave it out if the noise level is unknown"
        self.sigma = None if sigma is None else as_positive(sigma, "sigma", advice)
        self.has_noise_level = self.sigma is not None
        self.unit = "sigma" if self.has_noise_level else "measurement units"

    def _variance(self, residual: Tensor) -> Tensor:
        """Noise variance, broadcastable to the residual."""
        if self.sigma is not None:
            return self.sigma.to(residual.real.dtype) ** 2
        mean_square = real_view(residual).square().mean(1).clamp_min(torch.finfo(residual.real.dtype).tiny)
        return mean_square.reshape(-1, *([1] * (residual.ndim - 1)))

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``|y_hat - y|^2 / (2 sigma^2)``, or the profile likelihood when sigma is unknown."""
        residual = prediction - y
        if self.sigma is not None:
            return 0.5 * real_view(residual / self.sigma.to(residual.real.dtype)).square().sum(1)
        n_measurements = real_view(residual).shape[1]
        return 0.5 * n_measurements * self._variance(residual).flatten().log()

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``(y_hat - y) / sigma^2``."""
        residual = prediction - y
        return residual / self._variance(residual)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``1 / sigma^2``."""
        residual = prediction - y
        return (1 / self._variance(residual)).expand(residual.shape)

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """RMS of the residual, over sigma where it is known."""
        residual = prediction - y
        if self.sigma is not None:
            residual = residual / self.sigma.to(residual.real.dtype)
        return real_view(residual).square().mean(1).sqrt()

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Add Gaussian noise of the known sigma to the prediction."""
        if self.sigma is None:
            raise InputError("cannot simulate noise of unknown sigma; give Gaussian(sigma=...)")
        real = torch.view_as_real(prediction) if prediction.is_complex() else prediction
        noise = torch.randn(real.shape, generator=generator, dtype=real.dtype, device=real.device)
        noise = torch.view_as_complex(noise) if prediction.is_complex() else noise
        return prediction + self.sigma.to(real.dtype) * noise

    def check_data(self, y: Tensor) -> None:
        """Refuse measurements of another shape than sigma's."""
        if self.sigma is not None:
            check_shape_fits(self.sigma, "sigma", tuple(y.shape[1:]))

    def to(self, device: torch.device | str) -> Gaussian:
        """Return the same likelihood on another device."""
        return Gaussian(None if self.sigma is None else self.sigma.to(device))

    def __repr__(self) -> str:
        """Show sigma, or its shape when there is one per datum."""
        if self.sigma is None or self.sigma.numel() == 1:
            return f"Gaussian(sigma={self.sigma if self.sigma is None else format(float(self.sigma), 'g')})"
        return f"Gaussian(sigma of shape {tuple(self.sigma.shape)})"
