"""When a start of a latent search ends: at the noise, settled, met by a better one, halved away."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sciadv.likelihood import Gaussian
from sciadv.solution import Status
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.search import Search, halved, met_better, thin_out
from sciadv.testing.solver_suite import linear_problem, map_objective


def test_a_start_at_the_noise_ends_when_its_objective_has_settled() -> None:
    search = Search(linear_problem(), 1, settled_decrease=0.01)
    misfit = torch.tensor([0.99, 0.99, 1.01])
    decrease = torch.tensor([0.005, 0.02, 0.005])
    assert search.explained(misfit, decrease).tolist() == [True, False, False]


def test_without_a_latent_weight_the_noise_alone_ends_it() -> None:
    search = Search(replace(linear_problem(), latent_weight=0.0), 1)
    assert search.explained(torch.tensor([1.0, 1.001]), torch.tensor([9.0, 0.0])).tolist() == [True, False]
    assert not replace(search, stop_at_noise=False).explained(torch.zeros(1), torch.zeros(1)).any()
    unknown = replace(search, problem=replace(search.problem, likelihood=Gaussian(None)))
    assert not unknown.explained(torch.zeros(1), torch.zeros(1)).any()


@pytest.mark.parametrize("n_latent", [2, 8])
def test_two_have_met_within_a_tenth_of_the_distance_of_two_draws(n_latent: int) -> None:
    distance = 0.1 * (2 * n_latent) ** 0.5  # of two draws: (2 n)^(1/2)
    z = torch.zeros(4, n_latent)
    z[1, 0], z[3, 0] = 0.99 * distance, 1.01 * distance  # two measurements of two restarts
    assert met_better(z, torch.tensor([1.0, 2.0, 1.0, 2.0]), 2).tolist() == [False, True, False, False]
    assert met_better(z, torch.tensor([2.0, 1.0, 1.0, 2.0]), 2).tolist() == [True, False, False, False]


def test_halving_keeps_half_then_a_quarter() -> None:
    objective = torch.tensor([7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0])
    assert halved(objective, 8, 1).sum() == 4
    assert halved(objective, 8, 2).tolist() == [*[False] * 6, True, True]


def test_restarts_are_thinned_out_from_a_third_of_the_first_halving_on() -> None:
    solver, problem = LevenbergMarquardt(restarts=4, starts=torch.zeros(6, 4, 4)), linear_problem()
    from sciadv.solvers.latent.iterate import Run

    state = solver.init(problem, Run(seed=0))
    assert len(thin_out(replace(state, iteration=3), (12,), 0.1).active) == 24
    assert len(thin_out(replace(state, iteration=4), (12,), 0.1).active) == 6  # all four have met
    assert len(thin_out(replace(state, iteration=40), (), 0.1).active) == 24


def test_a_start_that_has_settled_ends_long_before_the_last_iteration() -> None:
    problem = linear_problem()
    solution = LevenbergMarquardt(restarts=2, stop_at_noise=False, n_iterations=500).solve(problem)
    assert Status.MAX_ITERATIONS not in solution.status
    assert len(solution.history) < 60
    assert solution.objective is not None
    torch.testing.assert_close(solution.objective.double(), map_objective(problem), rtol=1e-4, atol=1e-4)
