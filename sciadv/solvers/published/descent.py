"""Adam on whatever makes candidates, per row: what the published range-expanding methods have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.adam import adam_move
from sciadv.solvers.latent.iterate import IterativeSolver, State, every_row, iterate
from sciadv.solvers.latent.progress import Run

#: Tensors that are searched, each ``(rows, ...)``, by name.
Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Fit:
    """Where a descent stands.

    Parameters
    ----------
    parts
        What is searched.
    moments
        Adam's two moments of each part that moves.
    misfit
        Root mean squared residual of each row where the last step began.
    """

    parts: Parts
    moments: dict[str, tuple[Tensor, Tensor]]
    misfit: Tensor
    objective: None = None


@dataclass(frozen=True)
class Loss:
    """``mean (y - F(make(parts)))^2 + penalty(parts)`` of each row, and how its parts move.

    Parameters
    ----------
    make
        Candidates ``(rows, *in_shape)`` of parts, differentiable.
    rates
        Adam's step for each part that moves.
    penalty
        Further loss ``(rows,)``.
    project
        Applied to the parts after each step.
    """

    make: Callable[[Parts], Tensor]
    rates: dict[str, float]
    penalty: Callable[[Parts], Tensor] | None = None
    project: Callable[[Parts], Parts] | None = None


def begun(problem: Problem, parts: Parts) -> Fit:
    """Return the parts before the first step."""
    first = next(iter(parts.values()))
    return Fit(parts, {}, torch.full((len(first),), torch.inf, device=problem.measurements.device))


def descend(state: State[Any, Fit, None], loss: Loss, *, step: int) -> State[Any, Fit, None]:
    """Do one step of Adam on all rows, the `step`-th on this loss; the moments begin at 0 with the first."""
    parts = state.best.parts
    zeros = {name: (torch.zeros_like(parts[name]), torch.zeros_like(parts[name])) for name in loss.rates}
    moments = zeros if step == 1 else dict(state.best.moments)
    residual, gradients = gradient(state.search.problem, parts, loss)
    moved = dict(parts)
    for name, slope in gradients.items():
        move, moments[name] = adam_move(slope, moments[name], step, loss.rates[name])
        moved[name] = parts[name] + move
    moved = moved if loss.project is None else loss.project(moved)
    is_last = state.iteration + 1 == state.n_iterations
    rows = every_row(residual)
    return state.after(Fit(moved, moments, residual.sqrt()), None, rows[:0] if is_last else rows)


def gradient(problem: Problem, parts: Parts, loss: Loss) -> tuple[Tensor, Parts]:
    """Return the mean squared residual of each row and the loss's gradient in the parts that move."""
    leaves = {name: parts[name].detach().requires_grad_(True) for name in loss.rates}
    with torch.enable_grad():
        x = loss.make(parts | leaves)
        further = None if loss.penalty is None else loss.penalty(parts | leaves).sum()
    with torch.no_grad():
        residual = problem.forward(x.detach()) - _data(problem, x)
        squared = real_view(residual).square().mean(1)
        pulled = problem.forward.vjp(x.detach(), 2 * residual / problem.n_measurements)
    outputs = [x] if further is None else [x, further]
    seeds = [pulled] if further is None else [pulled, torch.ones_like(further)]
    gradients = torch.autograd.grad(outputs, list(leaves.values()), seeds, allow_unused=True)
    pairs = zip(loss.rates, gradients, strict=True)
    return squared, {n: torch.zeros_like(parts[n]) if g is None else g for n, g in pairs}


def best_rows(problem: Problem, x: Tensor) -> Tensor:
    """Return the row with the smallest residual of each measurement ``(batch,)``."""
    with torch.no_grad():
        squared = real_view(problem.forward(x) - _data(problem, x)).square().mean(1)
    restarts = squared.reshape(problem.n_problems, -1)
    best: Tensor = every_row(restarts) * restarts.shape[1] + restarts.argmin(1)
    return best


def how_ended(state: State[Any, Fit, None]) -> Status:
    """Return how the search ended, the same for all rows: they have a number of steps."""
    return state.ended[0]


def restarts_of(problem: Problem, n_restarts: int, *, seed: int) -> Tensor:
    """Draw the starting latents ``(batch * restarts, n_latent)``, the same for every measurement."""
    return problem.prior.sample_latent(n_restarts, seed=seed).repeat(problem.n_problems, 1)


def iterate_in_chunks(solver: IterativeSolver[Any], problem: Problem, run: Run, size: int) -> Solution:
    """Solve `size` measurements at once, then the next: bounds the memory of what each has for itself."""
    rows = every_row(problem.measurements)
    found = [
        iterate(solver, problem.subset(some), seed=run.seed, monitor=run) for some in torch.split(rows, size)
    ]
    status = [one for solution in found for one in solution.status]
    return replace(Solution.join(found), status=status, seconds=run.clock.seconds)


def _data(problem: Problem, x: Tensor) -> Tensor:
    """Return the measurements of the rows."""
    return problem.measurements.repeat_interleave(len(x) // problem.n_problems, 0)
