"""What every latent search shares: the batch of restarts, objective and Jacobian, starts, pruning, stopping.

A problem of `batch` measurements with `restarts` starts each is one batch of ``rows = batch * restarts``
independent searches. Nothing here averages over rows, so that the size of the batch never changes an answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.constraints import keep_constraints
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.latent.starts import StartPoints, Starts, start_points
from sciadv.solvers.linear.jacobian import latent_jacobian
from sciadv.types import Rows

#: Two restarts have met when they are nearer than this part of the distance of two independent prior draws.
MET = 0.1
#: A row at the noise level ends when its objective falls by less than this part of it.
SETTLED = 1e-2


@dataclass(frozen=True)
class Point(Rows):
    """Predictions at latents `z` ``(rows, n_latent)`` with their objective and misfit ``(rows,)``."""

    z: Tensor
    prediction: Tensor
    objective: Tensor
    misfit: Tensor


@dataclass(frozen=True)
class Search:
    """A problem laid out for `n_restarts` starts per measurement; `owner` maps rows to measurements.

    A row at the noise level ends only where `stop_at_noise` is set; `started` is where the rows began.
    """

    problem: Problem
    n_restarts: int
    stop_at_noise: bool = True
    started: StartPoints | None = None

    @property
    def owner(self) -> Tensor:
        """Measurement of each row ``(rows,)``."""
        n = self.problem.n_problems
        return torch.arange(n, device=self.problem.measurements.device).repeat_interleave(self.n_restarts)

    def explained(self, misfit: Tensor, relative_decrease: Tensor) -> Tensor:
        """Return the mask of rows that the discrepancy principle ends: more would fit noise.

        Where the latent law holds the noise back too, a row first settles: its objective must have stopped
        falling by more than `SETTLED`. Morozov, On the solution of functional equations by the method of
        regularization, 1966.
        """
        at_noise = (misfit <= 1) & (self.stop_at_noise and self.problem.likelihood.has_noise_level)
        return at_noise if self.problem.latent_weight == 0 else at_noise & (relative_decrease < SETTLED)

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
        with torch.no_grad():
            prediction = problem.forward(x.detach())
            cotangent = problem.likelihood.gradient(prediction, problem.measurements[self.owner[rows]])
        pulled = problem.forward.vjp(x.detach(), cotangent)
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
        with problem.prior.frozen():
            Search(problem, 1).jacobian(z)
    except (RuntimeError, NotImplementedError):
        return False
    return True


@dataclass(frozen=True)
class State:
    """Where a latent search stands.

    Parameters
    ----------
    best
        The point of every row that would be returned now.
    active
        Rows still searched, as indices.
    memory
        What the solver carries from step to step, one row each: damping, moments.
    iteration
        Steps done.
    """

    best: Point
    active: Tensor
    memory: tuple[Tensor, ...] = ()
    iteration: int = 0


@runtime_checkable
class LatentSolver(Protocol):
    """A solver as ``init -> step -> result``; `run` drives it, and a notebook can do so by hand."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    @property
    def n_iterations(self) -> int:
        """Steps at most."""
        ...

    def init(self, search: Search, starts: Tensor) -> State:
        """Return the state at the starts ``(rows, latent)``."""
        ...

    def step(self, search: Search, state: State) -> State:
        """Do one iteration on the active rows."""
        ...


