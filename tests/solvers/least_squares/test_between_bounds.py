import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear

from sciadv.solvers.least_squares.between_bounds import minimise_in_box


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_linear_problem_has_the_bounded_minimum_of_scipy(seed):
    numbers = np.random.default_rng(seed)
    A, b = numbers.normal(size=(12, 5)), 2 * numbers.normal(size=12)
    slope = torch.from_numpy(A.T.copy())

    def residuals(x):
        return x @ slope - torch.from_numpy(b), slope.expand(len(x), -1, -1)

    start = torch.from_numpy(numbers.random((3, 5)))
    got = minimise_in_box(residuals, start, n_steps=60)
    expected = lsq_linear(A, b, bounds=(0, 1), tol=1e-14)
    np.testing.assert_allclose(got.place.numpy(), np.broadcast_to(expected.x, (3, 5)), atol=1e-6)
    np.testing.assert_allclose(got.value.numpy(), 2 * expected.cost / 12, rtol=1e-9)


def test_each_start_has_its_own_minimum_and_never_gets_worse():
    def residuals(x):
        return (20 * x).cos(), torch.diag_embed(-20 * (20 * x).sin())

    start = torch.tensor([[0.10, 0.25], [0.40, 0.55]], dtype=torch.float64)
    got = minimise_in_box(residuals, start, n_steps=30)
    nearest = ((20 * start / torch.pi - 0.5).round() + 0.5) * torch.pi / 20
    torch.testing.assert_close(got.place, nearest, atol=1e-9, rtol=0)
    assert bool((got.value <= residuals(start)[0].square().mean(1)).all())


def test_a_trial_that_is_not_a_number_is_not_taken():
    def residuals(x):
        return torch.where(x > 0.5, torch.nan, x - 0.9), torch.ones(len(x), 1, 1, dtype=x.dtype)

    got = minimise_in_box(residuals, torch.tensor([[0.2]], dtype=torch.float64), n_steps=40)
    assert bool(got.value.isfinite().all())
    assert 0.2 < float(got.place) <= 0.5
