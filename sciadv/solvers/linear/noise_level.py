"""The noise level where it is unknown, by the evidence.

MacKay, Bayesian interpolation, Neural Computation 4 (1992) 415-447, equations 4.10 and 4.11: the residual's
squares are shared among the data less the parameters that they determine.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.jacobian import latent_jacobian

#: Measurements whose Jacobians are made at once; bounds the memory.
_CHUNK = 200


def noise_level(problem: Problem, z: Tensor, *, n_steps: int = 50) -> Tensor:
    """Return the noise's standard deviation of each measurement ``(batch,)`` [unit of y].

    ``sigma^2 = |F(G(z)) - y|^2 / (m - gamma)`` with the number of well-determined parameters
    ``gamma = sum_i l_i / (l_i + w sigma^2)``, l_i the eigenvalues of ``J' J`` and w the latent weight.
    Dividing by m alone, as the likelihood's maximum does, is too little by ``gamma / m``.

    Parameters
    ----------
    problem
        Gaussian noise of unknown sigma, the same for all data of a measurement.
    z
        Latents that a search has ended at ``(batch, n_latent)``.
    n_steps
        Fixed-point steps; each shrinks the change by the share of parameters among the data.

    Notes
    -----
    What the generator cannot represent counts as noise. Cost: a Jacobian per measurement.
    """
    m, weight = problem.n_measurements, problem.latent_weight
    with torch.no_grad():
        residual = real_view(problem.forward(problem.prior(z)) - problem.measurements).double()
    values = []
    for part in torch.split(z, _CHUNK):
        jacobian = latent_jacobian(problem, part).double()
        values.append(torch.linalg.svdvals(jacobian).square())
    determined, square = torch.cat(values), residual.square().sum(1)
    variance = square / m
    for _ in range(n_steps):
        shrunk = weight * variance[:, None]
        gamma = (determined / (determined + shrunk).clamp_min(1e-300)).sum(1)
        variance = square / (m - gamma).clamp_min(1.0)
    return variance.sqrt().to(problem.prior.dtype)