def halved(objective: Tensor, n_restarts: int, times: int) -> Tensor:
    """Return the mask of rows left when each measurement's restarts are halved so many times, rounded up.

    Successive halving: Jamieson and Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
    Optimization, AISTATS 2016.
    """
    rank = objective.reshape(-1, n_restarts).argsort(1).argsort(1)
    kept: Tensor = rank < -(-n_restarts // 2**times)
    return kept.flatten()


def met_better(z: Tensor, objective: Tensor, n_restarts: int) -> Tensor:
    """Return the mask of rows that are near a better restart of the same measurement: in one basin."""
    order = objective.reshape(-1, n_restarts).argsort(1)
    each = torch.arange(len(order), device=order.device)[:, None]
    ranked = z.reshape(len(order), n_restarts, -1)[each, order]
    near = torch.cdist(ranked, ranked) < MET * (2 * z.shape[1]) ** 0.5
    met = near.tril(-1).any(2)  # [b, i, j], j better than i
    return torch.empty_like(met).scatter(1, order, met).flatten()


def thinned(best: Point, n_restarts: int, times: int) -> Tensor:
    """Return the mask of rows that go on: those that met no better one, halved so many times."""
    met = met_better(best.z, best.objective, n_restarts)
    return halved(best.objective.masked_fill(met, torch.inf), n_restarts, times) & ~met


def run(
    solver: LatentSolver,
    problem: Problem,
    starts: Starts,
    *,
    seed: int = 0,
    loss: Problem | None = None,
    stop_at_noise: bool = True,
    monitor: Monitor | None = None,
) -> Solution:
    """Drive a latent solver to its end, each row to its own; if interrupted, keep the best so far.

    A problem with constraints is run in rounds, see `sciadv.solvers.latent.constraints`.

    Parameters
    ----------
    solver
        What to drive.
    problem
        What to solve; its likelihood scores the result.
    starts
        How many starts, from where, when to halve them.
    seed
        Seed of the starts.
    loss
        The problem whose objective is searched, where that is not `problem` itself; it alone is searched, and
        constraints are only reported.
    stop_at_noise
        Whether a row ends at the noise level (the discrepancy principle); else it goes on to its minimum.
    monitor
        Called after each iteration.
    """
    if problem.constraints and loss is None:

        def run_unconstrained(stacked: Problem, starts: Starts) -> Solution:
            return run(solver, stacked, starts, seed=seed, stop_at_noise=stop_at_noise, monitor=monitor)

        return keep_constraints(run_unconstrained, problem, starts)
    clock, history, tell = time.perf_counter(), list[float](), monitor or (lambda _: None)
    with problem.prior.frozen():
        started = start_points(problem, starts, seed=seed)
        search = Search(loss or problem, starts.restarts, stop_at_noise, started)
        state = solver.init(search, started.z.flatten(0, 1))
        was_interrupted = False
        try:
            for state in _iterate(solver, search, state, starts.halve_at):  # noqa: B020  # the last one is kept
                history.append(float(state.best.objective.reshape(-1, starts.restarts).amin(1).mean()))
                tell(_progress(solver, search, state, time.perf_counter() - clock))
        except KeyboardInterrupt:
            was_interrupted = True
        solution = _solution(search, state, problem, was_interrupted=was_interrupted)
    told = {key: value for key, value in vars(solver).items() if key not in ("name", "starts", "restarts")}
    settings = {**told, "starts": starts.origin, "restarts": starts.restarts, "seed": seed}
    seconds = time.perf_counter() - clock
    return replace(solution, method=solver.name, history=history, seconds=seconds, settings=settings)


def _iterate(
    solver: LatentSolver, search: Search, state: State, halve_at: tuple[int, ...]
) -> Iterator[State]:
    """Yield the state after each step until no row is active, thinning the restarts out on the way."""
    for iteration in range(1, solver.n_iterations + 1):
        state = solver.step(search, state)
        if halve_at and 3 * iteration >= halve_at[0]:
            times = sum(iteration >= at for at in halve_at)
            keep = thinned(state.best, search.n_restarts, times)
            state = replace(state, active=state.active[keep[state.active]])
        yield state
        if len(state.active) == 0:
            return


def _progress(solver: LatentSolver, search: Search, state: State, seconds: float) -> Progress:
    misfit = float(state.best.misfit.reshape(-1, search.n_restarts).amin(1).median())
    n_alive, n_rows = len(state.active), len(state.best.z)
    return Progress(state.iteration, solver.n_iterations, n_alive, n_rows, misfit, seconds)


def _solution(search: Search, state: State, problem: Problem, *, was_interrupted: bool) -> Solution:
    """Pick the best restart of each measurement, score it by the problem, and say why it stopped."""
    objectives = state.best.objective.reshape(-1, search.n_restarts)
    owner = torch.arange(len(objectives), device=objectives.device)
    rows = objectives.argmin(1) + owner * search.n_restarts
    running = torch.zeros(len(state.best.z), dtype=torch.bool, device=rows.device)
    running[state.active] = True
    best = Search(problem, 1).score(state.best.z[rows], state.best.prediction[rows], owner)
    with torch.no_grad():
        x = problem.prior(best.z)
    status = [
        _status(float(m), bool(r), was_interrupted=was_interrupted, problem=problem)
        for m, r in zip(best.misfit, running[rows], strict=True)
    ]
    return Solution(
        x=x,
        z=best.z,
        prediction=best.prediction,
        misfit=best.misfit,
        status=status,
        method="",
        objective=best.objective,
        restart_objectives=objectives,
        restart_latents=state.best.z.reshape(*objectives.shape, -1),
        unit=problem.likelihood.unit,
        margins=problem.margins(x),
    )


def _status(misfit: float, running: bool, *, was_interrupted: bool, problem: Problem) -> Status:  # noqa: FBT001
    if not misfit < float("inf"):
        return Status.NOT_FINITE
    if problem.likelihood.has_noise_level and misfit <= noise_threshold(problem):
        return Status.EXPLAINED
    if running:
        return Status.INTERRUPTED if was_interrupted else Status.MAX_ITERATIONS
    return Status.CONVERGED if problem.likelihood.has_noise_level else Status.CONVERGED_UNKNOWN_NOISE
