"""Likelihoods: how far a prediction may lie from the data.

A likelihood gives, per problem of a batch, its energy ``-log p(y | y_hat)`` up to a constant, the energy's
gradient and (diagonal) Fisher curvature in the prediction, and a misfit in units of the noise. That is all a
solver needs, of first or second order. Complex data count as two real numbers each, with `sigma` the standard
deviation of each of the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from sciadv.errors import InputError


def real_view(y: Tensor) -> Tensor:
    """Flatten ``(batch, ...)`` to real ``(batch, measurements)``; a complex number becomes two real ones."""
    return (torch.view_as_real(y) if y.is_complex() else y).flatten(1)


def as_data(values: Tensor, out_shape: Sequence[int]) -> Tensor:
    """Shape real ``(batch, measurements)`` as data ``(batch, *out_shape)``: `real_view` undone.

    Complex where there are two real numbers for each datum.

    Examples
    --------
    >>> y = torch.complex(torch.ones(2, 3), torch.zeros(2, 3))
    >>> bool((as_data(real_view(y), (3,)) == y).all())
    True
    """
    shape = (len(values), *out_shape)
    if values.shape[1] == 2 * prod(out_shape):
        return torch.view_as_complex(values.reshape(*shape, 2))
    return values.reshape(shape)


class Likelihood(ABC):
    """``p(y | prediction)``, per problem of a batch. All tensors are ``(batch, *out_shape)``."""

    unit: str = "sigma"
    #: A misfit at or below this is explained to the noise level.
    has_noise_level: bool = True

    @abstractmethod
    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``-log p(y | prediction)`` up to a constant; ``(batch,)``."""

    @abstractmethod
    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Gradient of the energy in the prediction; same shape as `prediction`."""

    @abstractmethod
    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Diagonal of the energy's Fisher curvature, real and >= 0; same shape as `prediction`."""

    @abstractmethod
    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """How far the data are from the prediction, in `unit`; ``(batch,)``. About 1 when explained."""

    @abstractmethod
    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw measurements from ``p(y | prediction)``."""

    @abstractmethod
    def to(self, device: torch.device | str) -> Likelihood:
        """Return the same likelihood on another device."""


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

    def __init__(self, sigma: float | Tensor | None) -> None:
        self.sigma = None if sigma is None else torch.as_tensor(sigma)
        if self.sigma is not None and not bool((self.sigma > 0).all() & self.sigma.isfinite().all()):
            raise InputError(
                f"sigma must be a finite number > 0 (the noise's standard deviation), but it is {sigma}; "
                f"leave it out if the noise level is unknown"
            )
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

    def to(self, device: torch.device | str) -> Gaussian:
        """Return the same likelihood on another device."""
        return Gaussian(None if self.sigma is None else self.sigma.to(device))

    def __repr__(self) -> str:
        """Show sigma, or its shape when there is one per datum."""
        if self.sigma is None or self.sigma.numel() == 1:
            return f"Gaussian(sigma={self.sigma if self.sigma is None else format(float(self.sigma), 'g')})"
        return f"Gaussian(sigma of shape {tuple(self.sigma.shape)})"


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


class Tolerance(Likelihood):
    """A target with a tolerance: nearly every ``|y_hat - y| <= width`` is as good as any other.

    The energy is ``1/2 sum max(1 + (|y_hat - y| / width - 1) / softness, 0)^2``: nothing up to the soft
    margin inside the tolerance, 1/2 at its edge. The misfit is ``max |y_hat - y| / width``: at or below 1
    every datum is within its tolerance.

    Parameters
    ----------
    width
        Half-width of the interval [unit of y], > 0: a number or a tensor of shape `out_shape`.
    is_relative
        Whether `width` is a part of ``|target|`` instead.
    softness
        Width of the margin inside the tolerance in which the energy rises, as a part of the width, in (0, 1].

    Raises
    ------
    InputError
        A width is not positive, or the softness is not in (0, 1].
    """

    unit = "tolerance"

    def __init__(self, width: float | Tensor, *, softness: float = 0.1, is_relative: bool = False) -> None:
        self.width, self.softness, self.is_relative = torch.as_tensor(width), softness, is_relative
        if not bool((self.width > 0).all() & self.width.isfinite().all()) or not 0 < softness <= 1:
            raise InputError(f"expected a width > 0 and a softness in (0, 1], but got {width} and {softness}")

    def _width(self, y: Tensor) -> Tensor:
        """Half-width of the interval around each target; a relative one around 0 is as good as closed."""
        width = self.width.to(y.real.dtype)
        return width * y.abs().clamp_min(torch.finfo(width.dtype).tiny ** 0.5) if self.is_relative else width

    def _excess(self, residual: Tensor, width: Tensor) -> Tensor:
        return (1 + (residual.abs() / width - 1) / self.softness).clamp_min(0)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Half the squared excess over the margin."""
        return 0.5 * self._excess(prediction - y, self._width(y)).square().flatten(1).sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the excess over (width x softness), with the residual's sign."""
        residual, width = prediction - y, self._width(y)
        return residual.sgn() * self._excess(residual, width) / (width * self.softness)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``1 / (width x softness)^2`` past the margin, 0 before it."""
        residual, width = prediction - y, self._width(y)
        outside = (self._excess(residual, width) > 0).to(width.dtype)
        return outside / (width * self.softness) ** 2

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Largest residual over its tolerance."""
        return ((prediction - y).abs() / self._width(y)).flatten(1).amax(1)

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw uniformly within the tolerance."""
        uniform = torch.rand(
            prediction.shape, generator=generator, dtype=prediction.dtype, device=prediction.device
        )
        return prediction + self._width(prediction) * (2 * uniform - 1)

    def to(self, device: torch.device | str) -> Tolerance:
        """Return the same likelihood on another device."""
        return Tolerance(self.width.to(device), softness=self.softness, is_relative=self.is_relative)

    def __repr__(self) -> str:
        """Show the width."""
        relative = ", relative" if self.is_relative else ""
        if self.width.numel() == 1:
            return f"Tolerance(width={float(self.width):g}{relative})"
        return f"Tolerance(width of shape {tuple(self.width.shape)}{relative})"


class StudentT(Likelihood):
    """Noise with outliers: ``y = y_hat + sigma t``, t of Student's law with `freedom` degrees of freedom.

    The energy is ``(f + p) / 2 sum log(1 + |y_hat - y|^2 / (f sigma^2))``, p = 1 for real data and 2 for
    complex (the bivariate law). Its curvature is that of iteratively reweighted least squares (Lange, Little
    and Taylor, Robust statistical modeling using the t distribution, J. American Statistical Association 84
    (1989) 881-896): a datum r standard deviations off counts ``(f + p) / (f + r^2)`` times as much as in
    `Gaussian`. The misfit is the root of the mean of the reweighted squares, 1 on average.

    Parameters
    ----------
    sigma
        Scale of the noise [unit of y], > 0: a number or a tensor of shape `out_shape`.
    freedom
        Degrees of freedom f, > 0; 1 is Cauchy's law, many are Gaussian.

    Raises
    ------
    InputError
        Sigma or the freedom is not finite and positive.
    """

    def __init__(self, sigma: float | Tensor, *, freedom: float = 4.0) -> None:
        self.sigma, self.freedom = torch.as_tensor(sigma), freedom
        if not bool((self.sigma > 0).all() & self.sigma.isfinite().all()) or not 0 < freedom < float("inf"):
            raise InputError(
                f"expected sigma > 0 and freedom > 0, both finite, but got {sigma} and {freedom}"
            )

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

    def to(self, device: torch.device | str) -> StudentT:
        """Return the same likelihood on another device."""
        return StudentT(self.sigma.to(device), freedom=self.freedom)

    def __repr__(self) -> str:
        """Show sigma, or its shape when there is one per datum, and the freedom."""
        one = self.sigma.numel() == 1
        sigma = f"{float(self.sigma):g}" if one else f"of shape {tuple(self.sigma.shape)}"
        return f"StudentT(sigma={sigma}, freedom={self.freedom:g})"
