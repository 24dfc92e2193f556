"""Posteriors of ``x = G(z) + nu`` against the closed form where everything is linear and Gaussian."""

from dataclasses import replace

import pytest
import torch

from sciadv import Gaussian
from sciadv.data.moments import Moments, Residual
from sciadv.solvers import HMC, Laplace, RegularisedGaussNewton
from sciadv.solvers.posterior.chains import Plan
from sciadv.testing import linear_problem


def with_residual(problem):
    """Return the problem with nu of known law, and x's posterior mean ``(batch, pixels)`` and covariance."""
    draw = torch.Generator().manual_seed(5)
    half = 0.2 * torch.randn(24, 24, generator=draw)
    moments = Moments(0.1 * torch.randn(1, 4, 6, generator=draw), half @ half.T)
    reference = problem.prior.sample(8, seed=1)
    prior = replace(problem.prior, residual=Residual(moments, moments, reference))
    linear = problem.prior.generator[0]
    weight, bias = linear.weight.detach().double(), linear.bias.detach().double()
    covariance = weight @ weight.T + moments.covariance.double()  # of x
    mean = bias + moments.mean.double().flatten()
    with torch.no_grad():
        matrix = problem.forward(torch.eye(24).reshape(24, 1, 4, 6)).double().T
    data = matrix @ covariance @ matrix.T + float(problem.likelihood.sigma) ** 2 * torch.eye(len(matrix))
    gain = covariance @ matrix.T @ torch.linalg.inv(data)
    given = covariance - gain @ matrix @ covariance
    posterior_mean = mean + (problem.measurements.double() - mean @ matrix.T) @ gain.T
    return replace(problem, prior=prior), posterior_mean, given


@pytest.mark.parametrize(
    "solver",
    [
        Laplace(restarts=2, n_samples=4000),
        HMC(restarts=2, plan=Plan(16, 3200, 60, 1)),
        RegularisedGaussNewton(n_samples=1000),
    ],
    ids=repr,
)
def test_posterior_of_candidates_is_the_closed_form(solver):
    problem, mean, covariance = with_residual(linear_problem())
    solution = solver.solve(problem)
    samples = solution.posterior.samples.flatten(2).double()
    n = float(solution.posterior.effective_sample_size.min())
    spread = covariance.diagonal().sqrt()
    assert float(((samples.mean(1) - mean) / spread).abs().max()) < 5 / n**0.5
    measured = samples[0].T.cov() / spread / spread[:, None]
    assert float((measured - covariance / spread / spread[:, None]).abs().max()) < 5 * (2 / n) ** 0.5
    if solution.method != "regularised-gauss-newton":
        assert solution.settings["representation_error"] == "in the posterior"


def test_what_cannot_be_whitened_is_sampled_in_the_range():
    problem, _, _ = with_residual(linear_problem())
    unknown = replace(problem, likelihood=Gaussian(None))
    assert "representation_error" not in Laplace(restarts=1, n_samples=8).solve(unknown).settings
