"""Markov chains against posteriors that are known, and what they say when they have not mixed."""

from dataclasses import replace

import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.forward import FaciesSlowness
from sciadv.nets import build_seeded
from sciadv.solvers import HMC, MALA, PCN, Laplace
from sciadv.solvers.posterior.chains import Coordinates, Plan
from sciadv.testing import check_posterior, check_solver, linear_problem
from sciadv.testing.posterior_suite import moments_of_two_modes, two_modes

SHORT = Plan(n_samples=16, n_warmup=5, thin=1)
KERNELS = [MALA, HMC, PCN]


@pytest.mark.parametrize("kernel", KERNELS)
def test_samplers_keep_the_promises_of_all_solvers(kernel):
    check_solver(kernel(restarts=2, plan=SHORT))


@pytest.mark.parametrize("kernel", KERNELS)
def test_posterior_of_a_linear_problem_is_the_closed_form(kernel):
    solver = kernel(restarts=2, plan=Plan(n_chains=16, n_samples=1600, n_warmup=60, thin=1))
    check_posterior(solver, finds_both_modes=False)
    posterior = solver.solve(linear_problem()).posterior
    assert float(posterior.r_hat.max()) < 1.05
    assert float(posterior.effective_sample_size.min()) > 200


@pytest.mark.parametrize("kernel", KERNELS)
def test_one_curved_mode_is_sampled_as_quadrature_says(kernel):
    # at sigma = 0.5 the two modes of y = 0 are one, far from a Gaussian
    problem = two_modes(0.0, 0.3, sigma=0.5)
    posterior = kernel(plan=Plan(n_chains=16, n_samples=3200, n_warmup=60, thin=1)).solve(problem).posterior
    mean, spread, _ = moments_of_two_modes(problem)
    n = float(posterior.effective_sample_size.min())
    assert float(posterior.r_hat.max()) < 1.05
    assert n > 200
    assert float(((posterior.mean[:, 0] - mean) / spread).abs().max()) < 5 / n**0.5
    assert float((posterior.standard_deviation[:, 0] / spread - 1).abs().max()) < 5 / n**0.5


def test_chains_that_cannot_leave_their_mode_are_told_apart_by_r_hat():
    posterior = MALA(plan=Plan(n_chains=8, n_samples=400)).solve(two_modes(4.0, sigma=0.1)).posterior
    assert float(posterior.r_hat.max()) > 1.2
    assert int(posterior.n_modes.min()) == 2


def test_pcn_accepts_everything_on_a_gaussian_posterior():
    posterior = PCN(restarts=2, plan=SHORT).solve(linear_problem()).posterior
    assert float(posterior.acceptance.min()) > 0.98


def test_coordinates_invert_and_pull_gradients_back():
    draw = torch.Generator().manual_seed(0)
    half = torch.randn(3, 5, 5, generator=draw)
    factor = torch.linalg.cholesky(half @ half.transpose(1, 2) + torch.eye(5))
    map_ = Coordinates(torch.randn(3, 5, generator=draw), factor)
    u = torch.randn(3, 5, generator=draw).requires_grad_(True)
    z = map_.to_latent(u)
    assert torch.allclose(map_.from_latent(z), u, atol=1e-5)
    z.retain_grad()
    z.sin().sum().backward()
    assert torch.allclose(map_.pull(z.grad), u.grad, atol=1e-5)


def test_laplace_and_hmc_agree_on_a_generator_of_moderate_curvature():
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 3, "image_shape": [1, 6, 6], "hidden": [16]}, 0)
    prior, forward = Prior(net, 3), FaciesSlowness((1, 6, 6))
    with torch.no_grad():
        clean = forward(prior.sample(2, seed=3))
    problem = Problem(prior, forward, Gaussian(0.05), clean)
    sampled = HMC(plan=Plan(n_samples=1200, n_warmup=60, thin=1)).solve(problem).posterior
    approximate = Laplace(n_samples=2000).solve(problem).posterior
    gap = (sampled.latents.mean(1) - approximate.latents.mean(1)) / approximate.latents.std(1)
    assert float(gap.abs().max()) < 0.4
    ratio = sampled.standard_deviation / approximate.standard_deviation
    assert float(ratio.log().abs().median()) < 0.15


def test_draws_are_kept_when_the_user_stops_the_chains():
    calls: list[int] = []

    def stop(progress):
        calls.append(1)
        if progress.n_iterations == 100 and progress.iteration == 30:
            raise KeyboardInterrupt

    solver = MALA(restarts=1, plan=Plan(n_chains=2, n_samples=180, n_warmup=10, thin=1))
    solution = solver.solve(linear_problem(), monitor=stop)
    assert solution.was_interrupted
    assert solution.posterior.n_samples == 2 * 20
    assert replace(solver.plan, n_samples=1).n_steps == 11
