"""Laplace's approximation against the closed form of a linear problem and the quadrature of two modes."""

import numpy as np
import pytest
import torch

from sciadv.solvers import Laplace
from sciadv.solvers.posterior.laplace_mixture import find_modes, modes_at, spread_starts
from sciadv.testing import check_solver, linear_problem
from sciadv.testing.posterior_suite import (
    check_posterior,
    gaussian_posterior,
    moments_of_two_modes,
    two_modes,
)


def test_laplace_keeps_the_promises_of_all_solvers():
    check_solver(Laplace(restarts=2, n_samples=20))


def test_posterior_of_a_linear_problem_is_the_closed_form():
    check_posterior(Laplace(n_samples=4000), finds_both_modes=False)
    posterior = Laplace(n_samples=100).solve(linear_problem()).posterior
    assert bool((posterior.n_modes == 1).all())
    assert posterior.r_hat is None
    assert bool((posterior.effective_sample_size == 100).all())


def test_evidence_of_a_linear_problem_is_the_closed_form():
    problem = linear_problem()
    posterior = Laplace().solve(problem).posterior
    mean, covariance = gaussian_posterior(problem)
    with torch.no_grad():
        energy = problem.likelihood.energy(problem.forward(problem.prior(mean.float())), problem.measurements)
    expected = 0.5 * covariance.logdet() - energy - 0.5 * mean.square().sum(1)
    assert torch.allclose(posterior.log_evidence.double(), expected.double(), atol=1e-2)


def test_weights_of_two_modes_are_those_of_quadrature():
    problem = two_modes(1.0, 2.0, 4.0, sigma=0.1)
    _, modes = find_modes(problem, spread_starts(problem, 8, seed=0), seed=0)
    right = (modes.weights * (modes.z[..., 0] > 0.15)).sum(1).numpy()
    assert right == pytest.approx(moments_of_two_modes(problem)[2].numpy(), abs=0.02)
    posterior = Laplace(n_samples=4000).solve(problem).posterior
    mean, spread, _ = moments_of_two_modes(problem)
    assert posterior.mean[:, 0].numpy() == pytest.approx(
        mean.numpy(), abs=4 * float(spread.max()) / 4000**0.5
    )
    assert posterior.standard_deviation[:, 0].numpy() == pytest.approx(spread.numpy(), rel=0.03)
    assert posterior.n_modes.tolist() == [2, 2, 2]


def test_copies_of_a_mode_do_not_add_to_its_weight():
    problem = two_modes(2.0, sigma=0.1)
    lopsided = torch.tensor([[[2.0], [1.9], [2.1], [1.8], [-2.0]]])
    _, modes = find_modes(problem, lopsided, seed=0)
    assert int((modes.weights > 0).sum()) == 2
    assert float(modes.weights[0, :4].sum()) == pytest.approx(
        float(moments_of_two_modes(problem)[2][0]), abs=0.02
    )


def test_modes_where_a_search_has_ended_weigh_as_those_of_a_search():
    problem = two_modes(1.0, 2.0, 4.0, sigma=0.1)
    solution, searched = find_modes(problem, spread_starts(problem, 8, seed=0), seed=0)
    far = torch.full_like(solution.restart_latents[:, :1], 30.0)  # explains nothing
    modes = modes_at(problem, torch.cat([far, searched.z], 1))
    assert float(modes.weights[:, 0].max()) == 0
    assert torch.allclose(modes.weights[:, 1:], searched.weights, atol=1e-5)
    assert torch.allclose(modes.log_evidence, searched.log_evidence, atol=1e-5)


def test_posterior_is_saved_and_summarised(tmp_path):
    solution = Laplace(restarts=2, n_samples=30).solve(linear_problem())
    solution.save(tmp_path)
    assert solution.summary()["posterior"]["n_samples"] == 30
    with np.load(tmp_path / "solution.npz") as saved:
        assert saved["posterior_standard_deviation"].shape == tuple(solution.x.shape)
        assert saved["posterior_latents"].shape == (6, 30, 4)
