"""The matrix-free linear estimate against the dense one."""

from __future__ import annotations

import pytest
import torch

from sciadv.data.stationary import StationaryField, StationaryStatistics, stationary_of
from sciadv.errors import InputError
from sciadv.forward import Mask
from sciadv.likelihood import Gaussian
from sciadv.prior import Moments, Prior
from sciadv.problem import Problem
from sciadv.solvers import LMMSE
from sciadv.solvers.spatial.stationary_lmmse import StationaryLMMSE
from sciadv.solvers.spatial.stationary_prior import gaussian_prior
from sciadv.testing import check_solver


def stationary_problem(*, with_statistics: bool = True) -> Problem:
    """Return inpainting of smooth noise, half of the pixels, by a prior of another, linear generator."""
    draw = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.randn(100, 1, 20, 22, generator=draw), 3, 1)
    one = stationary_of(smooth, longest=4)
    linear = torch.nn.Linear(5, 30)
    with torch.no_grad():
        linear.weight.copy_(0.1 * torch.randn(30, 5, generator=draw))
        linear.bias.zero_()
    net = torch.nn.Sequential(linear, torch.nn.Unflatten(1, (1, 5, 6)))
    prior = Prior(net, 5, stationary=StationaryStatistics(one, one) if with_statistics else None).to("cpu")
    field = StationaryField(one, (1, 5, 6))
    truth = field.mean + field.root(torch.randn(4, *field.noise_shape, generator=draw))
    A = Mask(torch.rand(1, 5, 6, generator=draw) < 0.5)
    likelihood = Gaussian(0.05)
    return Problem(prior, A, likelihood, likelihood.sample(A(truth), generator=draw), truth=truth)


def test_it_is_the_dense_linear_estimate() -> None:
    problem = stationary_problem()
    assert problem.prior.stationary is not None
    field = StationaryField(problem.prior.stationary.images, (1, 5, 6), dtype=torch.float64)
    C = field.times(torch.eye(30, dtype=torch.float64).reshape(30, 1, 5, 6)).reshape(30, 30)
    moments = Moments(field.mean.float().contiguous(), C.float())
    best = LMMSE(moments).solve(problem).x
    found = StationaryLMMSE(tolerance=1e-6).solve(problem).x
    torch.testing.assert_close(found, best, atol=2e-4, rtol=1e-3)


def test_it_keeps_the_promises_of_solvers() -> None:
    check_solver(StationaryLMMSE(), problem=stationary_problem())


def test_the_gaussian_prior_draws_what_the_statistics_say() -> None:
    problem = stationary_problem()
    drawn = gaussian_prior(problem.prior, "test").sample(4000, seed=0)
    assert problem.prior.stationary is not None
    assert float(drawn.var()) == pytest.approx(float(problem.prior.stationary.images.variance[0]), rel=0.05)


def test_a_prior_without_statistics_is_told_how_to_get_them() -> None:
    with pytest.raises(InputError, match="kind 'spatial'"):
        StationaryLMMSE().solve(stationary_problem(with_statistics=False))
