"""The evidence of measurements under a generator's tangents: a mixture of Gaussians around prior draws.

``p(y) = mean_k N(y; A (G(z_k) + mu), A (J_k J_k' + C) A' + N)`` with J_k the derivative at the draw z_k: a
mixture of factor analysers (Ghahramani and Hinton, The EM algorithm for mixtures of factor analyzers, 1996).
Nothing is searched, and all measurements share the draws.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.beyond_range.whitening import require_residual
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.solvers.linear.jacobian import push_unit_tangents
from sciadv.solvers.linear.linearised_draws import n_linearised

#: Draws whose densities are made at once; bounds the memory.
_CHUNK = 16


def tangent_mixture(problem: Problem, matrices: list[Tensor], *, n_draws: int = 200, seed: int = 0) -> Tensor:
    """Return the log density of the measurements through each operator, ``(batch, operators)``, float64.

    Parameters
    ----------
    problem
        Gaussian noise of known sigma, a prior with statistics of its residual.
    matrices
        Operators ``(measurements, pixels)`` that may have made the measurements.
    n_draws
        Draws of the prior at most.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        The noise or the prior are of another kind.
    """
    prior, image = problem.prior, require_residual(problem.prior, "the diagnosis").image
    z = prior.sample_latent(min(n_draws, n_linearised(problem)), seed=seed)
    with torch.no_grad():
        x, tangents = push_unit_tangents(prior, z)
    y, noise = real_view(problem.measurements).double(), noise_variance(problem, "the diagnosis").diag()
    mean = x.flatten(1).double() + image.mean.flatten().to(y)
    columns = tangents.flatten(2).permute(1, 2, 0).double()  # (draws, pixels, n_latent)
    densities = []
    for matrix in matrices:
        total = matrix @ image.times(matrix.T) + noise
        root = torch.linalg.cholesky(0.5 * (total + total.T))
        white = torch.linalg.solve_triangular(root, torch.cat([matrix, y.T], 1), upper=False)
        operator, data = white[:, : matrix.shape[1]], white[:, matrix.shape[1] :]
        parts = [
            _log_densities(operator @ some, data - (operator @ at.T).T[:, :, None])
            for at, some in zip(torch.split(mean, _CHUNK), torch.split(columns, _CHUNK), strict=True)
        ]
        densities.append(torch.cat(parts).logsumexp(0) - root.diagonal().log().sum())
    constant = log(len(z)) + 0.5 * y.shape[1] * log(2 * torch.pi)
    return torch.stack(densities, 1) - constant


def _log_densities(columns: Tensor, residual: Tensor) -> Tensor:
    """Return ``log N(r; 0, I + B B')`` without its constant, ``(draws, batch)``, by Woodbury's identity.

    B is ``(draws, measurements, n_latent)``, r ``(draws, measurements, batch)``.
    """
    inner = columns.transpose(1, 2) @ columns
    inner.diagonal(dim1=1, dim2=2).add_(1)
    root = torch.linalg.cholesky(inner)
    known = torch.linalg.solve_triangular(root, columns.transpose(1, 2) @ residual, upper=False)
    square = residual.square().sum(1) - known.square().sum(1)
    density: Tensor = -0.5 * square - root.diagonal(dim1=1, dim2=2).log().sum(1, keepdim=True)
    return density
