"""Unknown noise: the evidence's estimate against the sigma that the data were made with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solvers import Auto, Laplace, LevenbergMarquardt, Solver
from sciadv.solvers.linear.noise_level import noise_level
from sciadv.testing.solver_suite import linear_problem


def of_unknown_noise(n: int, sigma: float) -> Problem:
    """Return measurements of 4 latents by 12 data with noise of `sigma`, which the problem does not know."""
    made = linear_problem(n_problems=n)
    assert made.truth is not None
    with torch.no_grad():
        clean = made.forward(made.truth)
    y = Gaussian(sigma).sample(clean, generator=torch.Generator().manual_seed(8))
    return replace(made, likelihood=Gaussian(None), measurements=y)


@pytest.mark.parametrize("sigma", [0.01, 0.2])
def test_the_estimate_is_unbiased_where_that_of_maximum_likelihood_is_a_third_too_small(sigma: float) -> None:
    problem = of_unknown_noise(150, sigma)
    found = LevenbergMarquardt(restarts=1).solve(problem)
    assert found.noise_level is not None
    ratio = (found.noise_level / sigma).square().double()
    error = float(ratio.std()) / 150**0.5
    assert abs(float(ratio.mean()) - 1) < 4 * error + 0.03  # chi-square of 8 degrees of freedom
    assert float((found.misfit / sigma).square().mean()) < 0.8  # 8 / 12


@pytest.mark.parametrize("latent_weight", [0.0, 1.0, 30.0])
def test_the_squares_are_shared_among_the_data_less_what_they_determine(latent_weight: float) -> None:
    problem = replace(of_unknown_noise(3, 0.5), latent_weight=latent_weight)
    z = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        squares = (problem.forward(problem.prior(z)) - problem.measurements).double().square().sum(1)
        origin = problem.forward(problem.prior(torch.zeros(1, 4)))
        jacobian = (problem.forward(problem.prior(torch.eye(4))) - origin).double().T  # all is linear
    for square, variance in zip(squares, noise_level(problem, z).double().square(), strict=True):
        normal = jacobian.T @ jacobian
        hessian = normal + latent_weight * variance * torch.eye(4).double()
        n_determined = torch.linalg.solve(hessian, normal).trace()
        assert float(variance) == pytest.approx(float(square / (12 - n_determined)), rel=1e-4)


@pytest.mark.parametrize("solver", [Auto(restarts=1), Laplace(restarts=2, n_samples=4)])
def test_other_solvers_report_it_too(solver: Solver) -> None:
    found = solver.solve(of_unknown_noise(3, 0.05))
    assert found.noise_level is not None
    assert found.summary()["noise_level_median"] == pytest.approx(float(found.noise_level.median()))
    assert 0.02 < float(found.noise_level.median()) < 0.1


def test_a_known_noise_level_is_not_estimated() -> None:
    assert LevenbergMarquardt(restarts=1).solve(linear_problem(n_problems=2)).noise_level is None
