"""A problem with the generator's representation error in its noise: whitened, so that any search solves it.

``y = A (G(z) + nu) + eta`` with ``nu ~ N(mu, C)`` and noise of covariance N is ``y - A mu = A G(z) + e`` with
``e ~ N(0, S)``, ``S = A C A' + N = L L'``; multiplied by ``W = L^-1`` it is a latent problem with unit noise.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.data.moments import Residual
from sciadv.errors import InputError
from sciadv.forward import Forward, Matrix
from sciadv.likelihood import Gaussian, as_data, real_view
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear.gaussian_estimate import noise_variance, operator_matrix, require_linear
from sciadv.solvers.linear.linearised_data import data_model


@dataclass(frozen=True, eq=False)
class Whitened:
    """The whitened problem in float64, and what gives ``nu`` back.

    Parameters
    ----------
    problem
        Generator in float64, operator ``W A``, unit noise, data ``W (y - A mu)``, latent weight 1.
    gain
        ``C A' W'`` ``(pixels, measurements)``: nu given G(z) is ``mu + gain (W (y - A mu) - W A G(z))``.
    mean
        mu ``(pixels,)``.
    factor
        L ``(measurements, measurements)``.
    """

    problem: Problem
    gain: Tensor
    mean: Tensor
    factor: Tensor

    @property
    def half_log_det(self) -> Tensor:
        """Half the log determinant of ``A C A' + N``."""
        return self.factor.diagonal().log().sum()

    def complete(self, in_range: Tensor) -> Tensor:
        """Return ``G(z) + E[nu | y, z]`` of generated candidates ``(batch, *in_shape)``."""
        unexplained = self.problem.measurements - self.problem.forward(in_range)
        completed: Tensor = in_range + (self.mean + unexplained @ self.gain.T).reshape(in_range.shape)
        return completed


def is_linear_gaussian(problem: Problem) -> bool:
    """Whether the operator is linear and the noise Gaussian of known sigma: nu has a closed form."""
    return problem.forward.is_linear and _is_gaussian(problem)


def _is_gaussian(problem: Problem) -> bool:
    return isinstance(problem.likelihood, Gaussian) and problem.likelihood.sigma is not None


def in_double(prior: Prior) -> Prior:
    """Return a copy of the prior in float64, in which answers do not depend on the size of the batch."""
    nets = {part: copy.deepcopy(net).double() for part, net in prior.nets().items()}
    return replace(prior, **nets)  # type: ignore[arg-type]  # keys are fields


def require_residual(prior: Prior, method: str) -> Residual:
    """Return the prior's representation-error statistics.

    Raises
    ------
    InputError
        It has none.
    """
    if prior.residual is None:
        raise InputError(
            f"{method} needs the statistics of what prior {prior.name!r} cannot represent, and it has none; "
            f"learn them once from training images: "
            f"replace(prior, residual=learn_residual(prior, images)), from "
            f"sciadv.solvers.beyond_range.residual_statistics"
        )
    return prior.residual


def whiten(problem: Problem, method: str) -> Whitened:
    """Put the prior's representation error into the noise and whiten it.

    Parameters
    ----------
    problem
        A linear operator, Gaussian noise of known sigma, a prior with `Prior.residual`.
    method
        Who asks, for the errors.

    Raises
    ------
    InputError
        The operator is not linear, the noise is not Gaussian of known sigma, or the prior has no residual
        statistics.
    """
    residual = require_residual(problem.prior, method)
    require_linear(problem.forward, method)
    noise = noise_variance(problem, method)
    device = problem.measurements.device
    mean = residual.image.mean.to(device).double().flatten()
    matrix = operator_matrix(problem.forward)
    crossed = residual.image.times(matrix.T)
    data_covariance = matrix @ crossed + noise.diag()
    factor = torch.linalg.cholesky(0.5 * (data_covariance + data_covariance.T))
    data = real_view(problem.measurements).double() - matrix @ mean
    whitened = torch.linalg.solve_triangular(factor, torch.cat([matrix, data.T], 1), upper=False)
    n_pixels = matrix.shape[1]
    operator = Matrix(whitened[:, :n_pixels], problem.forward.in_shape, dtype=torch.float64, device=device)
    posed = Problem(in_double(problem.prior), operator, Gaussian(1.0), whitened[:, n_pixels:].T.contiguous())
    gain = torch.linalg.solve_triangular(factor, crossed.T, upper=False).T
    return Whitened(posed, gain, mean, factor)


