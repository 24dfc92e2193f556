"""The variational search of the range with a stationary error, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from sciadv.data.stationary import Stationary, StationaryStatistics
from sciadv.errors import InputError
from sciadv.forward import Mask
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.size import kept_bytes, rows_at_once
from sciadv.solvers.spatial.stationary_error import StationaryError
from sciadv.testing import check_solver
from tests.small_priors import spatial_prior


def linear_problem(error: float) -> tuple[Problem, torch.Tensor]:
    """Return inpainting by a linear generator with a white error of a variance, and the posterior mean."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(30, 3, generator=draw)
    linear = nn.Linear(3, 30)
    back = nn.Linear(30, 3)
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.fill_(0.5)
        back.weight.zero_()
        back.bias.zero_()
    lags = torch.zeros(1, 1, 3, 3)
    lags[0, 0, 1, 1] = error
    one = Stationary(torch.zeros(1), lags)
    prior = Prior(
        nn.Sequential(linear, nn.Unflatten(1, (1, 5, 6))),
        3,
        nn.Sequential(nn.Flatten(), back),
        stationary=StationaryStatistics(one, one),
    )
    A = Mask(torch.rand(1, 5, 6, generator=draw) < 0.6)
    truth = prior.sample(3, seed=1)
    y = A(truth) + 0.3 * torch.randn(3, *A.out_shape, generator=draw)
    seen = A(weight.T.reshape(3, 1, 5, 6)).T / (0.09 + error) ** 0.5
    left = (y - 0.5) / (0.09 + error) ** 0.5
    z = torch.linalg.solve(torch.eye(3) + seen.T @ seen, seen.T @ left.T).T
    return Problem(prior, A, Gaussian(0.3), y, truth=truth), z


@pytest.mark.parametrize("error", [1e-6, 0.5])
def test_a_linear_generators_answer_is_the_posterior_mean(error: float) -> None:
    problem, z = linear_problem(error)
    found = StationaryError(n_iterations=250, n_probes=200, tolerance=0).solve(problem)
    in_range = problem.prior(z)
    left = problem.forward.adjoint(problem.measurements - problem.forward(in_range))
    torch.testing.assert_close(found.x, in_range + error / (error + 0.09) * left, atol=0.12, rtol=0.05)


def test_it_keeps_the_promises_of_solvers() -> None:
    check_solver(StationaryError(n_iterations=12), problem=linear_problem(0.1)[0])


def test_the_better_start_of_each_measurement_is_taken() -> None:
    prior = spatial_prior((1, 9, 8))
    z = prior.sample_latent(2, seed=0)
    truth = prior(z)
    A = Mask(torch.ones(1, 9, 8, dtype=torch.bool))
    problem = Problem(prior, A, Gaussian(0.1), A(truth))
    starts = torch.stack([truth, torch.ones_like(truth)], 1)
    solver = StationaryError(n_iterations=1)
    both = solver.solve(problem, seed=0).objective
    each = [replace(solver, starts=starts[:, i : i + 1]).solve(problem).objective for i in (0, 1)]
    taken = replace(solver, starts=starts).solve(problem).objective
    assert both is not None
    assert all(one is not None for one in (*each, taken))
    assert bool((taken <= each[0]).all() or (taken <= each[1]).all())  # type: ignore[operator]


def test_starts_of_another_shape_are_refused() -> None:
    with pytest.raises(InputError, match="starts have shape"):
        StationaryError(starts=torch.zeros(3, 1, 5, 7)).solve(linear_problem(0.1)[0])


def test_rows_at_once_fall_as_images_grow() -> None:
    small, large = (spatial_prior((1, side, side)) for side in (16, 32))
    assert 2.0 < kept_bytes(large) / kept_bytes(small) < 4.5
    problems = [
        Problem(
            prior,
            Mask(torch.ones(prior.out_shape, dtype=torch.bool)),
            Gaussian(0.1),
            prior.sample(1, seed=0).flatten(1),
        )
        for prior in (small, large)
    ]
    few, many = (rows_at_once(problem, 10**7) for problem in reversed(problems))
    assert 1 <= few < many
    assert rows_at_once(problems[0], 1) == 1
