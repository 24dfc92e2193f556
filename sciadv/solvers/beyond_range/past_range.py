"""From a latent search past the generator's range: Gauss-Newton steps, and a second start where they fail."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.logit_model import LogitModel, LogitState
from sciadv.solvers.latent.iterate import State, every_row
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import noise_threshold, score


def search_to_minimum(problem: Problem, restarts: int | None) -> LevenbergMarquardt:
    """Return the latent search that goes on to the objective's minimum, whatever the noise level.

    Without a number of restarts it takes 3 where there are at least two data per latent number, else 10,
    since few data leave many local minima.
    """
    enough = problem.n_measurements >= 2 * problem.prior.n_latent
    if restarts is None:
        restarts = 3 if enough else 10
    return LevenbergMarquardt(restarts=restarts, stop_at_noise=False)


@dataclass(frozen=True, eq=False)
class PastRange:
    """What the steps go on from.

    Parameters
    ----------
    problem
        What is solved.
    model
        Its measurements as a function of latent and change.
    found
        The solution of a latent search, whose restarts are the starts.
    n_iterations
        Steps per start at most.
    tolerance
        A measurement has converged when a step decreases its objective by less than this part of it.
    stop_at_noise
        Whether a measurement ends at the noise level, see
        `sciadv.solvers.beyond_range.logit_model.LogitModel.step`.
    """

    problem: Problem
    model: LogitModel
    found: Solution
    n_iterations: int
    tolerance: float
    stop_at_noise: bool = True


@dataclass(frozen=True)
class Attempt:
    """The start that is stepped from now.

    Parameters
    ----------
    at
        Where the steps stand, of every measurement.
    missed
        Measurements of the second start; None in the first.
    unfinished
        Measurements that the first start has left unfinished.
    """

    at: LogitState
    missed: Tensor | None
    unfinished: Tensor


PastRangeState = State[PastRange, LogitState, Attempt]


def begin_past_range(search: PastRange, run: Run) -> PastRangeState:
    """Return the state at the generator's candidates of the latent search."""
    assert search.found.z is not None  # a latent search has latents
    z = search.found.z.double()
    with torch.no_grad():
        first = search.model.start(z, every_row(z))
    attempt = Attempt(first, None, every_row(z)[:0])
    return State(search, run, first, every_row(z), attempt, search.n_iterations)


def step_past_range(state: PastRangeState) -> PastRangeState:
    """Do one step on every active row; where all have ended, go on from the second start if there is one."""
    search, attempt, rows = state.search, state.memory, state.active
    with torch.no_grad():
        there, ended = search.model.step(
            attempt.at.take(rows), rows, search.tolerance, stop_at_noise=search.stop_at_noise
        )
    at = attempt.at.put(rows, there)
    best = at if attempt.missed is None else state.best
    reached = state.after(best, replace(attempt, at=at), rows[~ended])
    if reached.is_running:
        return reached
    return _second_start(reached) if attempt.missed is None else _lower_of_both(reached)


def _second_start(state: PastRangeState) -> PastRangeState:
    """Begin from the second-best restart where the data are not explained."""
    search, found = state.search, state.search.found
    missed = (state.best.misfit > noise_threshold(search.problem)).nonzero().squeeze(1)
    if len(missed) == 0 or found.restart_objectives is None or found.restart_latents is None:
        return state
    if found.restart_objectives.shape[1] == 1:
        return state
    second = found.restart_objectives[missed].argsort(1)[:, 1]
    with torch.no_grad():
        trial = search.model.start(found.restart_latents[missed, second].double(), missed)
    attempt = Attempt(state.best.put(missed, trial), missed, state.active)
    n_iterations = state.iteration + search.n_iterations
    return replace(state, active=missed, memory=attempt, n_iterations=n_iterations)


def _lower_of_both(state: PastRangeState) -> PastRangeState:
    """Keep the lower objective of the two starts; nothing is stepped any more."""
    missed, attempt = state.memory.missed, state.memory
    assert missed is not None
    is_lower = attempt.at.objective[missed] < state.best.objective[missed]
    better = missed[is_lower]
    best = state.best.put(better, attempt.at.take(better))
    return replace(state, best=best, active=attempt.unfinished, n_iterations=state.iteration)


def past_range_solution(state: PastRangeState) -> Solution:
    """Score the candidates; the restarts are those of the latent search."""
    search, best = state.search, state.best
    problem, found = search.problem, search.found
    z = best.z.to(problem.prior.dtype)
    with torch.no_grad():
        x = search.model.candidates(best)
        in_range = problem.prior(z)
    return replace(
        score(problem, x, z=z, x_range=in_range, ended=state.ended),
        objective=best.objective.to(problem.prior.dtype),
        restart_objectives=found.restart_objectives,
        restart_latents=found.restart_latents,
        history=found.history,
        settings={"restarts": found.settings["restarts"]},
    )
