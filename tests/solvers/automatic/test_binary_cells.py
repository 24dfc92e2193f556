"""Iterated conditional modes: no single cell can be bettered, and what is no binary problem is refused."""

import itertools

import pytest
import torch

from sciadv import Gaussian, Prior, Problem
from sciadv.errors import InputError
from sciadv.forward import FaciesSlowness, GaussianBlur, Matrix
from sciadv.forward.base import NonlinearForward
from sciadv.nets import build_seeded
from sciadv.solvers import BinaryCells
from sciadv.solvers.automatic.binary_cells import _turned
from sciadv.testing import check_solver


def facies_problem(n: int = 3) -> Problem:
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 4, "image_shape": [1, 5, 4], "hidden": [16]}, 0)
    prior, slowness = Prior(net, 4), FaciesSlowness((1, 5, 4))
    rays = Matrix(torch.rand(8, 20, generator=torch.Generator().manual_seed(0)), (1, 5, 4))
    truth = (prior.sample(n, seed=3) > 0.5).float()
    with torch.no_grad():
        y = (rays @ slowness)(truth)
    return Problem(prior, rays @ slowness, Gaussian(0.5), y, truth=truth)


def test_it_keeps_the_promises_of_all_solvers():
    check_solver(BinaryCells(restarts=4), reaches_map=False, problem=facies_problem())


def test_answers_are_binary_and_fit_at_least_as_well_as_rounding():
    problem = facies_problem()
    solution = BinaryCells().solve(problem)
    assert set(solution.x.flatten().tolist()) <= {0.0, 1.0}
    with torch.no_grad():
        rounded = problem.forward((solution.x_range > 0.5).float())
    misfit = problem.likelihood.misfit(rounded, problem.measurements)
    assert bool((solution.misfit <= misfit + 1e-6).all())


def test_turning_ends_where_no_cell_and_nearly_no_pair_gains():
    draw = torch.Generator().manual_seed(1)
    columns, logit = torch.randn(6, 8, generator=draw).double(), torch.randn(1, 8, generator=draw).double()
    data = columns @ torch.tensor([1.0, 0, 1, 1, 0, 0, 1, 0]).double() + 5.0

    def objective(x):
        return float(0.5 * (data - columns @ x).square().sum() - logit[0] @ x)

    x = _turned(torch.zeros(1, 8).double(), logit, columns, data[None], 100)[0]
    every = [objective(torch.tensor(bits).double()) for bits in itertools.product((0.0, 1.0), repeat=8)]
    flips = []
    for i in range(8):
        other = x.clone()
        other[i] = 1 - other[i]
        flips.append(objective(other))
    assert objective(x) <= min(flips)
    assert objective(x) <= sorted(every)[10]


def test_operators_that_tie_cells_together_and_other_noise_are_refused():
    given = facies_problem()

    class Product(NonlinearForward):
        def forward(self, x):
            return x.flatten(1).cumprod(1)

    tied = Problem(given.prior, Product((1, 5, 4), (20,)), Gaussian(0.1), torch.zeros(1, 20))
    with pytest.raises(InputError, match="each cell by itself"):
        BinaryCells(restarts=2).solve(tied)
    unknown = Problem(given.prior, GaussianBlur((1, 5, 4), 1.0), Gaussian(None), torch.zeros(1, 1, 5, 4))
    with pytest.raises(InputError, match="noise"):
        BinaryCells(restarts=2).solve(unknown)
