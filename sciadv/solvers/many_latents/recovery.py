"""Does a search recover what the generator made itself? The first question to ask of a generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward
from sciadv.likelihood import Likelihood
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers.latent.iterate import IterativeSolver
from sciadv.solvers.latent.progress import Monitor
from sciadv.types import as_generator


@dataclass(frozen=True)
class Recovery:
    """How many of a prior's own samples a search recovers, at one operator and noise.

    Parameters
    ----------
    share
        Part that is explained to the noise level.
    misfit
        Misfit of each sample ``(samples,)``.
    error
        Root mean square error of each recovered image ``(samples,)``.
    method
        The solver.
    seconds
        Wall time a sample.
    """

    share: float
    misfit: Tensor
    error: Tensor
    method: str
    seconds: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        n = len(self.misfit)
        return (
            f"{self.method} recovers {round(self.share * n)} of {n} of the generator's own samples to the "
            f"noise level (median misfit {float(self.misfit.median()):.2f})"
        )


def in_range_recovery(  # noqa: PLR0913  # a problem without its data
    prior: Prior,
    forward: Forward,
    likelihood: Likelihood,
    solver: IterativeSolver[Any],
    *,
    n_samples: int = 16,
    latent_weight: float = 1.0,
    seed: int = 0,
    monitor: Monitor | None = None,
) -> Recovery:
    """Return the share of a prior's own samples that a search recovers to the noise level.

    Parameters
    ----------
    prior
        The generator.
    forward, likelihood
        Operator and noise at which samples are measured; the noise level must be known.
    solver
        The search.
    n_samples
        Samples.
    latent_weight
        As of `Problem`.
    seed
        Seed of samples, noise and search.
    monitor
        As of a solver.

    Raises
    ------
    InputError
        The likelihood has no noise level, so that nothing says what is recovered.

    Examples
    --------
    >>> from sciadv.solvers import LevenbergMarquardt
    >>> from sciadv.testing.solver_suite import linear_problem
    >>> problem = linear_problem()
    >>> in_range_recovery(problem.prior, problem.forward, problem.likelihood, LevenbergMarquardt()).share
    1.0
    """
    posed = own_problem(
        prior, forward, likelihood, n_samples=n_samples, latent_weight=latent_weight, seed=seed
    )
    found = solver.solve(posed, seed=seed, monitor=monitor)
    assert posed.truth is not None  # own samples are known
    error = (found.x - posed.truth).flatten(1).abs().square().mean(1).sqrt()
    recovered = torch.tensor([status is Status.EXPLAINED for status in found.status])
    return Recovery(
        share=float(recovered.double().mean()),
        misfit=found.misfit,
        error=error,
        method=found.method,
        seconds=found.seconds / n_samples,
    )


def own_problem(  # a problem without its data
    prior: Prior,
    forward: Forward,
    likelihood: Likelihood,
    *,
    n_samples: int,
    latent_weight: float = 1.0,
    seed: int = 0,
) -> Problem:
    """Return the problem of recovering a prior's own samples, measured with noise.

    Raises
    ------
    InputError
        The likelihood has no noise level.
    """
    if not likelihood.has_noise_level:
        raise InputError("recovery to the noise level needs one; give the likelihood its sigma")
    numbers = as_generator(seed + 104729)  # other draws than those of starts
    truth = prior.sample(n_samples, seed=numbers)
    with torch.no_grad():
        y = likelihood.sample(forward(truth), generator=as_generator(seed, truth.device))
    return Problem(prior, forward, likelihood, y, latent_weight, "own samples", truth=truth)
