"""The driver of every iterative search: one step after the other, with progress, time and interruption.

An iterative solver is three functions: ``init(problem, run)`` gives a `State`, ``step(state)`` the next one,
``result(state)`` the `Solution`. `iterate` calls them for ``solve``; a notebook can do so by hand::

    state = solver.init(problem, Run(seed=0))
    while state.is_running:
        state = solver.step(state)
    solution = solver.result(state)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.progress import Monitor, Progress, Stopwatch

Made = TypeVar("Made")


@dataclass
class Run:
    """One run of a solver: its seed, its clock, whom it reports to, and whether the user has stopped it.

    A run is a monitor itself. A search within a search gets the outer run for its monitor; one interruption
    then stops both.

    Parameters
    ----------
    seed
        Seed of everything random.
    monitor
        Called after each iteration.
    clock
        Since when it runs.
    is_stopped
        Whether the user has stopped this run.
    n_reports
        How often it has reported, searches within it included.
    """

    seed: int = 0
    monitor: Monitor | None = None
    clock: Stopwatch = field(default_factory=Stopwatch)
    is_stopped: bool = False
    n_reports: int = 0

    def __call__(self, progress: Progress) -> None:
        """Report the progress of this run, or of a search within it."""
        self.n_reports += 1
        if self.monitor is not None:
            self.monitor(progress)

    @property
    def was_interrupted(self) -> bool:
        """Whether the user has stopped this run or the one around it."""
        return self.is_stopped or (isinstance(self.monitor, Run) and self.monitor.was_interrupted)

    def attempt(self, work: Callable[[], Made]) -> Made | None:
        """Return what `work` gives, or None when the user interrupts it or has interrupted the run before.

        The one place where an interruption of a solver is caught.
        """
        if self.was_interrupted:
            return None
        try:
            return work()
        except KeyboardInterrupt:
            self.stop()
            return None

    def stop(self) -> None:
        """Stop this run and the ones around it: no further step is taken."""
        self.is_stopped = True
        if isinstance(self.monitor, Run):
            self.monitor.stop()


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
    return go_on(solver, solver.init(problem, Run(seed, monitor)))


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
    solution = solver.result(state)
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
