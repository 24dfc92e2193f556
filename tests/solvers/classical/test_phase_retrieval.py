"""The classical baselines of phase retrieval, against what is proven or published of them."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from sciadv import Gaussian, Prior, Problem, Status
from sciadv.errors import InputError
from sciadv.forward import GaussianSensing, Magnitude, MaskedFourier, ZeroPad
from sciadv.metrics import relative_error
from sciadv.nets import build_seeded
from sciadv.solvers import HIO, WirtingerFlow, make_solver
from sciadv.testing import check_solver

SHAPE = (1, 6, 6)


def images(n=4):
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(5)) ** 3


def problem_of(A, sigma=1e-4):
    net = build_seeded({"kind": "mlp-decoder", "n_latent": 4, "image_shape": list(SHAPE), "hidden": [16]}, 0)
    truth, draw = images(), torch.Generator().manual_seed(1)
    with torch.no_grad():
        y = A(truth)
    y = y + sigma * torch.randn(y.shape, generator=draw)
    return Problem(Prior(net, 4), A, Gaussian(sigma), y, truth=truth)


def gaussian(ratio=8):
    return Magnitude(GaussianSensing(SHAPE, ratio * 36, seed=1))


def fourier():
    everything = torch.ones(12, 12, dtype=torch.bool)
    return Magnitude(MaskedFourier((1, 12, 12), everything) @ ZeroPad(SHAPE, 12, 12))


def test_wirtinger_flow_finds_images_from_many_gaussian_magnitudes():
    problem = problem_of(gaussian(), sigma=1e-3)
    solution = WirtingerFlow().solve(problem)
    assert bool((relative_error(solution.x, problem.truth) < 1e-3).all())
    assert bool((solution.misfit < 1.3).all())  # it weighs squares, the likelihood magnitudes


def test_wirtinger_flow_fails_with_fewer_data_than_pixels():
    problem = problem_of(Magnitude(GaussianSensing(SHAPE, 24, seed=1)))
    assert bool((relative_error(WirtingerFlow().solve(problem).x, problem.truth) > 0.1).all())


def test_the_start_is_the_leading_eigenvector_as_long_as_the_image():
    problem = problem_of(gaussian(20))
    A = problem.forward.linear.product.matrix.double().numpy()
    start = WirtingerFlow(n_iterations=0).solve(problem).x.flatten(1).double().numpy()
    for y, found, truth in zip(problem.measurements.double().numpy(), start, problem.truth, strict=True):
        kept = np.where(y**2 <= 9 * np.mean(y**2), y**2, 0)
        leading = np.linalg.eigh(A.T @ (kept[:, None] * A))[1][:, -1]
        assert abs(found @ leading) == pytest.approx(np.linalg.norm(found), rel=1e-2)
        assert np.linalg.norm(found) == pytest.approx(float(truth.norm()), rel=0.1)


def test_wirtinger_flow_that_diverges_gives_its_best_iterate():
    problem = problem_of(gaussian())
    wild = WirtingerFlow(max_step=50.0).solve(problem)
    assert bool(wild.x.isfinite().all())
    assert bool((wild.misfit <= WirtingerFlow(n_iterations=0).solve(problem).misfit * (1 + 1e-5)).all())


def test_hio_finds_images_up_to_what_a_fourier_transform_leaves_open():
    problem = problem_of(fourier())
    solution = HIO(restarts=10).solve(problem)
    assert bool((relative_error(solution.x, problem.truth, up_to_shift=True) < 1e-2).all())
    assert bool((solution.x >= 0).all())


def test_error_reduction_never_raises_the_residual():
    problem = problem_of(fourier(), sigma=1e-6)
    misfits = [
        HIO(restarts=1, n_iterations=n, n_reductions=n).solve(problem).misfit for n in (1, 2, 5, 20, 100)
    ]
    for before, after in pairwise(misfits):
        assert bool((after <= before * (1 + 1e-4)).all())  # Fienup 1982, equation 13


@pytest.mark.parametrize(("solver", "make"), [(WirtingerFlow(), gaussian), (HIO(restarts=10), fourier)])
def test_they_keep_the_promises_of_all_solvers(solver, make):
    assert type(make_solver(solver.name)) is type(solver)
    check_solver(solver, problem=problem_of(make()))


def test_a_search_that_had_no_time_says_so():
    status = HIO(restarts=1, n_iterations=2, n_reductions=0).solve(problem_of(fourier())).status
    assert set(status) == {Status.MAX_ITERATIONS}


def test_other_operators_get_a_sentence():
    linear = problem_of(GaussianSensing(SHAPE, 40, seed=0))
    for solver in (WirtingerFlow(), HIO()):
        with pytest.raises(InputError, match="needs magnitudes of a linear operator"):
            solver.solve(linear)
    with pytest.raises(InputError, match="zero-padded"):
        HIO().solve(problem_of(gaussian()))
