"""The driver of every iterative search: one step after the other, with progress, time and interruption.

An iterative solver is three functions: ``init(problem, run)`` gives a `State`, ``step(state)`` the next one,
``result(state)`` the `Solution`. `iterate` calls them for ``solve``; a notebook can do so by hand::

    state = solver.init(problem, Run(seed=0))
    while state.is_running:
        state = solver.step(state)
    solution = solver.result(state)
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress, Run
from sciadv.solvers.latent.scoring import score

_logger = logging.getLogger(__name__)


@runtime_checkable
class Posed(Protocol):
    """What does not change from step to step: a problem, and whatever was made of it beforehand."""

    @property
    def problem(self) -> Problem:
        """The problem that is searched."""
        ...


@runtime_checkable
class Scored(Protocol):
    """Rows with their misfit and, where there is one, their objective, ``(rows,)`` each."""

    @property
    def misfit(self) -> Tensor:
        """Misfit of each row."""
        ...

    @property
    def objective(self) -> Tensor | None:
        """Objective of each row."""
        ...


SomePosed = TypeVar("SomePosed", bound=Posed)
SomeScored = TypeVar("SomeScored", bound=Scored)
SomeMemory = TypeVar("SomeMemory")


@dataclass(frozen=True)
class State(Generic[SomePosed, SomeScored, SomeMemory]):
    """Where an iterative search stands.

    Parameters
    ----------
    search
        What does not change from step to step.
    run
        The run that it belongs to.
    best
        What would be returned now, with rows: restarts of one measurement lie side by side.
    active
        Rows that are still searched, as indices.
    memory
        What the solver carries from step to step beside: damping, moments.
    n_iterations
        Steps at most.
    iteration
        Steps done.
    """

    search: SomePosed
    run: Run
    best: SomeScored
    active: Tensor
    memory: SomeMemory
    n_iterations: int
    iteration: int = 0

    @property
    def is_running(self) -> bool:
        """Whether there is a row to search and a step left."""
        return len(self.active) > 0 and self.iteration < self.n_iterations

    @property
    def ended(self) -> list[Status]:
        """How the search of each row ended, whatever its misfit."""
        unfinished = Status.INTERRUPTED if self.run.was_interrupted else Status.MAX_ITERATIONS
        status = [Status.CONVERGED] * len(self.best.misfit)
        for row in self.active.tolist():
            status[row] = unfinished
        return status

    def after(self: SomeState, best: object, memory: object, active: Tensor | None = None) -> SomeState:
        """Return the state after one more step."""
        left = self.active if active is None else active
        return replace(self, best=best, memory=memory, active=left, iteration=self.iteration + 1)

    def least(self, values: Tensor) -> Tensor:
        """Return the least of the values of each measurement's rows: ``(rows,)`` to ``(batch,)``."""
        return values.reshape(self.search.problem.n_problems, -1).amin(1)


SomeState = TypeVar("SomeState", bound=State[Any, Any, Any])


@runtime_checkable
class IterativeSolver(Protocol[SomeState]):
    """A solver as ``init -> step -> result``."""

    @property
    def name(self) -> str:
        """Name in the registry."""
        ...

    def init(self, problem: Problem, run: Run) -> SomeState:
        """Return the state before the first step."""
        ...

    def step(self, state: SomeState) -> SomeState:
        """Do one iteration on the active rows."""
        ...

    def result(self, state: SomeState) -> Solution:
        """Return the solution of a state."""
        ...

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem: `iterate` on the three above."""
        ...


def iterate(
    solver: IterativeSolver[Any], problem: Problem, *, seed: int = 0, monitor: Monitor | None = None
) -> Solution:
    """Step a solver until no row is active; if the user interrupts it, return the best so far.

    Parameters
    ----------
    solver
        What is driven.
    problem
        What is solved.
    seed
        Seed of everything random.
    monitor
        Called after each iteration.
    """
    run = Run(seed, monitor)
    if run.was_interrupted:  # a search around this one was stopped: only where it begins is scored
        return go_on(solver, solver.init(problem, run))
    state = run.attempt(lambda: solver.init(problem, run))
    if state is None:
        return _finished(solver, run, _found_before(problem, run), [])
    return go_on(solver, state)


def go_on(solver: IterativeSolver[Any], state: State[Any, Any, Any]) -> Solution:
    """Step a solver from a state until no row is active; see `iterate`."""
    run, history = state.run, list[float]()

    def advance() -> None:
        nonlocal state
        n_reports = run.n_reports
        state = solver.step(state)
        _report(state, history, is_silent=run.n_reports > n_reports)

    while state.is_running and not run.was_interrupted:
        run.attempt(advance)
    solution = run.attempt(lambda: solver.result(state))
    if solution is None:  # interrupted: what takes long is left out now
        solution = solver.result(state)
    if isinstance(run.monitor, Run):
        run.monitor.found = solution
    return _finished(solver, run, solution, history)


def _found_before(problem: Problem, run: Run) -> Solution:
    """Return the answer of the search with which an interrupted one was to begin.

    Raises
    ------
    KeyboardInterrupt
        There is none: nothing has been found yet.
    """
    found = run.found
    if found is None or len(found.x) != problem.n_problems:
        raise KeyboardInterrupt
    return score(problem, found.x, z=found.z, ended=Status.INTERRUPTED)


def _finished(solver: IterativeSolver[Any], run: Run, solution: Solution, history: list[float]) -> Solution:
    """Return the solution with the solver's name, its settings, history and time."""
    _logger.info("%s: %d iterations, %.2f s", solver.name, len(history), run.clock.seconds)
    return replace(
        solution,
        method=solver.name,
        history=solution.history or history,
        seconds=run.clock.seconds,
        settings={**settings_of(solver), **solution.settings, "seed": run.seed},
    )


def _report(state: State[Any, Any, Any], history: list[float], *, is_silent: bool) -> None:
    """Note the mean of the best objectives, and report, unless a search within the step has done so."""
    if state.best.objective is not None:
        history.append(float(state.least(state.best.objective).mean()))
    if state.run.monitor is None or is_silent:
        return
    misfit, n_rows = state.best.misfit, len(state.best.misfit)
    median = float(state.least(misfit).median())
    seconds = state.run.clock.seconds
    state.run(Progress(state.iteration, state.n_iterations, len(state.active), n_rows, median, seconds))


def settings_of(solver: object) -> dict[str, object]:
    """Return the fields of a solver but its name, as plain values: of a tensor only that it was given."""
    settings: dict[str, object] = {}
    assert is_dataclass(solver)
    for one in fields(solver):
        value = getattr(solver, one.name)
        if is_dataclass(value) and not isinstance(value, type):
            settings.update(settings_of(value))
        elif one.name != "name":
            settings[one.name] = "given" if isinstance(value, Tensor) else value
    return settings


def every_row(like: Tensor) -> Tensor:
    """Return the indices of all rows of a tensor."""
    return torch.arange(len(like), device=like.device)
