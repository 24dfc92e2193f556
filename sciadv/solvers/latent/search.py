"""What every latent search shares: the batch of restarts, objective and Jacobian, stopping, thinning out.

A problem of `batch` measurements with `restarts` starts each is one batch of ``rows = batch * restarts``
independent searches. Nothing here averages over rows, so that the size of the batch never changes an answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sciadv.forward.base import value_and_pullback
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.latent.starts import StartPoints, Starts, start_points
from sciadv.solvers.linear.jacobian import latent_jacobian, push_unit_tangents
from sciadv.types import Rows


@dataclass(frozen=True)
class Point(Rows):
    """Predictions at latents `z` ``(rows, n_latent)`` with their objective and misfit ``(rows,)``."""

    z: Tensor
    prediction: Tensor
    objective: Tensor
    misfit: Tensor


@dataclass(frozen=True)
class Search:
    """A problem laid out for several starts per measurement; `owner` maps rows to measurements.

    Parameters
    ----------
    problem
        The problem whose objective is searched.
    n_restarts
        Starts per measurement.
    stop_at_noise
        Whether a row ends at the noise level (the discrepancy principle); else it goes on to its minimum.
    started
        Where the rows began.
    settled_decrease
        Where the latent weight is not 0, a row at the noise level ends when its objective falls by less than
        this part of it.
    posed
        The problem that scores the result, where that is another one.
    """

    problem: Problem
    n_restarts: int
    stop_at_noise: bool = True
    started: StartPoints | None = None
    settled_decrease: float = 1e-2
    posed: Problem | None = None

    @property
    def owner(self) -> Tensor:
        """Measurement of each row ``(rows,)``."""
        n = self.problem.n_problems
        return torch.arange(n, device=self.problem.measurements.device).repeat_interleave(self.n_restarts)

    def explained(self, misfit: Tensor, relative_decrease: Tensor) -> Tensor:
        """Return the mask of rows that the discrepancy principle ends: more would fit noise.

        Where the latent term keeps the fit from following the noise too, the objective must have stopped
        falling by more than `settled_decrease`. Morozov, On the solution of functional equations by the
        method of regularization, 1966.
        """
        at_noise = (misfit <= 1) & (self.stop_at_noise and self.problem.likelihood.has_noise_level)
        return (
            at_noise
            if self.problem.latent_weight == 0
            else at_noise & (relative_decrease < self.settled_decrease)
        )

    def is_ahead(self, objective: Tensor) -> Tensor:
        """Return the mask of rows whose objective ``(rows,)`` is the least of their measurement's."""
        restarts = objective.reshape(-1, self.n_restarts)
        return (restarts <= restarts.amin(1, keepdim=True)).flatten()

    def evaluate(self, z: Tensor, rows: Tensor) -> Point:
        """Predict at `z` for the measurements that own `rows`, without gradients."""
        with torch.no_grad():
            return self.score(z, self.problem.forward(self.problem.prior(z)), rows)

    def score(self, z: Tensor, prediction: Tensor, rows: Tensor) -> Point:
        """Score predictions that are already there."""
        y, likelihood = self.problem.measurements[self.owner[rows]], self.problem.likelihood
        objective = likelihood.energy(prediction, y) + 0.5 * self.problem.latent_weight * z.square().sum(1)
        return Point(z, prediction, objective, likelihood.misfit(prediction, y))

    def gradient(self, z: Tensor, rows: Tensor) -> tuple[Point, Tensor]:
        """Return the point at `z` and the objective's gradient in z.

        Through the generator by reverse mode, through the operator by its vjp.
        """
        problem = self.problem
        leaf = z.detach().requires_grad_(True)
        with torch.enable_grad():
            x = problem.prior(leaf)
        prediction, pullback = value_and_pullback(problem.forward, x.detach())
        prediction = prediction.detach()
        with torch.no_grad():
            cotangent = problem.likelihood.gradient(prediction, problem.measurements[self.owner[rows]])
        pulled = pullback(cotangent)
        (gradient,) = torch.autograd.grad(x, leaf, pulled)
        with torch.no_grad():
            point = self.score(z.detach(), prediction, rows)
        return point, gradient + problem.latent_weight * z.detach()

    def jacobian(self, z: Tensor) -> Tensor:
        """Return ``dF(G(z))/dz`` ``(rows, measurements, latent)``, complex data as two real numbers."""
        return latent_jacobian(self.problem, z)


