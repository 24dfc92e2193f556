"""Representation error: the closed form of a linear problem, conformance, and what it needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from sciadv.data.moments import Moments, Residual
from sciadv.errors import InputError
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Status
from sciadv.solvers import LMMSE, RepresentationError, Solver, TangentKernel
from sciadv.solvers.automatic.estimates import EstimateSettings, Estimation
from sciadv.solvers.beyond_range.residual_statistics import learn_residual
from sciadv.solvers.latent.progress import Run
from sciadv.testing import check_solver
from sciadv.testing.solver_suite import linear_problem


def leaving_problem(n_problems: int = 5, n_measurements: int = 12) -> Problem:
    """Return a linear problem whose truths are not in the generator's range, with the right statistics."""
    problem = linear_problem(n_problems=n_problems, n_measurements=n_measurements)
    draw = torch.Generator().manual_seed(1)
    root = 0.3 * torch.randn(24, 24, generator=draw)
    mean = torch.randn(1, 4, 6, generator=draw)
    moments = Moments(mean, root @ root.T + 0.01 * torch.eye(24))
    prior = replace(problem.prior, residual=Residual(moments, moments, torch.zeros(1, 1, 4, 6)))
    nu = mean + (torch.randn(n_problems, 24, generator=draw) @ root.T).reshape(-1, 1, 4, 6)
    assert problem.truth is not None
    with torch.no_grad():
        y = problem.forward(problem.truth + nu)
    return Problem(prior, problem.forward, Gaussian(0.05), y, truth=problem.truth + nu)


def everything(problem: Problem) -> Moments:
    """Return mean and covariance of ``G(z) + nu`` for the linear generator."""
    assert problem.prior.residual is not None
    assert problem.prior.moments is not None
    image, own = problem.prior.residual.image, problem.prior.moments
    return Moments(own.mean + image.mean, own.covariance + image.covariance)


@pytest.mark.parametrize("solver", [RepresentationError(), TangentKernel(kernel="learned")])
def test_a_linear_generator_with_residual_gives_the_best_linear_estimate(solver: Solver) -> None:
    problem = leaving_problem()
    best = LMMSE(everything(problem)).solve(problem).x
    found = solver.solve(problem)
    torch.testing.assert_close(found.x, best, atol=2e-3, rtol=1e-3)
    assert found.x_range is not None
    assert (found.x_range - best).abs().max() > 0.1


def test_the_posterior_mean_of_a_linear_generator_is_the_best_linear_estimate() -> None:
    problem = leaving_problem(n_measurements=6)
    residual = problem.prior.residual
    assert residual is not None
    ends = torch.tensor([-100.0, 100.0]).reshape(2, 1, 1, 1).expand(2, 1, 4, 6)  # nothing is clipped
    problem = replace(problem, prior=replace(problem.prior, residual=replace(residual, reference=ends)))
    found = Estimation(problem, EstimateSettings(), None, Run(0)).make(["posterior-mean"])["posterior-mean"]
    expected = LMMSE(everything(problem)).solve(problem).x
    torch.testing.assert_close(found, expected, atol=0.25, rtol=0)


@pytest.mark.parametrize("solver", [RepresentationError(), TangentKernel(), TangentKernel(kernel="full")])
def test_conforms(solver: Solver) -> None:
    check_solver(solver, problem=leaving_problem())


@pytest.mark.parametrize("solver", [RepresentationError(), TangentKernel()])
def test_a_batch_of_one_gives_the_same_to_1e_5(solver: Solver) -> None:
    problem = leaving_problem()
    together, alone = solver.solve(problem).x[2], solver.solve(problem.subset([2])).x[0]
    assert float((together - alone).abs().max()) < 1e-5


def test_the_error_is_smaller_than_that_of_the_generators_range() -> None:
    problem = leaving_problem(20)
    found = RepresentationError().solve(problem)
    assert found.x_range is not None
    assert problem.truth is not None
    assert (found.x - problem.truth).square().mean() < 0.5 * (found.x_range - problem.truth).square().mean()
    assert found.status[0] is Status.EXPLAINED


def test_without_statistics_the_error_says_how_to_learn_them() -> None:
    with pytest.raises(InputError, match="learn_residual"):
        RepresentationError().solve(linear_problem())


def test_unknown_noise_is_refused() -> None:
    problem = leaving_problem()
    with pytest.raises(InputError, match="sigma is unknown"):
        RepresentationError().solve(replace(problem, likelihood=Gaussian(None)))


def test_statistics_are_learned_from_what_the_generator_leaves_out() -> None:
    draw = torch.Generator().manual_seed(3)
    net = nn.Linear(2, 9)
    prior = Prior(net, 2)
    root = torch.tril(torch.randn(9, 9, generator=draw)) * 0.2
    with torch.no_grad():
        net.weight.copy_(10 * torch.randn(9, 2, generator=draw))
        basis = torch.linalg.qr(net.weight)[0]
        images = prior.sample(4000, seed=4) + torch.randn(4000, 9, generator=draw) @ root.T + 1
    residual = learn_residual(prior, images, n_reference=10)
    outside = torch.eye(9) - basis @ basis.T  # what no latent can take up
    expected = outside @ root @ root.T @ outside
    torch.testing.assert_close(outside @ residual.image.covariance @ outside, expected, atol=0.02, rtol=0.1)
    torch.testing.assert_close(outside @ residual.image.mean, outside @ torch.ones(9), atol=0.05, rtol=0)
    assert len(residual.reference) == 10


def test_too_few_images_are_refused() -> None:
    with pytest.raises(InputError, match="at least 302"):
        learn_residual(Prior(nn.Linear(2, 9), 2), torch.zeros(20, 9))
