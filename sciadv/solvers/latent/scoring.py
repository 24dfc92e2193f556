"""Solutions from candidates: prediction and misfit by the problem's likelihood, status in words."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress


def noise_threshold(problem: Problem, n_deviations: float = 2.0) -> float:
    """Return the largest misfit that counts as explained: so many deviations of chi-square above its mean."""
    if problem.likelihood.unit != "sigma":
        return 1.0
    spread: float = (2 / problem.n_measurements) ** 0.5
    return float((1 + n_deviations * spread) ** 0.5)


def finish(problem: Problem, found: Solution, x: torch.Tensor) -> Solution:
    """Return the solution whose answer is x from that of the latent search that found its G(z)."""
    x = x.to(problem.prior.dtype)
    with torch.no_grad():
        prediction = problem.forward(x)
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    return replace(
        found,
        x=x,
        x_range=found.x.to(x.dtype),
        prediction=prediction,
        misfit=misfit,
        status=[outcome(float(m), problem, was) for m, was in zip(misfit, found.status, strict=True)],
        margins=problem.margins(x),
        unit=problem.likelihood.unit,
    )


def outcome(misfit: float, problem: Problem, ended: Status) -> Status:
    """Return the status of a search that `ended` so, by the misfit of its answer to the problem itself."""
    if not misfit < float("inf"):
        return Status.NOT_FINITE
    if not problem.likelihood.has_noise_level:
        running = ended in {Status.INTERRUPTED, Status.MAX_ITERATIONS}
        return ended if running else Status.CONVERGED_UNKNOWN_NOISE
    if misfit <= noise_threshold(problem):
        return Status.EXPLAINED
    return Status.CONVERGED if ended is Status.EXPLAINED else ended


def described(
    problem: Problem, x: Tensor, z: Tensor | None, method: str, started: float, *, was_interrupted: bool
) -> Solution:
    """Score answers ``(batch, *in_shape)``, whose latents are z, and say how each ended."""
    x = x.detach()
    with torch.no_grad():
        prediction = problem.forward(x)
        x_range = None if z is None else problem.prior(z.detach())
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    ended = Status.INTERRUPTED if was_interrupted else Status.CONVERGED
    return Solution(
        x=x,
        z=None if z is None else z.detach(),
        prediction=prediction,
        misfit=misfit,
        status=[outcome(float(m), problem, ended) for m in misfit],
        method=method,
        objective=problem.likelihood.energy(prediction, problem.measurements),
        seconds=time.perf_counter() - started,
        unit=problem.likelihood.unit,
        margins=problem.margins(x),
        x_range=x_range,
    )


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
