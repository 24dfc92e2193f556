"""A problem with the generator's representation error in its noise: whitened, so that any search solves it.

``y = A (G(z) + nu) + eta`` with ``nu ~ N(mu, C)`` and noise of covariance N is ``y - A mu = A G(z) + e`` with
``e ~ N(0, S)``, ``S = A C A' + N = L L'``; multiplied by ``W = L^-1`` it is a latent problem with unit noise.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian, real_view
from sciadv.moments import Residual
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear import noise_variance, operator_matrix, require_linear


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
    """

    problem: Problem
    gain: Tensor
    mean: Tensor

    def complete(self, in_range: Tensor) -> Tensor:
        """Return ``G(z) + E[nu | y, z]`` of generated candidates ``(batch, *in_shape)``."""
        unexplained = self.problem.measurements - self.problem.forward(in_range)
        completed: Tensor = in_range + (self.mean + unexplained @ self.gain.T).reshape(in_range.shape)
        return completed


def in_double(prior: Prior) -> Prior:
    """Return a copy of the prior in float64, in which answers do not depend on the size of the batch."""
    encoder = None if prior.encoder is None else copy.deepcopy(prior.encoder).double()
    return replace(prior, generator=copy.deepcopy(prior.generator).double(), encoder=encoder)


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
            f"replace(prior, residual=sciadv.solvers.residual.learn_residual(prior, images))"
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
    covariance = residual.image.covariance.to(device).double()
    matrix = operator_matrix(problem.forward)
    crossed = covariance @ matrix.T
    data_covariance = matrix @ crossed + noise.diag()
    factor = torch.linalg.cholesky(0.5 * (data_covariance + data_covariance.T))
    data = real_view(problem.measurements).double() - matrix @ mean
    whitened = torch.linalg.solve_triangular(factor, torch.cat([matrix, data.T], 1), upper=False)
    n_pixels = matrix.shape[1]
    operator = Matrix(whitened[:, :n_pixels], problem.forward.in_shape, dtype=torch.float64, device=device)
    posed = Problem(in_double(problem.prior), operator, Gaussian(1.0), whitened[:, n_pixels:].T.contiguous())
    gain = torch.linalg.solve_triangular(factor, crossed.T, upper=False).T
    return Whitened(posed, gain, mean)
