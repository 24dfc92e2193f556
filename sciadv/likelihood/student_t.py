"""Noise with outliers."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.arguments.values import as_number
from sciadv.likelihood.base import Likelihood, as_positive, check_shape_fits
from sciadv.types import Positive


class StudentT(Likelihood):
    """Noise with outliers: ``y = y_hat + sigma t``, t of Student's distribution.

    The energy is ``(f + p) / 2 sum log(1 + |y_hat - y|^2 / (f sigma^2))`` with `freedom` f, p = 1 for real
    data and p = 2 for complex (the bivariate distribution). Its curvature is that of iteratively reweighted
    least squares (Lange, Little and Taylor, Robust statistical modeling using the t distribution, J. American
    Statistical Association 84 (1989) 881-896): a datum r standard deviations off counts
    ``(f + p) / (f + r^2)`` times as much as in `Gaussian`. The misfit is the root of the mean of the
    reweighted squares, 1 on average.

    Parameters
    ----------
    sigma
        Scale of the noise [unit of y], > 0: a number or a tensor of shape `out_shape`.
    freedom
        Degrees of freedom f, > 0; 1 is Cauchy's distribution, many are Gaussian.

    Raises
    ------
    InputError
        Sigma or the freedom is not finite and positive.
    """

    kind = "student-t"

    def __init__(self, sigma: float | Tensor, *, freedom: Positive = 4.0) -> None:
        self.sigma = as_positive(sigma, "sigma")
        self.freedom = as_number(freedom, "freedom", above=0)

    def _parts(self, prediction: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the residual, its squared size in units of sigma, and sigma."""
        residual = prediction - y
        sigma = self.sigma.to(residual.real.dtype)
        return residual, (residual.abs() / sigma).square(), sigma

    def _top(self, residual: Tensor) -> float:
        return self.freedom + (2 if residual.is_complex() else 1)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``(f + p) / 2 sum log(1 + r^2 / f)``."""
        residual, square, _ = self._parts(prediction, y)
        return 0.5 * self._top(residual) * torch.log1p(square / self.freedom).flatten(1).sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the residual times the curvature."""
        return (prediction - y) * self.curvature(prediction, y)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the weights ``(f + p) / (f + r^2) / sigma^2``."""
        residual, square, sigma = self._parts(prediction, y)
        return self._top(residual) / (self.freedom + square) / sigma**2

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Root of the mean of ``(f + p) / (f + r^2) r^2 / p``."""
        residual, square, _ = self._parts(prediction, y)
        top = self._top(residual)
        weighted = top / (self.freedom + square) * square / (top - self.freedom)
        return weighted.flatten(1).mean(1).sqrt()

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Add noise: a normal number over the root of an independent mean square (chi-square over f)."""
        from scipy.special import gammaincinv

        real = torch.view_as_real(prediction) if prediction.is_complex() else prediction[..., None]
        normal = torch.randn(real.shape, generator=generator, dtype=real.dtype, device=real.device)
        uniform = torch.rand(prediction.shape, generator=generator, dtype=torch.float64, device=real.device)
        half = torch.as_tensor(gammaincinv(self.freedom / 2, uniform.cpu().numpy())).to(real)
        noise = normal * (self.freedom / (2 * half)).sqrt()[..., None]
        noise = torch.view_as_complex(noise) if prediction.is_complex() else noise[..., 0]
        return prediction + self.sigma.to(real.dtype) * noise

    def check_data(self, y: Tensor) -> None:
        """Refuse measurements of another shape than sigma's."""
        check_shape_fits(self.sigma, "sigma", tuple(y.shape[1:]))

    def to(self, device: torch.device | str) -> StudentT:
        """Return the same likelihood on another device."""
        return StudentT(self.sigma.to(device), freedom=self.freedom)

    def __repr__(self) -> str:
        """Show sigma, or its shape when there is one per datum, and the freedom."""
        one = self.sigma.numel() == 1
        sigma = f"{float(self.sigma):g}" if one else f"of shape {tuple(self.sigma.shape)}"
        return f"StudentT(sigma={sigma}, freedom={self.freedom:g})"
