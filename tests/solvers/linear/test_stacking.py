"""Convex combinations of estimates: never worse than the best one of them, and the best there is."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.solvers.linear.stacking import cheaper_weights, error_products, stacking_weights


def draw(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 7), rank=st.integers(1, 9), scale=st.floats(1e-6, 1e6))
def test_weights_are_convex_and_no_worse_than_the_best_alone(
    seed: int, n: int, rank: int, scale: float
) -> None:
    errors = draw(n, rank, seed=seed) * scale
    products = errors @ errors.T
    weights = stacking_weights(products, least=0.0)
    assert (weights >= 0).all()
    assert float(weights.sum()) == pytest.approx(1)
    combined = float(weights @ products @ weights)
    assert combined <= float(products.diagonal().min()) * (1 + 1e-6) + 1e-9 * float(products.diagonal().max())


@given(seed=st.integers(0, 10_000))
def test_weights_fulfil_the_conditions_of_optimality(seed: int) -> None:
    errors = draw(4, 12, seed=seed)
    products = errors @ errors.T
    weights = stacking_weights(products, least=0.0)
    slope = products @ weights
    combined = float(weights @ slope)
    assert (slope >= combined - 1e-6 * combined).all()
    assert torch.allclose(slope[weights > 0], torch.tensor(combined, dtype=slope.dtype), rtol=1e-5)


def test_small_weights_are_left_out() -> None:
    products = torch.tensor([[1.0, 0.99], [0.99, 1.0]]).double()
    products[0, 0] = 0.99001
    assert stacking_weights(products, least=0.02).tolist() == pytest.approx([1.0, 0.0], abs=1e-9)


def test_a_costly_estimate_must_lower_the_error() -> None:
    errors = draw(3, 400, seed=1)
    errors[2] = errors[0] + 1e-3 * draw(400, seed=2)  # says what the first one says
    products = errors @ errors.T
    full = stacking_weights(products, least=0.0)
    cheaper = cheaper_weights(products, [2, 1, 0], slack=0.01, least=0.0)
    assert cheaper[2] == 0
    assert float(cheaper @ products @ cheaper) <= 1.01 * float(full @ products @ full)
    assert torch.equal(cheaper_weights(products, [], slack=0.01, least=0.0), full)


def test_products_of_errors_are_means_a_pixel() -> None:
    truth = torch.zeros(2, 1, 3)
    first, second = torch.ones(2, 1, 3), torch.full((2, 1, 3), 2.0)
    products = error_products({"a": first, "b": second}, truth)
    assert products.tolist() == [[1.0, 2.0], [2.0, 4.0]]
