"""Posteriors past the generator's range: what a sampler of latents gives, with nu of ``x = G(z) + nu`` added.

Given z, nu is Gaussian with mean ``mu + K (y - A mu - A G(z))`` and covariance ``C - K A C``, where
``K = C A' (A C A' + N)^-1`` (Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, 1993,
theorem 10.2): the covariance is the same for all measurements and draws. So chains move in z alone, on the
whitened problem in which nu has been integrated out, and nu is drawn at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.whitening import Whitened, is_linear_gaussian, require_residual, whiten
from sciadv.solvers.latent.scoring import finish
from sciadv.types import as_generator

#: Draws that are completed at once; bounds the memory.
_CHUNK = 2048


def knows_its_error(problem: Problem) -> bool:
    """Whether nu can be drawn in closed form: known statistics, a linear operator, known Gaussian noise.

    And images small enough for covariances of all their pixels: for larger ones there is `LearnedTV`.
    """
    residual = problem.prior.residual
    is_small = residual is not None and residual.image.mean.numel() <= DENSE_PIXELS
    return is_small and is_linear_gaussian(problem)


def sample_past_range(
    problem: Problem, sample: Callable[[Problem], Solution], *, method: str, seed: int
) -> Solution:
    """Sample the problem with nu where the prior knows its representation error, else without.

    Parameters
    ----------
    problem
        What to solve.
    sample
        Draws latents from the posterior of a problem; its solution has a posterior unless interrupted.
    method
        Who asks, for the errors.
    seed
        Seed of nu.
    """
    if not knows_its_error(problem):
        return sample(problem)
    whitened = whiten(problem, method)
    found = sample(whitened.problem)
    solution = finish(problem, found, whitened.complete(found.x))
    settings = {**solution.settings, "representation_error": "in the posterior"}
    posterior = None if found.posterior is None else _completed(problem, whitened, found.posterior, seed)
    return replace(solution, posterior=posterior, settings=settings)


def _completed(problem: Problem, whitened: Whitened, posterior: Posterior, seed: int) -> Posterior:
    """Add a draw of nu, the same random numbers for every measurement."""
    n_problems, n = posterior.samples.shape[:2]
    factor = _conditional_factor(problem, whitened)
    noise = torch.randn(n, len(factor), generator=as_generator(seed + 1), dtype=torch.float64)
    spread = (noise.to(factor.device) @ factor.T).reshape(n, *problem.forward.in_shape)
    size = max(1, _CHUNK // n_problems)
    parts = []
    for draws, nu in zip(torch.split(posterior.samples, size, 1), torch.split(spread, size), strict=True):
        complete = torch.stack([whitened.complete(x) for x in draws.unbind(1)], 1)
        parts.append((complete + nu).to(problem.prior.dtype))
    latents = posterior.latents.to(problem.prior.dtype)
    return replace(posterior, samples=torch.cat(parts, 1), latents=latents)


def _conditional_factor(problem: Problem, whitened: Whitened) -> Tensor:
    """Return a factor F with ``F F' = C - K A C``, the covariance of nu given z."""
    covariance = require_residual(problem.prior, "the posterior").image.covariance
    given = covariance.to(whitened.gain) - whitened.gain @ whitened.gain.T
    values, vectors = torch.linalg.eigh(0.5 * (given + given.T))
    factor: Tensor = vectors * values.clamp_min(0).sqrt()
    return factor
