"""Charts: prior draws with their Jacobians, to foresee how low a search from each of them would get.

A draw's own misfit says little about where a search from it ends: the minimum of its Gauss-Newton model of
the objective says more, and costs no pass of the generator, since all measurements of one operator share the
draws, their predictions and their Jacobians.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.jacobian import latent_jacobian, real_curvature, solve_smaller

#: Tangents of all charts together: what a codebook of charts costs, in passes of the generator.
MAX_CHART_TANGENTS = 4096
#: Numbers in all the charts' Jacobians together; bounds the memory.
MAX_CHART_NUMBERS = 2**26
#: Damping of a chart's step, relative to the diagonal of its curvature.
_DAMPING = 1e-3


@dataclass(frozen=True)
class Charts:
    """Prior draws `z` ``(codes, latent)``, ``F(G(z))`` and Jacobians ``(codes, measurements, latent)``."""

    z: Tensor
    prediction: Tensor
    jacobian: Tensor


def n_charts(problem: Problem) -> int:
    """Return how many charts are affordable: fewer for long latents: each costs `n_latent` passes."""
    n_latent = problem.prior.n_latent
    return min(MAX_CHART_TANGENTS // n_latent, MAX_CHART_NUMBERS // (n_latent * problem.n_measurements))


def draw_charts(problem: Problem, *, seed: int) -> Charts:
    """Draw the charts, the same for every measurement."""
    z = problem.prior.sample_latent(n_charts(problem), seed=seed)
    with torch.no_grad():
        prediction = problem.forward(problem.prior(z))
    return Charts(z, prediction, latent_jacobian(problem, z))


def objectives(problem: Problem, z: Tensor, prediction: Tensor) -> Tensor:
    """Return the objective of every measurement at each of some latents, ``(batch, codes)``."""
    energies = [problem.likelihood.energy(prediction, y[None]) for y in problem.measurements]
    return torch.stack(energies) + 0.5 * problem.latent_weight * z.square().sum(1)


def foreseen(problem: Problem, charts: Charts) -> Tensor:
    """Return the objective that each chart's model reaches, ``(batch, codes)``.

    Where the likelihood's curvature depends on the data, each measurement would need models of its own; there
    it is the objective at the draw itself.
    """
    reached = objectives(problem, charts.z, charts.prediction)
    if isinstance(problem.likelihood, Gaussian) and problem.likelihood.sigma is not None:
        reached = reached - _model_decrease(problem, charts)
    return reached


def _model_decrease(problem: Problem, charts: Charts) -> Tensor:
    """Return ``g' (J'CJ + w I + mu D)^-1 g / 2`` with ``g = J'C (F(G(z)) - y) + w z``, ``(batch, codes)``."""
    prediction, y = real_view(charts.prediction), real_view(problem.measurements)
    curvature = real_curvature(problem, charts.prediction, charts.prediction)
    pulled = charts.jacobian * curvature[:, :, None]  # C J
    at_zero = (prediction[:, None] @ pulled).squeeze(1) + problem.latent_weight * charts.z
    of_data = y @ pulled.transpose(0, 1).flatten(1)  # (batch, codes * latent)
    gradient = at_zero[:, :, None] - of_data.T.reshape(*at_zero.shape, len(y))
    scaled = charts.jacobian * curvature.sqrt()[:, :, None]
    scale = scaled.square().sum(1) + problem.latent_weight
    scale = scale.clamp_min(1e-12 + 1e-6 * scale.amax(1, keepdim=True))  # flat directions are damped too
    step = solve_smaller(scaled, problem.latent_weight + _DAMPING * scale, gradient)
    return 0.5 * (gradient * step).sum(1).T
