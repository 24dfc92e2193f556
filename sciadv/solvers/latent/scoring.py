"""The one maker of solutions: candidates with their prediction and misfit, and a status in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Progress, Run


def noise_threshold(problem: Problem, n_deviations: float = 2.0) -> float:
    """Return the largest misfit that counts as explained: so many deviations of chi-square above its mean."""
    if problem.likelihood.unit != "sigma":
        return 1.0
    spread: float = (2 / problem.n_measurements) ** 0.5
    return float((1 + n_deviations * spread) ** 0.5)


def score(
    problem: Problem,
    x: Tensor,
    *,
    ended: Status | Sequence[Status],
    z: Tensor | None = None,
    x_range: Tensor | None = None,
    prediction: Tensor | None = None,
) -> Solution:
    """Return the solution whose answers are `x`; its method, history and settings are still empty.

    Parameters
    ----------
    problem
        What was solved.
    x
        Candidates ``(batch, *in_shape)``.
    ended
        How the search ended, whatever the misfit: of each measurement, or of all.
    z
        Latents ``(batch, n_latent)`` of methods with a generator.
    x_range
        ``G(z)``, where x has left the generator's range.
    prediction
        ``F(x)``, where it is known.
    """
    dtype = problem.prior.dtype.to_complex() if x.is_complex() else problem.prior.dtype
    x = x.detach().to(dtype).reshape(-1, *problem.forward.in_shape)
    with torch.no_grad():
        predicted = problem.forward(x) if prediction is None else prediction
        misfit = problem.likelihood.misfit(predicted, problem.measurements)
        energy = problem.likelihood.energy(predicted, problem.measurements)
    each = [ended] * len(x) if isinstance(ended, Status) else ended
    return Solution(
        x=x,
        z=None if z is None else z.detach(),
        prediction=predicted,
        misfit=misfit,
        status=[outcome(float(m), problem, how) for m, how in zip(misfit, each, strict=True)],
        method="",
        objective=energy,
        unit=problem.likelihood.unit,
        margins=problem.margins(x),
        x_range=None if x_range is None else x_range.detach().to(x.dtype),
    )


def outcome(misfit: float, problem: Problem, ended: Status) -> Status:
    """Return the status of a search that `ended` so, by the misfit of its answer.

    The one rule: not finite, computed directly, explained to the noise level, else how the search ended.
    """
    if not misfit < float("inf"):
        return Status.NOT_FINITE
    if ended is Status.DIRECT:
        return Status.DIRECT
    if not problem.likelihood.has_noise_level:
        running = ended in {Status.INTERRUPTED, Status.MAX_ITERATIONS}
        return ended if running else Status.CONVERGED_UNKNOWN_NOISE
    if misfit <= noise_threshold(problem):
        return Status.EXPLAINED
    return Status.CONVERGED if ended is Status.EXPLAINED else ended


def finish(problem: Problem, found: Solution, x: Tensor) -> Solution:
    """Return the solution whose answer is x from that of the latent search that found its G(z)."""
    scored = score(problem, x, z=found.z, x_range=found.x, ended=found.status)
    return replace(
        found,
        x=scored.x,
        x_range=scored.x_range,
        prediction=scored.prediction,
        misfit=scored.misfit,
        status=scored.status,
        margins=scored.margins,
        unit=scored.unit,
    )


def marked(solution: Solution, run: Run) -> Solution:
    """Say of measurements that are not explained that the user has stopped the run, where that is so.

    For solvers of several stages: a stage may have converged, and the next one not begun.
    """
    if not run.was_interrupted:
        return solution
    open_ended = (Status.CONVERGED, Status.CONVERGED_UNKNOWN_NOISE, Status.MAX_ITERATIONS)
    status = [Status.INTERRUPTED if one in open_ended else one for one in solution.status]
    return replace(solution, status=status)


def direct_solution(
    problem: Problem,
    x: Tensor,
    *,
    method: str,
    run: Run,
    settings: dict[str, object],
) -> Solution:
    """Score candidates that were computed in closed form, and report once.

    Parameters
    ----------
    problem
        What was solved.
    x
        The candidates ``(batch, *in_shape)``.
    method
        The solver's name.
    run
        The run that it belongs to.
    settings
        The solver's settings.
    """
    solution = score(problem, x, ended=Status.DIRECT)
    median, seconds = solution.median_misfit, run.clock.seconds
    run.attempt(lambda: run(Progress(1, 1, 0, len(solution.x), median, seconds)))
    return replace(solution, method=method, settings=settings, seconds=seconds)
