"""Annealing: the promises of all solvers, and starts from which plain descent fails."""

import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.forward.base import NonlinearForward
from sciadv.solvers import Annealing, LevenbergMarquardt
from sciadv.testing import check_solver


class Waves(NonlinearForward):
    """``(x, sin(5 x))``: a line with ripples whose every trough holds a descent."""

    def forward(self, x):
        return torch.cat([x, torch.sin(5 * x)], 1)


def test_it_keeps_the_promises_of_all_solvers():
    check_solver(Annealing())


def test_one_start_far_off_finds_the_minimum_where_plain_descent_does_not():
    prior = Prior(torch.nn.Linear(1, 1, bias=False), 1)
    prior.generator.weight.data.fill_(1.0)
    forward = Waves((1,), (2,))
    truth = torch.linspace(-0.3, 0.3, 7)[:, None]
    problem = Problem(prior, forward, Gaussian(0.1), forward(truth))
    starts = torch.linspace(-4, 4, 7)[:, None, None]
    plain = LevenbergMarquardt(restarts=1, starts=starts, halve_at=()).solve(problem)
    annealed = Annealing(starts=starts).solve(problem)
    assert float((plain.misfit > 1.5).double().mean()) > 0.4
    assert float(annealed.misfit.max()) < 1.0
    assert torch.allclose(annealed.x, truth, atol=0.1)
