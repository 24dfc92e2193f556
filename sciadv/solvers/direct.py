"""What the baselines share: methods that compute their answer without a generator, in one go."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.search import Monitor, Progress


def direct_solution(
    problem: Problem,
    x: Tensor,
    *,
    method: str,
    started: float,
    settings: dict[str, object],
    monitor: Monitor | None,
) -> Solution:
    """Score candidates that were computed in closed form, and tell the monitor once.

    Parameters
    ----------
    problem
        What was solved.
    x
        The candidates ``(batch, *in_shape)``.
    method
        The solver's name.
    started
        `time.perf_counter` when it began.
    settings
        The solver's settings.
    monitor
        Called once, if there is one.
    """
    x = x.to(problem.prior.dtype).reshape(-1, *problem.forward.in_shape)
    with torch.no_grad():
        prediction = problem.forward(x)
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    seconds = time.perf_counter() - started
    if monitor is not None:
        monitor(Progress(1, 1, 0, len(x), float(misfit.median()), seconds))
    return Solution(
        x=x,
        z=None,
        prediction=prediction,
        misfit=misfit,
        status=[Status.DIRECT if bool(m.isfinite()) else Status.NOT_FINITE for m in misfit],
        method=method,
        objective=problem.likelihood.energy(prediction, problem.measurements),
        seconds=seconds,
        settings=settings,
        unit=problem.likelihood.unit,
        margins=problem.margins(x),
    )
