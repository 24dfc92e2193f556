"""Our operators as SciPy's, PyLops' and ODL's: their own adjoint tests pass, and the matrix is the same."""

import warnings

import numpy as np
import pylops
import pytest
import torch
from scipy.sparse.linalg import lsqr

from sciadv.forward import (
    BlockSum,
    GaussianSensing,
    LinearForward,
    MaskedFourier,
    as_forward,
    to_dense,
    to_odl,
    to_pylops,
    to_scipy,
)

OPERATORS = {
    "real": lambda: GaussianSensing((1, 3, 4), 5, seed=0, dtype=torch.float64),
    "complex-data": lambda: MaskedFourier((1, 3, 4), np.eye(3, 4) > 0, dtype=torch.float64),
    "complex": lambda: MaskedFourier((1, 3, 4), np.eye(3, 4) > 0, dtype=torch.complex128),
}


@pytest.fixture(params=OPERATORS)
def A(request: pytest.FixtureRequest) -> LinearForward:
    return OPERATORS[request.param]()


def test_dense_matrix_has_the_adjoint_as_its_transpose(A: LinearForward):
    M = to_dense(A)
    y = torch.randn(1, *A.out_shape, generator=torch.Generator().manual_seed(0), dtype=M.dtype)
    x = M.mH @ y.flatten()
    torch.testing.assert_close(A.adjoint(y).flatten(), x if A.dtype.is_complex else x.real)


def test_scipy_operator_is_the_matrix(A: LinearForward):
    S, M = to_scipy(A), to_dense(A).numpy()
    assert S.dtype == M.dtype
    np.testing.assert_allclose(S @ np.eye(12), M)
    np.testing.assert_allclose(S @ np.ones(12), M.sum(1), atol=1e-14)
    y = np.random.default_rng(0).standard_normal((M.shape[0], 2))
    np.testing.assert_allclose(
        S.rmatmat(y), M.conj().T @ y if A.dtype.is_complex else (M.conj().T @ y).real, atol=1e-14
    )


def test_scipy_solves_least_squares_with_it():
    A = GaussianSensing((1, 3, 4), 20, seed=0, dtype=torch.float64)
    x = np.random.default_rng(0).standard_normal(12)
    np.testing.assert_allclose(lsqr(to_scipy(A), to_scipy(A) @ x, atol=1e-12, btol=1e-12)[0], x, rtol=1e-6)


def test_pylops_operator_passes_its_dot_test(A: LinearForward):
    operator = to_pylops(A)
    assert (operator.dims, operator.dimsd) == (A.in_shape, A.out_shape)
    assert operator.clinear == (A.dtype.is_complex or not to_dense(A).is_complex())
    if operator.clinear:
        assert pylops.utils.dottest(operator, complexflag=3 if A.dtype.is_complex else 0, rtol=1e-10)


def test_pylops_round_trip_is_the_same_operator(A: LinearForward):
    torch.testing.assert_close(to_dense(as_forward(to_pylops(A), A.in_shape, dtype=A.dtype)), to_dense(A))


@pytest.mark.filterwarnings("ignore")
def test_odl_round_trip_is_the_same_operator(A: LinearForward):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports
        pytest.importorskip("odl")
    if not A.dtype.is_complex and to_dense(A).is_complex():
        pytest.skip("ODL has no operators from real to complex spaces with real adjoints")
    operator = to_odl(A)
    x = operator.domain.element(np.random.default_rng(0).standard_normal(A.in_shape))
    y = operator(x)
    np.testing.assert_allclose(
        operator.range.inner(y, y), operator.domain.inner(operator.adjoint(y), x).conjugate()
    )
    torch.testing.assert_close(to_dense(as_forward(operator, A.in_shape, dtype=A.dtype)), to_dense(A))


def test_dtype_of_the_array_does_not_matter():
    S = to_scipy(BlockSum((1, 2, 2), 2))
    np.testing.assert_array_equal(S @ np.ones(4, dtype=np.int64), [4])
