"""`auto` past the range of a prior that knows no images: estimates combined as each measurement's data say.

A generator alone does not say what it cannot represent. Where its range leaves a measurement unexplained, the
best linear estimate from its own samples and the total variation compete with it, and
parts of the measurement are predicted from the rest (`held_out`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import torch

from sciadv.data.moments import DENSE_PIXELS, moments_of
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.automatic.estimates import EstimateSettings, Estimation, estimate_names, has_matrix
from sciadv.solvers.automatic.held_out import HeldOut, held_out_weights
from sciadv.solvers.beyond_range.whitening import is_linear_gaussian
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.stacking import combined, with_weight


@dataclass(frozen=True)
class OwnDataSettings:
    """The numbers of the choice by a measurement's own data.

    Parameters
    ----------
    estimates
        How the estimates are made.
    held_out
        How data are left out.
    n_samples
        Samples of the generator that give the best linear estimate its mean and covariance.
    fewest_data
        Shorter measurements leave too few data to choose by.
    least_weight
        Estimates of less weight are left out.
    """

    estimates: EstimateSettings = field(default_factory=EstimateSettings)
    held_out: HeldOut = field(default_factory=HeldOut)
    n_samples: int = 1000
    fewest_data: int = 20
    least_weight: float = 0.02


def choose_by_data(
    problem: Problem, found: Solution, settings: OwnDataSettings, *, restarts: int | None, run: Run
) -> Solution:
    """Return a latent search's solution, with what it leaves unexplained answered by combined estimates.

    Parameters
    ----------
    problem
        What was searched; other than linear with known Gaussian noise, it keeps its solution.
    found
        The latent search's solution.
    settings
        The numbers.
    restarts
        Starts of the searches, as in `RepresentationError`.
    run
        The run that it belongs to. Interrupted, the solution stays as it was.
    """
    unexplained = torch.tensor([status is not Status.EXPLAINED for status in found.status])
    rows = unexplained.nonzero().squeeze(1)
    can_be = (
        problem.prior.residual is None
        and is_linear_gaussian(problem)
        and not problem.constraints
        and problem.n_measurements >= settings.fewest_data
        and has_matrix(problem, settings.estimates)
    )
    if not can_be or len(rows) == 0:
        return found
    begun = found.rows(rows.to(found.x.device))
    chosen = run.attempt(lambda: _chosen(problem.subset(rows), begun, settings, restarts, run))
    if chosen is None:
        return found
    kept = replace(found, x_range=found.x).with_rows(rows.to(found.x.device), chosen)
    counts = {"range": len(unexplained) - len(rows), "own data": len(rows)}
    method = "combination" if len(rows) == len(unexplained) else found.method
    settings_of_both = {**found.settings, "weights": chosen.settings["weights"], "chosen_by": counts}
    return replace(kept, method=method, settings=settings_of_both)


def _chosen(
    problem: Problem, found: Solution, settings: OwnDataSettings, restarts: int | None, run: Run
) -> Solution:
    prior = problem.prior
    samples = prior.sample(settings.n_samples, seed=0)
    if prod(prior.out_shape) <= DENSE_PIXELS and prior.moments is None:
        prior = replace(prior, moments=moments_of(samples))
    posed = replace(problem, prior=prior)
    starts = None if found.z is None else found.z[:, None]
    made = Estimation(posed, settings.estimates, restarts, run, samples, starts)
    names = estimate_names(posed, settings.estimates)
    weights = held_out_weights(made, names, settings.held_out, least=settings.least_weight)
    taken = with_weight(names, weights)
    x = combined(made.make(taken), names, weights)
    solution = score(problem, x, ended=Status.CONVERGED)
    mean = dict(zip(names, weights.mean(0).tolist(), strict=True))
    return replace(solution, settings={"weights": {name: round(mean[name], 3) for name in taken}})
