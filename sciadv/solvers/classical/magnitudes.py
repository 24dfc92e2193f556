"""What iterations on magnitudes share: the linear operator behind them, and rows that end one by one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward
from sciadv.forward.imaging.magnitude import Magnitude
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress

#: From states ``(rows, ...)``, their rows and the iteration to the next states, misfits and which have ended.
Step = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor, Tensor]]


def linear_of(problem: Problem, method: str) -> LinearForward:
    """Return A of a problem whose data are ``|A x|``.

    Raises
    ------
    InputError
        The operator is no `Magnitude`.
    """
    if not isinstance(problem.forward, Magnitude):
        raise InputError(
            f"{method} needs magnitudes of a linear operator, but the operator is "
            f"{type(problem.forward).__name__}; use levenberg-marquardt, which takes any operator"
        )
    return problem.forward.linear


@dataclass(frozen=True)
class Iterated:
    """Where the rows have come: last states, which were still `running`, and whether the user stopped it."""

    state: Tensor
    running: Tensor
    was_interrupted: bool


def iterate(step: Step, state: Tensor, n_iterations: int, monitor: Monitor | None) -> Iterated:
    """Repeat a step on the rows that have not ended; a row never sees the others.

    Parameters
    ----------
    step
        What is repeated.
    state
        Where the rows start ``(rows, ...)``.
    n_iterations
        Repetitions at most.
    monitor
        Called after each.
    """
    began, state = time.perf_counter(), state.clone()
    active, was_interrupted = torch.arange(len(state), device=state.device), False
    try:
        for iteration in range(1, n_iterations + 1):
            moved, misfit, has_ended = step(state[active], active, iteration)
            state[active] = moved
            active = active[~has_ended]
            if monitor is not None:
                seconds = time.perf_counter() - began
                median = float(misfit.median())
                monitor(Progress(iteration, n_iterations, len(active), len(state), median, seconds))
            if len(active) == 0:
                break
    except KeyboardInterrupt:
        was_interrupted = True
    running = torch.zeros(len(state), dtype=torch.bool, device=state.device)
    running[active] = True
    return Iterated(state, running, was_interrupted)


def unfinished(solution: Solution, found: Iterated) -> list[Status]:
    """Return the statuses, with those that had no time to converge named so."""
    return [
        Status.MAX_ITERATIONS if is_running and status is Status.CONVERGED else status
        for status, is_running in zip(solution.status, found.running.tolist(), strict=True)
    ]
