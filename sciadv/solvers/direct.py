"""What the baselines share: methods that compute their answer without a generator, in one go."""

from __future__ import annotations

import time
from math import prod

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Forward
from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.search import Monitor, Progress

#: Candidates that an operator is given at once; bounds the memory.
_CHUNK = 256


def require_linear(forward: Forward, method: str) -> None:
    """Raise unless the operator is linear.

    Raises
    ------
    InputError
        It is not.
    """
    if not forward.is_linear:
        raise InputError(
            f"{method} needs a linear operator, but {type(forward).__name__} is not; "
            f"use levenberg-marquardt or adam, which take any operator"
        )


def apply_rows(forward: Forward, rows: Tensor) -> Tensor:
    """Apply a linear operator to each row of ``(batch, pixels)``; real ``(batch, measurements)``, float64.

    Complex data count as two real numbers each, so that the result is linear over the reals for any operator.
    """
    images = rows.to(forward.dtype).to(forward.device).reshape(-1, *forward.in_shape)
    with torch.no_grad():
        parts = [real_view(forward(part)).double() for part in torch.split(images, _CHUNK)]
    return torch.cat(parts)


def operator_matrix(forward: Forward) -> Tensor:
    """Return a linear operator as a real matrix ``(measurements, pixels)``, float64, column by column."""
    unit = torch.eye(prod(forward.in_shape), device=forward.device)
    return apply_rows(forward, unit).T


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
    )
