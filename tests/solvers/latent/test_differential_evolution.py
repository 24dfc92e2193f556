"""Differential evolution where every descent from a draw ends in a local minimum."""

from itertools import pairwise

import numpy as np
import torch
from scipy import optimize

from sciadv import Gaussian, Prior, Problem, Status
from sciadv.forward.base import NonlinearForward
from sciadv.solvers import DifferentialEvolution, LevenbergMarquardt
from sciadv.solvers.latent.differential_evolution import _apart, _two_others
from sciadv.testing import check_solver


class Rastrigin(NonlinearForward):
    """Residuals whose sum of squares is Rastrigin's function of x - 0.7: a minimum in every unit cell."""

    def __init__(self, n):
        super().__init__((n,), (2 * n,))

    def forward(self, x):
        t = x - 0.7
        return torch.cat([t, (10 * (1 - torch.cos(2 * torch.pi * t)) + 1e-12).sqrt()], 1)


def rugged(n: int = 5, *, n_problems: int = 4) -> Problem:
    prior = Prior(torch.nn.Linear(n, n, bias=False), n, name="plane")
    prior.generator.weight.data.copy_(2 * torch.eye(n))
    return Problem(prior, Rastrigin(n), Gaussian(0.3), torch.zeros(n_problems, 2 * n), latent_weight=0.0)


def test_it_keeps_the_promises_of_all_solvers():
    check_solver(DifferentialEvolution(population=16, n_generations=4, restarts=2))


def test_it_finds_the_global_minimum_where_descents_from_draws_do_not():
    problem = rugged()
    draws = problem.prior.sample_latent(4 * 10, seed=1).reshape(4, 10, 5)
    descents = LevenbergMarquardt(restarts=10, starts=draws, halve_at=()).solve(problem)
    found = DifferentialEvolution(population=64, n_generations=60).solve(problem, seed=1)
    assert float(descents.restart_objectives.median()) > 20.0
    assert all(status is Status.EXPLAINED for status in found.status)


def test_it_is_as_good_as_scipys_at_the_same_number_of_predictions():
    problem, n = rugged(n_problems=1), 5
    found = DifferentialEvolution(population=50, n_generations=100, restarts=1).solve(problem, seed=0)

    def objective(z):
        t = 2 * z - 0.7
        return ((t**2) + 10 * (1 - np.cos(2 * np.pi * t))).sum() / (2 * 0.3**2)

    theirs = optimize.differential_evolution(
        objective, [(-3, 3)] * n, popsize=10, maxiter=100, rng=np.random.default_rng(0), polish=True
    )
    assert float(found.objective) <= theirs.fun + 1.0


def test_generations_never_get_worse_and_starts_are_apart():
    problem = rugged()
    best: list[float] = []
    DifferentialEvolution(n_generations=20).solve(problem, monitor=lambda p: best.append(p.best_misfit))
    assert all(after <= before for before, after in pairwise(best[:20]))
    z = torch.tensor([[0.0], [0.01], [5.0], [9.0]])
    starts = _apart(z, torch.tensor([0.0, 1.0, 2.0, 3.0]), 4, 3)
    assert starts.flatten().tolist() == [0.0, 5.0, 9.0]


def test_the_two_others_are_others():
    first, second = _two_others(7, torch.Generator().manual_seed(0))
    me = torch.arange(7)
    assert bool(((first != me) & (second != me) & (first != second)).all())
