"""Gaussian distributions of large images as a factor and a diagonal: inverse, draws, linear estimates.

Nothing of the size of pixels squared is made; systems are solved by conjugate gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.data.moments import factored
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients
from sciadv.solvers.linear.gaussian_estimate import noise_variance, require_linear
from sciadv.solvers.linear.jacobian import push_unit_tangents


@dataclass(frozen=True)
class FactoredGaussian:
    """``x ~ N(mean, F F' + diag(d))``, one per row; the last columns of F are ``dG/dz``.

    Parameters
    ----------
    mean
        ``(rows, pixels)``.
    columns
        F ``(rows, pixels, rank)``.
    n_latent
        How many of the columns belong to z.
    inverse_diagonal
        ``1 / d`` ``(pixels,)``.
    whitened
        V ``(rows, pixels, rank)`` with the inverse covariance ``diag(1 / d) - V V'``.
    """

    mean: Tensor
    columns: Tensor
    n_latent: int
    inverse_diagonal: Tensor
    whitened: Tensor

    @staticmethod
    def of(
        mean: Tensor, columns: Tensor, diagonal: Tensor, n_latent: int, *, least_variance: float = 0.004**2
    ) -> FactoredGaussian:
        """Invert the covariance by Woodbury's identity.

        The diagonal is at least `least_variance`: grey values in [0, 1] come in steps of 1 / 256.
        """
        inverse = 1 / diagonal.clamp_min(least_variance)
        scaled = inverse[:, None] * columns
        inner = (columns.transpose(1, 2) @ scaled).double()
        inner.diagonal(dim1=1, dim2=2).add_(1)
        root = torch.linalg.cholesky(inner).to(mean)
        whitened = torch.linalg.solve_triangular(root, scaled.transpose(1, 2), upper=False)
        return FactoredGaussian(mean, columns, n_latent, inverse, whitened.transpose(1, 2).contiguous())

    def precision(self, v: Tensor) -> Tensor:
        """Apply the inverse covariance to ``(rows, ..., pixels)``."""
        flat = v.reshape(len(v), -1, v.shape[-1])
        low_rank = (flat @ self.whitened) @ self.whitened.transpose(1, 2)
        return v * self.inverse_diagonal - low_rank.reshape(v.shape)

    def latent(self, x: Tensor) -> Tensor:
        """Return the conditional mean of z given images ``(rows, ..., pixels)``."""
        jacobian = self.columns[..., self.columns.shape[2] - self.n_latent :]
        pulled = self.precision(x - self.mean.reshape(len(x), *([1] * (x.ndim - 2)), -1))
        return (pulled.reshape(len(x), -1, x.shape[-1]) @ jacobian).reshape(*x.shape[:-1], self.n_latent)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n deviations from the mean ``(rows, n, pixels)``, of the same random numbers for every row."""
        low = torch.randn(n, self.columns.shape[2], generator=generator).to(self.mean)
        white = torch.randn(n, self.mean.shape[1], generator=generator).to(self.mean)
        return low @ self.columns.transpose(1, 2) + white * self.inverse_diagonal.rsqrt()


def shrunk(factor: Tensor, diagonal: Tensor, *, shrinkage: float = 0.5) -> tuple[Tensor, Tensor]:
    """Keep the variances of ``F F' + diag(d)`` and shrink its covariances; return new factor and diagonal.

    The default halves them: there are many slices but few patients. On breast MR of patients that were not
    in the training set, linear estimates gained 1 dB by it at 4x and at 8x, and as much with 0.7. Target D
    of Schaefer and Strimmer, A shrinkage approach to large-scale covariance matrix estimation, Statistical
    Applications in Genetics and Molecular Biology 4 (2005), article 32.

    Parameters
    ----------
    factor
        F ``(pixels, rank)``.
    diagonal
        d ``(pixels,)``.
    shrinkage
        From 0, which keeps the covariances, to 1, which drops them.

    Examples
    --------
    >>> factor, diagonal = torch.tensor([[1.0], [2.0]]), torch.tensor([0.5, 0.0])
    >>> half, rest = shrunk(factor, diagonal)
    >>> half @ half.T + rest.diag()
    tensor([[1.5000, 1.0000],
            [1.0000, 4.0000]])
    """
    kept = 1 - shrinkage
    return kept**0.5 * factor, diagonal + shrinkage * factor.square().sum(1)


def linearised_gaussian(
    prior: Prior, z: Tensor, mean: Tensor, factor: Tensor, diagonal: Tensor
) -> FactoredGaussian:
    """Return the distribution of ``G(z') + nu`` with G linearised at z and ``z' ~ N(0, I)`` a part of x.

    Parameters
    ----------
    prior
        The generator.
    z
        ``(rows, n_latent)``.
    mean, factor, diagonal
        Of nu: ``(pixels,)``, ``(pixels, rank)``, ``(pixels,)``.
    """
    x, tangents = push_unit_tangents(prior, z)
    jacobian = tangents.flatten(2).permute(1, 2, 0)
    at_zero = x.flatten(1) + mean - (jacobian @ z[:, :, None]).squeeze(2)
    columns = torch.cat([factor.expand(len(z), -1, -1), jacobian], 2)
    return FactoredGaussian.of(at_zero, columns, diagonal, z.shape[1])


def data_diagonal(forward: LinearForward, curvature: Tensor) -> Tensor:
    """Estimate the diagonal of ``A* c A``, ``(1, *in_shape)``, by random signs, smoothed over 5 x 5 pixels.

    Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix, Applied Numerical Mathematics 57
    (2007) 1214-1229.
    """
    draw = torch.Generator().manual_seed(0)
    signs = 2 * torch.randint(0, 2, (16, *forward.in_shape), generator=draw).to(curvature.real) - 1
    estimate = (signs * forward.adjoint(curvature * forward(signs))).mean(0, keepdim=True)
    return torch.nn.functional.avg_pool2d(estimate, 5, 1, 2, count_include_pad=False).clamp_min(0)


def require_linear_images(problem: Problem, method: str) -> LinearForward:
    """Return the operator of a problem with known Gaussian noise, if it is linear and of images.

    Raises
    ------
    InputError
        It is not.
    """
    require_linear(problem.forward, method)
    noise_variance(problem, method)
    assert isinstance(problem.forward, LinearForward)
    if len(problem.forward.in_shape) != 3:
        raise InputError(
            f"{method} needs images (channels, height, width), but in_shape is {problem.forward.in_shape}"
        )
    return problem.forward


def linear_image(problem: Problem, *, n_steps: int = 120) -> Tensor:
    """Return what `sciadv.solvers.LMMSE` does with `shrunk` moments, ``(batch, *in_shape)``.

    By `n_steps` of conjugate gradients.

    Raises
    ------
    InputError
        The operator is not linear, the noise is not Gaussian of known sigma, candidates are no images, or the
        prior has no moments.
    """
    forward, moments = require_linear_images(problem, "the linear estimate"), problem.prior.moments
    if moments is None:
        raise InputError(f"prior {problem.prior.name!r} ships no mean and covariance of its training set")
    y = problem.measurements
    mean = moments.mean.flatten().to(y.device, problem.prior.dtype)
    factor, diagonal = shrunk(*(part.to(mean) for part in factored(moments)))
    distribution = FactoredGaussian.of(mean[None], factor[None], diagonal, 0)
    curvature = problem.likelihood.curvature(y, y)[:1]
    start = mean.reshape(1, *forward.in_shape).expand(len(y), -1, -1, -1)

    def learned(v: Tensor) -> Tensor:
        return distribution.precision(v.flatten(1)[None])[0].reshape(v.shape)

    def hessian(v: Tensor) -> Tensor:
        return forward.adjoint(curvature * forward(v)) + learned(v)

    with torch.no_grad():
        around = data_diagonal(forward, curvature) + distribution.inverse_diagonal.reshape(
            1, *forward.in_shape
        )
        right = forward.adjoint(curvature * y) + learned(start)
        return conjugate_gradients(hessian, right, n_steps=n_steps, start=start, diagonal=around)
