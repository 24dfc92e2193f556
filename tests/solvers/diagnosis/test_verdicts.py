"""Diagnosis: p-values that are uniform where the model holds, flags where it does not, words for both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from sciadv.data.datasets import is_available, load_images
from sciadv.diagnosis import Diagnosis
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian, Tolerance
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers import LevenbergMarquardt
from sciadv.solvers.diagnosis.verdicts import diagnose
from sciadv.solvers.latent.scoring import score
from sciadv.testing.solver_suite import linear_problem
from sciadv.verbs.solve import solve


def test_the_p_value_is_that_of_chi_square() -> None:
    problem = linear_problem(n_problems=3)
    solution = LevenbergMarquardt(restarts=2).solve(problem)
    found = diagnose(problem, solution)
    expected = stats.chi2.sf(12 * found.chi_square.numpy(), 12)
    torch.testing.assert_close(found.p_value, torch.as_tensor(expected))
    assert found.distribution_p_value is None
    assert found.is_explained is not None
    for words, is_explained in zip(found.words, found.is_explained.tolist(), strict=True):
        assert ("Explained to the noise level." in words) is is_explained
        assert ("Not explained" in words) is not is_explained
    assert bool(found.is_explained.any())


def test_data_that_no_candidate_explains_are_out_of_range() -> None:
    problem = linear_problem(n_problems=2)
    far = problem.with_measurements(problem.measurements + 5 * torch.tensor([[1.0, -1.0] * 6]))
    found = diagnose(far, LevenbergMarquardt(restarts=2).solve(far))
    assert found.is_out_of_range is not None
    assert bool(found.is_out_of_range.all())
    assert "expand the range" in found.words[0]
    assert float(found.p_value.max()) < 1e-6


@pytest.mark.parametrize(("factor", "is_over"), [(0.999, False), (1.001, True)])
def test_the_threshold_of_both_verdicts_is_that_of_the_status(factor: float, is_over: object) -> None:
    problem = linear_problem(n_problems=1)
    solution = LevenbergMarquardt(restarts=1).solve(problem)
    misfit = factor * (1 + 2 * (2 / 12) ** 0.5) ** 0.5  # two deviations of chi-square of 12 degrees
    posed = problem.with_measurements(solution.prediction + 0.05 * misfit)
    found = diagnose(posed, score(posed, solution.x, ended=Status.CONVERGED, z=solution.z), extent="quick")
    assert found.is_explained is not None
    assert found.is_out_of_range is not None
    assert found.is_explained.tolist() == [not is_over]
    assert found.is_out_of_range.tolist() == [is_over]


def test_two_far_answers_that_explain_the_data_are_told() -> None:
    problem = linear_problem(n_problems=1)
    solution = LevenbergMarquardt(restarts=2).solve(problem)
    assert solution.restart_latents is not None
    two = replace(
        solution,
        restart_objectives=torch.tensor([[1.0, 1.5]]),
        restart_latents=torch.stack([solution.restart_latents[:, 0], solution.restart_latents[:, 0] + 2], 1),
    )
    assert "Several answers" in diagnose(problem, two).words[0]
    worse = replace(two, restart_objectives=torch.tensor([[1.0, 90.0]]))
    assert "Several answers" not in diagnose(problem, worse).words[0]


def test_every_solution_carries_its_diagnosis_and_saves_its_flags(tmp_path: Path) -> None:
    problem = linear_problem(n_problems=3)
    far = problem.with_measurements(problem.measurements + 5 * torch.tensor([[1.0, -1.0] * 6]))
    solution = solve(far, "levenberg-marquardt", restarts=2)
    assert solution.diagnosis is not None
    assert solution.diagnosis.words[0] == diagnose(far, solution).words[0]
    assert solution.summary()["diagnosis"] == {
        "unexplained": 3,
        "out_of_range": 3,
        "ambiguous": 0,
        "hard_to_search": 0,
        **dict.fromkeys(("outliers", "units", "noise_too_large", "noise_too_small", "moved"), 0),
    }
    assert solution.diagnosis.counts()[0] == "3 of 3: Not explained to the noise level."
    solution.save(tmp_path)
    with np.load(tmp_path / "solution.npz") as saved:
        assert saved["is_out_of_range"].tolist() == [True, True, True]


def test_nothing_is_called_explained_where_the_noise_level_is_unknown() -> None:
    problem = replace(linear_problem(n_problems=2), likelihood=Gaussian(None))
    solution = solve(problem, "levenberg-marquardt", restarts=2)
    assert solution.diagnosis is not None
    assert solution.diagnosis.is_explained is None
    assert "unexplained" not in solution.diagnosis.flags
    assert solution.noise_level is not None
    estimate = float(solution.noise_level[0])
    assert solution.diagnosis.words[0].endswith(
        f"The noise level is unknown; by the evidence {estimate:.4g}."
    )


def test_a_tolerance_is_judged_by_itself_and_not_by_chi_square() -> None:
    problem = replace(linear_problem(n_problems=2), likelihood=Tolerance(1e-3))
    far = problem.with_measurements(problem.measurements + 5 * torch.tensor([[1.0, -1.0] * 6]))
    diagnosis = solve(far, "levenberg-marquardt", restarts=2).diagnosis
    assert diagnosis is not None
    assert "Chi-square" not in diagnosis.words[0]
    assert "Not explained" in diagnosis.words[0]


def digits(images: torch.Tensor) -> Diagnosis:
    prior = Prior.load("mnist-vae")
    forward = GaussianSensing(prior.out_shape, 100, seed=5)
    y = Gaussian(0.1).sample(forward(images), generator=torch.Generator().manual_seed(6))
    problem = Problem(prior, forward, Gaussian(0.1), y)
    return diagnose(problem, LevenbergMarquardt(restarts=1, n_iterations=3).solve(problem))


@pytest.mark.skipif(not is_available("mnist"), reason="MNIST is not under SCIADV_DATA")
def test_inverted_digits_are_flagged_and_digits_are_not() -> None:
    images = torch.tensor(load_images("mnist", "test").images[4000:4020, None]).float() / 255
    found = digits(torch.cat([images, 1 - images]))
    assert found.distribution_p_value is not None
    assert found.is_out_of_distribution is not None
    assert int(found.is_out_of_distribution[:20].sum()) <= 4  # 1 is expected
    assert bool(found.is_out_of_distribution[20:].all())
    assert float(found.distribution_p_value[20:].max()) < found.settings.distribution_threshold
    assert "never seen" in found.words[-1]
