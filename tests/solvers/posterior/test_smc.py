"""Sequential Monte Carlo: both modes at their weights, the evidence, and no dependence on the batch."""

import pytest
import torch

from sciadv.errors import InputError
from sciadv.metrics import family_sample_size
from sciadv.problem import Problem
from sciadv.solvers import Laplace, SequentialMonteCarlo
from sciadv.testing import check_posterior, check_solver, linear_problem
from sciadv.testing.posterior_suite import moments_of_two_modes, two_modes


def test_smc_keeps_the_promises_of_all_solvers():
    check_solver(SequentialMonteCarlo(n_particles=100, n_moves=2))


def test_draws_are_those_of_the_closed_form_and_of_two_modes():
    check_posterior(SequentialMonteCarlo(n_particles=1500))


def test_weights_of_far_modes_are_those_of_quadrature_where_chains_would_stay_in_theirs():
    problem = two_modes(1.0, 2.0, 4.0, sigma=0.1)
    posterior = SequentialMonteCarlo(n_particles=4000).solve(problem).posterior
    share = (posterior.samples[..., 0] > 0.15).double().mean(1)
    assert torch.allclose(share, moments_of_two_modes(problem)[2], atol=5 * 0.5 / 4000**0.5)


def test_evidence_is_that_of_laplace_on_a_linear_problem():
    problem = linear_problem()
    measured = SequentialMonteCarlo(n_particles=1500).solve(problem).posterior.log_evidence
    exact = Laplace(restarts=1, n_samples=4).solve(problem).posterior.log_evidence
    assert float((measured - exact).abs().max()) < 0.6


def test_a_problem_without_latent_law_is_refused():
    given = linear_problem()
    flat = Problem(given.prior, given.forward, given.likelihood, given.measurements, latent_weight=0.0)
    with pytest.raises(InputError, match="latent_weight is 0"):
        SequentialMonteCarlo().solve(flat)


def test_particles_that_never_move_are_worth_few_draws_and_moved_ones_many():
    problem = linear_problem(n_problems=2)
    still, moved = (
        SequentialMonteCarlo(n_particles=150, n_moves=n).solve(problem).posterior.effective_sample_size
        for n in (0, 4)
    )
    assert float(still.max()) < 15
    assert float(moved.min()) > 40
    assert float(moved.max()) <= 150


def test_unmoved_copies_do_not_add_to_the_effective_sample_size():
    draw = torch.Generator().manual_seed(0)
    particles = torch.randn(2, 60, 3, generator=draw)
    ancestors = torch.arange(60).repeat(5).expand(2, -1)
    copied = family_sample_size(particles.repeat(1, 5, 1), ancestors)
    assert float(copied.max()) < 120
    assert float(copied.min()) > 30
    one_family = family_sample_size(particles, torch.zeros(2, 60, dtype=torch.long))
    assert one_family.tolist() == [[1.0] * 3] * 2
