"""The one maker of solutions and its rule for the status."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, Tolerance
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers.latent.progress import Run
from sciadv.solvers.latent.scoring import direct_solution, finish, marked, noise_threshold, outcome, score
from sciadv.testing.solver_suite import linear_problem

ENDS = [Status.CONVERGED, Status.MAX_ITERATIONS, Status.INTERRUPTED]


@pytest.mark.parametrize("n_deviations", [0.0, 1.0, 2.0])
def test_the_threshold_is_so_many_deviations_of_chi_square_above_its_mean(n_deviations: float) -> None:
    problem = linear_problem(n_measurements=12)
    expected = 1 + n_deviations * (2 / 12) ** 0.5  # chi-square of m degrees: mean m, variance 2 m
    assert noise_threshold(problem, n_deviations) ** 2 == pytest.approx(expected)
    assert noise_threshold(problem) == noise_threshold(problem, 2.0)


def test_a_tolerance_has_a_threshold_of_1() -> None:
    assert noise_threshold(replace(linear_problem(), likelihood=Tolerance(0.1))) == 1.0


@pytest.mark.parametrize("ended", ENDS)
def test_a_misfit_up_to_the_threshold_is_explained_however_the_search_ended(ended: Status) -> None:
    problem = linear_problem()
    threshold = noise_threshold(problem)
    assert outcome(threshold, problem, ended) is Status.EXPLAINED
    assert outcome(threshold * 1.0001, problem, ended) is ended


def test_what_another_problem_explained_has_converged_here() -> None:
    assert outcome(1e3, linear_problem(), Status.EXPLAINED) is Status.CONVERGED


@pytest.mark.parametrize("misfit", [float("nan"), float("inf")])
@pytest.mark.parametrize("ended", [*ENDS, Status.DIRECT])
def test_a_misfit_that_is_not_finite_is_said_first(misfit: float, ended: Status) -> None:
    assert outcome(misfit, linear_problem(), ended) is Status.NOT_FINITE


def test_an_unknown_noise_level_is_never_explained() -> None:
    problem = replace(linear_problem(), likelihood=Gaussian(None))
    assert outcome(0.0, problem, Status.CONVERGED) is Status.CONVERGED_UNKNOWN_NOISE
    assert outcome(0.0, problem, Status.MAX_ITERATIONS) is Status.MAX_ITERATIONS
    assert outcome(0.0, problem, Status.INTERRUPTED) is Status.INTERRUPTED


def test_a_solution_is_scored_by_the_problem() -> None:
    problem = linear_problem()
    assert problem.truth is not None
    solution = score(problem, problem.truth.double(), ended=Status.CONVERGED)
    assert solution.x.dtype is problem.prior.dtype
    torch.testing.assert_close(solution.prediction, problem.forward(problem.truth))
    residual = (solution.prediction - problem.measurements) / 0.05
    torch.testing.assert_close(solution.misfit, residual.square().mean(1).sqrt())
    assert solution.objective is not None
    torch.testing.assert_close(
        solution.objective, problem.likelihood.energy(solution.prediction, problem.measurements)
    )
    assert solution.z is None
    assert solution.x_range is None


def _noiseless(n_problems: int) -> tuple[Problem, Tensor]:
    """Return a problem whose data are exactly those of its truth, and that truth."""
    problem = linear_problem(n_problems=n_problems)
    assert problem.truth is not None
    with torch.no_grad():
        return problem.with_measurements(problem.forward(problem.truth)), problem.truth


def test_finish_keeps_the_search_and_replaces_the_answer() -> None:
    problem, truth = _noiseless(6)
    found = replace(score(problem, torch.zeros_like(truth), ended=Status.CONVERGED), history=[1.0])
    done = finish(problem, found, truth)
    assert done.x_range is not None
    assert torch.equal(done.x_range, found.x)
    assert torch.equal(done.x, truth)
    assert done.history == [1.0]
    assert done.status == [Status.EXPLAINED] * problem.n_problems


def test_a_direct_answer_says_so_and_is_reported_once_even_if_that_is_interrupted() -> None:
    problem, calls = linear_problem(), list[object]()

    def interrupt(progress: object) -> None:
        calls.append(progress)
        raise KeyboardInterrupt

    assert problem.truth is not None
    run = Run(monitor=interrupt)
    solution = direct_solution(problem, problem.truth, method="m", run=run, settings={"a": 1})
    assert len(calls) == 1
    assert solution.status == [Status.DIRECT] * problem.n_problems
    assert (solution.method, solution.settings) == ("m", {"a": 1})


def test_an_interrupted_run_marks_what_is_not_explained() -> None:
    problem, truth = _noiseless(3)
    x = truth + torch.tensor([0.0, 10.0, torch.inf]).reshape(3, 1, 1, 1)
    solution = score(problem, x, ended=Status.CONVERGED)
    assert solution.status == [Status.EXPLAINED, Status.CONVERGED, Status.NOT_FINITE]
    run = Run()
    assert marked(solution, run).status == solution.status
    run.stop()
    assert marked(solution, run).status == [Status.EXPLAINED, Status.INTERRUPTED, Status.NOT_FINITE]
