"""Posteriors past the generator's range: what a sampler of latents gives, with nu of ``x = G(z) + nu`` added.

Given z, nu is Gaussian with mean ``mu + K (y - A mu - A G(z))`` and covariance ``C - K A C``, where
``K = C A' (A C A' + N)^-1`` (Kay, Fundamentals of Statistical Signal Processing: Estimation Theory, 1993,
theorem 10.2): the covariance is the same for all measurements and draws. So chains move in z alone, on the
whitened problem in which nu has been integrated out, and nu is drawn at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.data.moments import DENSE_PIXELS
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.whitening import Whitened, is_linear_gaussian, require_residual, whiten
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import finish
from sciadv.types import as_generator

#: Draws that are completed at once; bounds the memory.
CHUNK = 2048


def knows_its_error(problem: Problem) -> bool:
    """Whether nu can be drawn in closed form: known statistics, a linear operator, known Gaussian noise.

    And images small enough for covariances of all their pixels: for larger ones there is `LearnedTV`.
    """
    residual = problem.prior.residual
    is_small = residual is not None and residual.image.mean.numel() <= DENSE_PIXELS
    return is_small and is_linear_gaussian(problem)


@dataclass(frozen=True, eq=False)
class LatentPosterior:
    """The problem whose latents are sampled, and how nu is added afterwards.

    Parameters
    ----------
    problem
        What is solved.
    whitened
        The whitened problem in which nu has been integrated out, where nu can be drawn; else None.
    """

    problem: Problem
    whitened: Whitened | None

    @property
    def latent(self) -> Problem:
        """The problem of the latents alone."""
        return self.problem if self.whitened is None else self.whitened.problem

    def complete(self, found: Solution, seed: int) -> Solution:
        """Return the solution of the problem itself, nu added to answers and draws.

        An interruption while nu is drawn leaves the posterior out.
        """
        whitened = self.whitened
        if whitened is None:
            return found
        solution = finish(self.problem, found, whitened.complete(found.x))
        drawn, posterior = found.posterior, None
        if drawn is not None:
            posterior = Run().attempt(lambda: _completed(self.problem, whitened, drawn, seed))
        settings = {**solution.settings, "representation_error": "in the posterior"}
        return replace(solution, posterior=posterior, settings=settings)


def latent_posterior(problem: Problem, method: str) -> LatentPosterior:
    """Return the problem whose latents are sampled: with nu where the prior knows its representation error.

    Parameters
    ----------
    problem
        What is solved.
    method
        Who asks, for the errors.
    """
    return LatentPosterior(problem, whiten(problem, method) if knows_its_error(problem) else None)


def _completed(problem: Problem, whitened: Whitened, posterior: Posterior, seed: int) -> Posterior:
    """Add a draw of nu, the same random numbers for every measurement."""
    n_problems, n = posterior.samples.shape[:2]
    factor = _conditional_factor(problem, whitened)
    noise = torch.randn(n, len(factor), generator=as_generator(seed + 1), dtype=torch.float64)
    spread = (noise.to(factor.device) @ factor.T).reshape(n, *problem.forward.in_shape)
    size = max(1, CHUNK // n_problems)
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
