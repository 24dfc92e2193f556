"""Operators made of operators: ``A @ B``, ``c * A``, `stack`."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.forward import (
    BlockSum,
    CrossholeTravelTime,
    FaciesSlowness,
    GaussianSensing,
    LinearForward,
    Mask,
    MaskedFourier,
    Matrix,
    compose,
    scale,
    stack,
    to_dense,
)

SHAPE = (1, 4, 6)


def sensing(n: int, shape: tuple = SHAPE, *, seed: int = 0) -> GaussianSensing:
    return GaussianSensing(shape, n, seed=seed, dtype=torch.float64)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
@settings(max_examples=30)
def test_composition_is_the_product_of_matrices(a: int, b: int, c: int, seed: int):
    A, B, C = sensing(a, (b,), seed=seed), sensing(b, (c,), seed=seed + 1), sensing(c, seed=seed + 2)
    assert isinstance(A @ B, LinearForward)
    torch.testing.assert_close(to_dense(A @ B @ C), to_dense(A) @ to_dense(B) @ to_dense(C))
    torch.testing.assert_close(to_dense((A @ B) @ C), to_dense(A @ (B @ C)))


def test_composition_moves_its_parts():
    A = Mask(torch.ones(1, 2, 3) > 0) @ BlockSum(SHAPE, 2)
    A.to(torch.float64)
    assert A.outer.dtype == A.inner.dtype == A.dtype == torch.float64


def test_chain_rule_of_a_nonlinear_part():
    A, F = CrossholeTravelTime(dtype=torch.float64), FaciesSlowness(dtype=torch.float64)
    x = torch.rand(2, 1, 125, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    derivative = 0.02 / (0.08 - 0.02 * x) ** 2
    assert not (A @ F).is_linear
    torch.testing.assert_close((A @ F).jvp(x, x), A(derivative * x))
    y = A(x)
    torch.testing.assert_close((A @ F).vjp(x, y), derivative * A.adjoint(y))


def test_nonlinear_operator_may_be_the_inner_or_the_outer_one():
    F = FaciesSlowness(SHAPE)
    x = torch.rand(1, *SHAPE, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close((F @ (0.5 * F))(x), F(0.5 * F(x)))


@given(st.floats(-10, 10))
@settings(max_examples=30)
def test_scaling_multiplies_operator_and_adjoint(factor: float):
    A = sensing(3)
    torch.testing.assert_close(to_dense(factor * A), factor * to_dense(A))
    y = torch.ones(1, 3, dtype=torch.float64)
    torch.testing.assert_close(scale(A, factor).vjp(y, y), factor * A.adjoint(y))


def test_complex_data_can_be_scaled_and_composed():
    A = MaskedFourier(SHAPE, torch.ones(4, 6) > 0)
    B = 2.0 * A
    assert (B.dtype, to_dense(B).dtype) == (torch.float32, torch.complex64)
    torch.testing.assert_close(to_dense(B), 2 * to_dense(A))
    C = Matrix(torch.ones(1, 24), A.out_shape, dtype=torch.complex64)
    torch.testing.assert_close(to_dense(C @ A), to_dense(A).sum(0, keepdim=True))


def test_stack_joins_the_measurements():
    A, B = BlockSum(SHAPE, 2, dtype=torch.float64), sensing(3)
    C = stack([A, B])
    assert isinstance(C, LinearForward)
    torch.testing.assert_close(to_dense(C), torch.cat([to_dense(A), to_dense(B)]))
    y = torch.rand(2, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(C.adjoint(y), A.adjoint(y[:, :6].reshape(2, 1, 2, 3)) + B.adjoint(y[:, 6:]))


def test_stack_moves_its_parts():
    A = stack([BlockSum(SHAPE, 2), FaciesSlowness(SHAPE)]).to(torch.float64)
    assert {part.dtype for part in A.parts} == {torch.float64}


def test_stack_with_a_nonlinear_part_is_nonlinear():
    assert not stack([BlockSum(SHAPE, 2), FaciesSlowness(SHAPE)]).is_linear


@pytest.mark.parametrize(
    ("outer", "inner", "message"),
    [
        (BlockSum(SHAPE, 2), BlockSum(SHAPE, 2), r"gives \(1, 2, 3\), but the outer one takes \(1, 4, 6\)"),
        (sensing(2), FaciesSlowness(SHAPE), "gives torch.float32, but the outer one takes torch.float64"),
        (
            Matrix(torch.ones(1, 24), (1, 24)),
            MaskedFourier(SHAPE, torch.ones(4, 6) > 0),
            r"gives torch\.complex64, but the outer one takes torch\.float32",
        ),
    ],
    ids=["shape", "precision", "complex"],
)
def test_parts_that_do_not_fit_are_refused(outer, inner, message: str):
    with pytest.raises(InputError, match=message):
        compose(outer, inner)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "at least one"),
        ([BlockSum(SHAPE, 2), BlockSum((1, 2, 2), 2)], "another"),
        ([BlockSum(SHAPE, 2), sensing(2)], "another"),
        ([BlockSum(SHAPE, 2), MaskedFourier(SHAPE, torch.ones(4, 6) > 0)], r"some torch\.float32"),
    ],
    ids=["none", "shape", "dtype", "data"],
)
def test_stack_of_unlike_operators_is_refused(parts: list, message: str):
    with pytest.raises(InputError, match=message):
        stack(parts)


def test_operators_on_two_devices_are_refused():
    with pytest.raises(InputError, match=r"one operator is on cpu, the other on meta; move one by \.to\(\)"):
        compose(BlockSum((1, 2, 3), 1), BlockSum(SHAPE, 2, device="meta"))
