"""The Gauss-Newton model of an objective in the latents: its gradient and ``J'CJ``.

Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section 10.3; for likelihoods other than Gaussian
the curvature C is the Fisher information (Fisher scoring).
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.jacobian import real_curvature


def gauss_newton(
    problem: Problem, z: Tensor, prediction: Tensor, y: Tensor, jacobian: Tensor
) -> tuple[Tensor, Tensor]:
    """Return ``J'g + w z`` ``(rows, latent)`` and ``J'CJ`` ``(rows, latent, latent)``.

    g and C are the likelihood's gradient and curvature in the data, w the latent weight, which `plus_ridge`
    adds to the matrix.

    Parameters
    ----------
    problem
        Likelihood and latent weight.
    z
        Latents ``(rows, latent)``.
    prediction, y
        ``F(G(z))`` and the measurements ``(rows, *out_shape)``.
    jacobian
        J ``(rows, measurements, latent)``, complex data as two real numbers.
    """
    curvature = real_curvature(problem, prediction, y)
    in_data = real_view(problem.likelihood.gradient(prediction, y))
    gradient = (in_data[:, None] @ jacobian).squeeze(1)
    scaled = jacobian * curvature.sqrt()[:, :, None]
    return gradient + problem.latent_weight * z, scaled.transpose(1, 2) @ scaled


def plus_ridge(matrix: Tensor, ridge: Tensor | float) -> Tensor:
    """Return ``H + r I`` of matrices ``(rows, n, n)`` and one r, or one for each row ``(rows,)``."""
    unit = torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    scale = ridge[:, None, None] if isinstance(ridge, Tensor) else ridge
    total: Tensor = matrix + scale * unit
    return total
