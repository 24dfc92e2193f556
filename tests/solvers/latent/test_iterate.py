"""The driver: what it reports, where it stops, and that one interruption stops a search within a search."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.iterate import State, every_row, go_on, iterate, settings_of
from sciadv.solvers.latent.progress import Monitor, Progress, Run
from sciadv.solvers.latent.scoring import score
from sciadv.testing.solver_suite import linear_problem
from sciadv.types import Rows


@dataclass(frozen=True)
class _Search:
    problem: Problem


@dataclass(frozen=True)
class _Rows(Rows):
    misfit: Tensor
    objective: Tensor


@dataclass(frozen=True)
class _Limits:
    low: float = 0.0


@dataclass(frozen=True)
class _Counting:
    """Lowers the misfit of a row by 1 a step; row k ends after k + 1 steps."""

    n_iterations: int = 10
    limits: _Limits = _Limits()
    inner: bool = False
    starts: Tensor | None = None
    name: str = "counting"

    def init(self, problem: Problem, run: Run) -> State[_Search, _Rows, int]:
        start = torch.arange(1.0, 1.0 + problem.n_problems)
        return State(_Search(problem), run, _Rows(start, 10 * start), every_row(start), 0, self.n_iterations)

    def step(self, state: State[_Search, _Rows, int]) -> State[_Search, _Rows, int]:
        if self.inner:
            _Counting(2, name="inner").solve(state.search.problem, monitor=state.run)
        rows = state.active
        misfit = state.best.misfit.index_add(0, rows, -torch.ones(len(rows)))
        return state.after(_Rows(misfit, 10 * misfit), state.memory + 1, rows[misfit[rows] > 0])

    def result(self, state: State[_Search, _Rows, int]) -> Solution:
        problem = state.search.problem
        x = torch.zeros(problem.n_problems, *problem.forward.in_shape)
        solution = score(problem, x, ended=state.ended)
        return replace(solution, settings={"steps": state.memory})

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        return iterate(self, problem, seed=seed, monitor=monitor)


def _far(n_problems: int = 3) -> Problem:
    """Return a problem that x = 0 does not explain."""
    problem = linear_problem(n_problems=n_problems)
    return problem.with_measurements(problem.measurements + 100)


def test_every_row_ends_by_itself_and_the_last_ends_the_search() -> None:
    reports: list[Progress] = []
    solution = _Counting().solve(_far(), seed=5, monitor=reports.append)
    assert [(r.iteration, r.n_iterations, r.n_alive, r.n_rows) for r in reports] == [
        (1, 10, 2, 3),
        (2, 10, 1, 3),
        (3, 10, 0, 3),
    ]
    assert [r.best_misfit for r in reports] == [1.0, 0.0, 0.0]  # medians over the measurements
    assert solution.history == [10.0, pytest.approx(10 / 3), 0.0]  # means of the objectives
    assert solution.status == [Status.CONVERGED] * 3
    assert solution.settings == {
        "n_iterations": 10,
        "low": 0.0,
        "inner": False,
        "starts": None,
        "steps": 3,
        "seed": 5,
    }
    assert solution.method == "counting"
    assert solution.seconds > 0


def test_rows_without_time_to_end_say_so() -> None:
    assert _Counting(2).solve(_far()).status == [Status.CONVERGED, Status.CONVERGED, Status.MAX_ITERATIONS]


def test_a_monitor_that_interrupts_keeps_the_step_that_was_done() -> None:
    def interrupt(progress: Progress) -> None:
        if progress.iteration == 2:
            raise KeyboardInterrupt

    solution = _Counting().solve(_far(), monitor=interrupt)
    assert solution.settings["steps"] == 2
    assert solution.status == [Status.CONVERGED, Status.CONVERGED, Status.INTERRUPTED]


def test_an_interruption_of_an_inner_search_stops_the_outer_one() -> None:
    calls: list[int] = []

    def interrupt(_: Progress) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    solution = _Counting(inner=True).solve(_far(), monitor=interrupt)
    assert solution.settings["steps"] == 2  # two reports of each inner search; the second one was stopped
    assert len(calls) == 3
    assert solution.status[-1] is Status.INTERRUPTED


def test_a_step_that_has_reported_is_not_reported_twice() -> None:
    reports: list[Progress] = []
    _Counting(1, inner=True).solve(_far(), monitor=reports.append)
    assert [(r.iteration, r.n_iterations) for r in reports] == [(1, 2), (2, 2)]


def test_going_on_from_a_state_gives_what_one_run_gives() -> None:
    solver, problem = _Counting(), _far()
    state = solver.step(solver.init(problem, Run()))
    assert go_on(solver, state).settings == solver.solve(problem).settings


def test_an_attempt_after_an_interruption_is_not_made() -> None:
    run = Run()
    assert run.attempt(lambda: 3) == 3

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run.attempt(interrupted) is None
    assert run.was_interrupted
    assert run.attempt(lambda: 3) is None


def test_an_inner_run_stops_the_outer_one_and_knows_when_that_is_stopped() -> None:
    outer = Run()
    first, second = Run(monitor=outer), Run(monitor=outer)
    first.stop()
    assert outer.was_interrupted
    assert second.was_interrupted
    assert not Run(monitor=lambda _: None).was_interrupted


def test_settings_leave_the_name_out_and_say_that_tensors_were_given() -> None:
    settings = settings_of(_Counting(starts=torch.zeros(2)))
    assert settings == {"n_iterations": 10, "low": 0.0, "inner": False, "starts": "given"}


@dataclass(frozen=True)
class _Interrupted(_Counting):
    """Is interrupted once where it says, outside its steps."""

    where: str = "result"

    def init(self, problem: Problem, run: Run) -> State[_Search, _Rows, int]:
        if self.where == "init after a search":
            _Counting(2, name="inner").solve(problem, monitor=run)
        if self.where.startswith("init"):
            raise KeyboardInterrupt
        return super().init(problem, run)

    def result(self, state: State[_Search, _Rows, int]) -> Solution:
        if not state.run.was_interrupted:
            raise KeyboardInterrupt
        return super().result(state)


def test_an_interruption_while_the_result_is_made_keeps_it() -> None:
    solution = _Interrupted().solve(_far())
    assert solution.settings["steps"] == 3
    assert solution.status == [Status.CONVERGED] * 3


def test_an_interruption_after_the_search_that_comes_first_keeps_what_that_found() -> None:
    solution = _Interrupted(where="init after a search").solve(_far())
    assert solution.status == [Status.INTERRUPTED] * 3
    assert solution.method == "counting"


def test_an_interruption_before_anything_was_found_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        _Interrupted(where="init").solve(_far())
