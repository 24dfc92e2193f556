"""Linearised draws: prior draws with their Jacobians, to predict the objective that a search would reach.

The misfit of a draw says little about where a search from it ends. The minimum of its Gauss-Newton model of
the objective says more, and costs no pass of the generator, since all measurements of one operator share the
draws, their predictions and their Jacobians.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, real_view
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear.jacobian import (
    Tangents,
    generator_tangents,
    is_quicker_by_rows,
    latent_jacobian,
    pushed,
    real_curvature,
    solve_smaller,
)

#: Numbers in the Jacobians of all draws together; bounds the memory.
MAX_NUMBERS = 2**26


@dataclass(frozen=True)
class LinearisedDraws:
    """Prior draws `z` ``(codes, latent)``, ``F(G(z))`` and Jacobians ``(codes, measurements, latent)``."""

    z: Tensor
    prediction: Tensor
    jacobian: Tensor


@dataclass(frozen=True)
class GeneratorDraws:
    """Latents `z` ``(codes, latent)``, candidates of the first ones, and the tangents at all, in parts."""

    z: Tensor
    first: Tensor
    parts: tuple[Tangents, ...]

    def is_of(self, z: Tensor, first: Tensor) -> bool:
        """Whether these are tangents at the latents `z` of a generator that gives `first` there."""
        pairs = ((self.z, z), (self.first, first))
        return all((a.device, a.dtype) == (b.device, b.dtype) and torch.equal(a, b) for a, b in pairs)


class LatestTangents:
    """The tangents of a generator that were made last, for the next search with that generator.

    They depend on neither operator nor measurements, and are most of the cost of a short search. Weights that
    were trained on since then give other candidates, so the tangents are made again.
    """

    def __init__(self) -> None:
        self._latest: GeneratorDraws | None = None

    def at(self, prior: Prior, z: Tensor) -> tuple[Tangents, ...]:
        """Return the tangents at latents ``(codes, latent)``, those of last time if nothing has changed."""
        latest = self._latest
        with torch.no_grad():
            first = prior(z[:2])
        if latest is None or not latest.is_of(z, first):
            latest = GeneratorDraws(z, first, tuple(generator_tangents(prior, z)))
            self._latest = latest
        return latest.parts


_LATEST = LatestTangents()


def n_linearised(problem: Problem, *, n_passes: int = 4096) -> int:
    """Return how many draws are linearised: each costs `n_latent` of the generator's `n_passes`."""
    n_latent = problem.prior.n_latent
    return min(n_passes // n_latent, MAX_NUMBERS // (n_latent * problem.n_measurements))


def linearised_draws(problem: Problem, *, seed: int) -> LinearisedDraws:
    """Draw latents and linearise the predictions around each, the same for every measurement."""
    z = problem.prior.sample_latent(n_linearised(problem), seed=seed)
    with torch.no_grad():
        prediction = problem.forward(problem.prior(z))
    return LinearisedDraws(z, prediction, _jacobian(problem, z))


def _jacobian(problem: Problem, z: Tensor) -> Tensor:
    """Return the Jacobians at draws, by the generator's tangents of last time where these are kept."""
    prior = problem.prior
    if is_quicker_by_rows(problem) or z.numel() * prior.example.numel() > MAX_NUMBERS:
        return latent_jacobian(problem, z)
    try:
        return torch.cat([pushed(problem, part) for part in _LATEST.at(prior, z)])
    except (RuntimeError, NotImplementedError):
        return latent_jacobian(problem, z)  # where there is no forward mode, by reverses


def objectives(problem: Problem, z: Tensor, prediction: Tensor) -> Tensor:
    """Return the objective of every measurement at each of some latents, ``(batch, codes)``."""
    energies = [problem.likelihood.energy(prediction, y[None]) for y in problem.measurements]
    return torch.stack(energies) + 0.5 * problem.latent_weight * z.square().sum(1)


def predicted_objectives(problem: Problem, draws: LinearisedDraws, *, damping: float = 1e-3) -> Tensor:
    """Return the minimum of each draw's model of the objective, ``(batch, codes)``.

    The step to it is damped by `damping` times the diagonal of the curvature.

    Where the likelihood's curvature depends on the data, each measurement would need models of its own; there
    it is the objective at the draw itself.
    """
    reached = objectives(problem, draws.z, draws.prediction)
    if isinstance(problem.likelihood, Gaussian) and problem.likelihood.sigma is not None:
        reached = reached - _model_decrease(problem, draws, damping)
    return reached


def _model_decrease(problem: Problem, draws: LinearisedDraws, damping: float) -> Tensor:
    """Return ``g' (J'CJ + w I + mu D)^-1 g / 2`` with ``g = J'C (F(G(z)) - y) + w z``, ``(batch, codes)``."""
    prediction, y = real_view(draws.prediction), real_view(problem.measurements)
    curvature = real_curvature(problem, draws.prediction, draws.prediction)
    pulled = draws.jacobian * curvature[:, :, None]  # C J
    at_zero = (prediction[:, None] @ pulled).squeeze(1) + problem.latent_weight * draws.z
    of_data = y @ pulled.transpose(0, 1).flatten(1)  # (batch, codes * latent)
    gradient = at_zero[:, :, None] - of_data.T.reshape(*at_zero.shape, len(y))
    scaled = draws.jacobian * curvature.sqrt()[:, :, None]
    scale = scaled.square().sum(1) + problem.latent_weight
    scale = scale.clamp_min(1e-12 + 1e-6 * scale.amax(1, keepdim=True))  # flat directions are damped too
    step = solve_smaller(scaled, problem.latent_weight + damping * scale, gradient)
    return 0.5 * (gradient * step).sum(1).T
