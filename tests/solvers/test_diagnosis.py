"""Diagnosis: p-values that are uniform where the model holds, flags where it does not, words for both."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy import stats

from sciadv.datasets import is_available, load_images
from sciadv.forward import GaussianSensing
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import LevenbergMarquardt
from sciadv.solvers.diagnosis import ALARM, Diagnosis, diagnose
from sciadv.testing.solver import linear_problem


def test_the_p_value_is_that_of_chi_square() -> None:
    problem = linear_problem(n_problems=3)
    solution = LevenbergMarquardt(restarts=2).solve(problem)
    found = diagnose(problem, solution)
    expected = stats.chi2.sf(12 * found.chi_square.numpy(), 12)
    torch.testing.assert_close(found.p_value, torch.as_tensor(expected))
    assert found.distribution_p_value is None
    assert "Explained to the noise level." in found.words[0]


def test_data_that_no_candidate_explains_are_out_of_range() -> None:
    problem = linear_problem(n_problems=2)
    far = problem.with_measurements(problem.measurements + 5 * torch.tensor([[1.0, -1.0] * 6]))
    found = diagnose(far, LevenbergMarquardt(restarts=2).solve(far))
    assert found.is_out_of_range is not None
    assert bool(found.is_out_of_range.all())
    assert "expand the range" in found.words[0]
    assert float(found.p_value.max()) < 1e-6


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
    assert int(found.is_out_of_distribution[:20].sum()) <= 4  # ALARM of 20 is 1
    assert bool(found.is_out_of_distribution[20:].all())
    assert float(found.distribution_p_value[20:].max()) < ALARM
    assert "never seen" in found.words[-1]