def has_forward_mode(problem: Problem) -> bool:
    """Whether the generator can be differentiated in forward mode, which a Jacobian needs."""
    z = torch.zeros(1, problem.prior.n_latent, dtype=problem.prior.dtype, device=problem.prior.device)
    try:
        push_unit_tangents(problem.prior, z)
    except (RuntimeError, NotImplementedError):
        return False
    return True


#: Where a latent search stands; the last parameter is what the solver carries from step to step.
LatentState = State[Search, Point, Any]


def halved(objective: Tensor, n_restarts: int, times: int) -> Tensor:
    """Return the mask of rows left when each measurement's restarts are halved so many times, rounded up.

    Successive halving: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization, AISTATS 2016.
    """
    rank = objective.reshape(-1, n_restarts).argsort(1).argsort(1)
    kept: Tensor = rank < -(-n_restarts // 2**times)
    return kept.flatten()


def met_better(z: Tensor, objective: Tensor, n_restarts: int, met_distance: float = 0.1) -> Tensor:
    """Return the mask of rows that have met a better restart of the same measurement: they share a basin.

    Two have met when they are nearer than `met_distance` times the root mean square distance of two prior
    draws.
    """
    order = objective.reshape(-1, n_restarts).argsort(1)
    each = torch.arange(len(order), device=order.device)[:, None]
    ranked = z.reshape(len(order), n_restarts, -1)[each, order]
    near = torch.cdist(ranked, ranked) < met_distance * (2 * z.shape[1]) ** 0.5
    has_met = near.tril(-1).any(2)  # [b, i, j], j better than i
    return torch.empty_like(has_met).scatter(1, order, has_met).flatten()


def thinned(best: Point, n_restarts: int, times: int, met_distance: float = 0.1) -> Tensor:
    """Return the mask of rows that go on: those that met no better one, halved so many times."""
    has_met = met_better(best.z, best.objective, n_restarts, met_distance)
    return halved(best.objective.masked_fill(has_met, torch.inf), n_restarts, times) & ~has_met


def thin_out(state: LatentState, halve_at: tuple[int, ...], met_distance: float) -> LatentState:
    """End the restarts that have met a better one, or are not in the better half when halving is due.

    From a third of the first of the iterations `halve_at` on.
    """
    if not halve_at or 3 * state.iteration < halve_at[0]:
        return state
    times = sum(state.iteration >= at for at in halve_at)
    keep = thinned(state.best, state.search.n_restarts, times, met_distance)
    return replace(state, active=state.active[keep[state.active]])


def begin(problem: Problem, starts: Starts, run: Run) -> tuple[Search, Tensor]:
    """Choose the starts; return the search and them, as rows ``(batch * restarts, latent)``."""
    points = start_points(problem, starts, seed=run.seed)
    return Search(problem, starts.restarts, started=points), points.z.flatten(0, 1)


def best_restarts(state: LatentState) -> Solution:
    """Return the solution of a latent search: the best restart of each measurement.

    Scored by the problem itself, where another one's objective was searched.
    """
    search, best = state.search, state.best
    problem = search.posed or search.problem
    objectives = best.objective.reshape(-1, search.n_restarts)
    owner = every_row(objectives)
    rows = objectives.argmin(1) + owner * search.n_restarts
    z, prediction = best.z[rows], best.prediction[rows]
    with torch.no_grad():
        x = problem.prior(z)
    ended = [state.ended[row] for row in rows.tolist()]
    return replace(
        score(problem, x, z=z, prediction=prediction, ended=ended),
        objective=Search(problem, 1).score(z, prediction, owner).objective,
        restart_objectives=objectives,
        restart_latents=best.z.reshape(*objectives.shape, -1),
    )
