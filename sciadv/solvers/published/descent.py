"""Adam on whatever makes candidates, per row: what the published range-expanding methods have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.latent.adam import adam_move
from sciadv.solvers.latent.progress import Monitor, Progress

#: Tensors that are searched, each ``(rows, ...)``, by name.
Parts = dict[str, Tensor]


@dataclass(frozen=True)
class Descent:
    """A problem laid out for `n_restarts` rows per measurement, and where its progress is told.

    Parameters
    ----------
    problem
        What is solved.
    n_restarts
        Rows per measurement.
    n_steps
        Steps of all stages together, for the progress.
    monitor
        Called after each step.
    """

    problem: Problem
    n_restarts: int
    n_steps: int
    monitor: Monitor | None

    def run(
        self,
        parts: Parts,
        rates: dict[str, float],
        make: Callable[[Parts], Tensor],
        n_steps: int,
        *,
        penalty: Callable[[Parts], Tensor] | None = None,
        project: Callable[[Parts], Parts] | None = None,
        done: int = 0,
    ) -> tuple[Parts, bool]:
        """Minimise ``mean (y - F(make(parts)))^2 + penalty(parts)``, row by row, over the parts with rates.

        Parameters
        ----------
        parts
            Where to start.
        rates
            Adam's step for each part that moves.
        make
            Candidates ``(rows, *in_shape)`` of parts, differentiable.
        n_steps
            Steps.
        penalty
            Further loss ``(rows,)``.
        project
            Applied to the parts after each step.
        done
            Steps of the stages before, for the progress.

        Returns
        -------
        tuple
            The parts, and whether the user interrupted.
        """
        moments = {name: (torch.zeros_like(parts[name]), torch.zeros_like(parts[name])) for name in rates}
        started = time.perf_counter()
        for step in range(1, n_steps + 1):
            loss, gradients = self.gradient(parts, list(rates), make, penalty)
            moved = dict(parts)
            for name, gradient in gradients.items():
                move, moments[name] = adam_move(gradient, moments[name], step, rates[name])
                moved[name] = parts[name] + move
            parts = project(moved) if project is not None else moved
            try:
                self._tell(done + step, loss, time.perf_counter() - started)
            except KeyboardInterrupt:
                return parts, True
        return parts, False

    def gradient(
        self,
        parts: Parts,
        names: list[str],
        make: Callable[[Parts], Tensor],
        penalty: Callable[[Parts], Tensor] | None,
    ) -> tuple[Tensor, Parts]:
        """Return the mean squared residual of each row and the loss's gradient in the named parts."""
        leaves = {name: parts[name].detach().requires_grad_(True) for name in names}
        with torch.enable_grad():
            x = make(parts | leaves)
            further = None if penalty is None else penalty(parts | leaves).sum()
        with torch.no_grad():
            residual = self.problem.forward(x.detach()) - self.data
            loss = real_view(residual).square().mean(1)
            pulled = self.problem.forward.vjp(x.detach(), 2 * residual / self.problem.n_measurements)
        outputs = [x] if further is None else [x, further]
        seeds = [pulled] if further is None else [pulled, torch.ones_like(further)]
        gradients = torch.autograd.grad(outputs, list(leaves.values()), seeds, allow_unused=True)
        pairs = zip(names, gradients, strict=True)
        return loss, {n: torch.zeros_like(parts[n]) if g is None else g for n, g in pairs}

    @property
    def data(self) -> Tensor:
        """The measurements of the rows."""
        return self.problem.measurements.repeat_interleave(self.n_restarts, 0)

    def best(self, x: Tensor) -> Tensor:
        """Return the row with the smallest residual of each measurement ``(batch,)``."""
        with torch.no_grad():
            loss = real_view(self.problem.forward(x) - self.data).square().mean(1)
        rows = torch.arange(self.problem.n_problems, device=x.device)
        best: Tensor = rows * self.n_restarts + loss.reshape(-1, self.n_restarts).argmin(1)
        return best

    def _tell(self, step: int, loss: Tensor, seconds: float) -> None:
        if self.monitor is not None:
            misfit = float(loss.reshape(-1, self.n_restarts).amin(1).median().sqrt())
            self.monitor(Progress(step, self.n_steps, len(loss), len(loss), misfit, seconds))


def restarts_of(problem: Problem, n_restarts: int, *, seed: int) -> Tensor:
    """Draw the starting latents ``(batch * restarts, n_latent)``, the same for every measurement."""
    return problem.prior.sample_latent(n_restarts, seed=seed).repeat(problem.n_problems, 1)