def latent_problem(problem: Problem, method: str, *, n_draws: int = 16) -> Problem:
    """Return the problem of z alone that starts a search for z and nu together.

    With the statistics of nu in Gaussian noise: whitened exactly for a linear operator, on average for a
    nonlinear one, over `n_draws` of the prior. Otherwise the problem itself, in float64 where it is linear
    and Gaussian.

    Raises
    ------
    InputError
        Gaussian noise of unknown sigma: nu would explain all data.
    """
    if not isinstance(problem.likelihood, Gaussian):
        return problem
    sigma, is_linear = noise_variance(problem, method).sqrt(), problem.forward.is_linear
    if problem.prior.residual is not None:
        return whiten(problem, method).problem if is_linear else _whiten_on_average(problem, method, n_draws)
    if not is_linear:
        return problem
    device = problem.measurements.device
    matrix = operator_matrix(problem.forward)
    operator = Matrix(matrix, problem.forward.in_shape, dtype=torch.float64, device=device)
    y = real_view(problem.measurements).double()
    return Problem(in_double(problem.prior), operator, Gaussian(sigma), y, problem.latent_weight)


class _WhitenedForward(Forward):
    """``W F(x)``, float64, of an operator that keeps its own dtype."""

    is_linear = False

    def __init__(self, inner: Forward, weight: Tensor) -> None:
        super().__init__(inner.in_shape, (len(weight),), dtype=torch.float64, device=inner.device)
        self.inner, self.weight = inner, weight

    def forward(self, x: Tensor) -> Tensor:
        return self._white(self.inner(x.to(self.inner.dtype)))

    def jvp(self, x: Tensor, tangent: Tensor) -> Tensor:
        return self._white(self.inner.jvp(x.to(self.inner.dtype), tangent.to(self.inner.dtype)))

    def vjp(self, x: Tensor, cotangent: Tensor) -> Tensor:
        pulled = as_data((cotangent @ self.weight).to(self.inner.dtype), self.inner.out_shape)
        return self.inner.vjp(x.to(self.inner.dtype), pulled).double()

    def _white(self, y: Tensor) -> Tensor:
        return real_view(y).double() @ self.weight.T


def _whiten_on_average(problem: Problem, method: str, n_draws: int) -> Problem:
    """Whiten by the mean over prior draws of ``J C J' + N`` and ``J mu``, with J the derivative at a draw."""
    image = require_residual(problem.prior, method).image
    data, device = data_model(problem), problem.measurements.device
    mean = image.mean.flatten().to(device).double()
    total = noise_variance(problem, method).diag()
    shift = total.new_zeros(len(total))
    for x in problem.prior.sample(n_draws, seed=0):  # bounds the memory: a Jacobian at once
        jacobian = data.jacobian(x.double().flatten()[None])[0]
        total = total + jacobian.T @ image.times(jacobian) / n_draws
        shift = shift + mean @ jacobian / n_draws
    factor = torch.linalg.cholesky(0.5 * (total + total.T))
    unit = torch.eye(len(factor), dtype=factor.dtype, device=device)
    forward = _WhitenedForward(problem.forward, torch.linalg.solve_triangular(factor, unit, upper=False))
    y = (real_view(data.y) - shift) @ forward.weight.T
    return Problem(in_double(problem.prior), forward, Gaussian(1.0), y)
