"""From a latent search to an answer past the generator's range: what the solvers that leave it share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.beyond_range.logit_model import LogitModel, LogitState
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.scoring import finish, noise_threshold


def to_the_minimum(problem: Problem, restarts: int | None) -> LevenbergMarquardt:
    """Return the latent search that goes on to the objective's minimum, whatever the noise level.

    Without a number of restarts it takes 3 where there are at least two data per latent number, else 10,
    since few data leave many local minima.
    """
    enough = problem.n_measurements >= 2 * problem.prior.n_latent
    if restarts is None:
        restarts = 3 if enough else 10
    return LevenbergMarquardt(restarts=restarts, stop_at_noise=False)


def leave_range(
    problem: Problem,
    model: LogitModel,
    found: Solution,
    *,
    n_iterations: int,
    tolerance: float,
    stop_at_noise: bool = True,
    monitor: Monitor | None = None,
) -> Solution:
    """Go on from a latent search: step until all have ended, and once more where data are unexplained.

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
    monitor
        Called after each step.
    """
    assert found.z is not None  # a latent search has latents
    step = partial(LogitModel.step, tolerance=tolerance, stop_at_noise=stop_at_noise)
    began, tell = time.perf_counter(), monitor or (lambda _: None)
    was_interrupted, iteration = found.was_interrupted, 0
    with torch.no_grad(), model.prior.frozen():
        state = model.init(found.z.double())
        try:
            while len(state.active) and iteration < n_iterations and not was_interrupted:
                state, iteration = step(model, state), iteration + 1
                misfit, seconds = float(state.misfit.median()), time.perf_counter() - began
                tell(Progress(iteration, n_iterations, len(state.active), len(state.z), misfit, seconds))
            if not was_interrupted:
                state = _second_start(problem, model, state, found, step, n_iterations)
        except KeyboardInterrupt:
            was_interrupted = True
        return _solution(problem, model, state, found, was_interrupted=was_interrupted)


def _second_start(  # as many as `leave_range` has
    problem: Problem,
    model: LogitModel,
    state: LogitState,
    found: Solution,
    step: Callable[[LogitModel, LogitState], LogitState],
    n_iterations: int,
) -> LogitState:
    """Step from the second-best restart where the data are not explained; keep the lower objective."""
    missed = (state.misfit > noise_threshold(problem)).nonzero().squeeze(1)
    if len(missed) == 0 or found.restart_objectives is None or found.restart_latents is None:
        return state
    if found.restart_objectives.shape[1] == 1:
        return state
    second = found.restart_objectives[missed].argsort(1)[:, 1]
    again = model.subset(missed)
    trial = again.init(found.restart_latents[missed, second].double())
    for _ in range(n_iterations):
        if len(trial.active) == 0:
            break
        trial = step(again, trial)
    is_lower = (trial.objective < state.objective[missed]).nonzero().squeeze(1)
    return state.put(missed[is_lower], trial.take(is_lower))


def _solution(
    problem: Problem, model: LogitModel, state: LogitState, found: Solution, *, was_interrupted: bool
) -> Solution:
    dtype = problem.prior.dtype
    running = torch.zeros_like(state.misfit, dtype=torch.bool)
    running[state.active] = True
    unfinished = Status.INTERRUPTED if was_interrupted else Status.MAX_ITERATIONS
    ended = [unfinished if is_running else Status.CONVERGED for is_running in running.tolist()]
    x = model.candidates(state).reshape(-1, *problem.forward.in_shape)
    z = state.z.to(dtype)
    reached = replace(found, x=problem.prior(z), z=z, objective=state.objective.to(dtype), status=ended)
    return finish(problem, reached, x)
