"""SciPy's and PyLops' operators."""

import numpy as np
import pylops
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sciadv.errors import InputError
from sciadv.forward import LinearForward, Matrix, as_forward, to_dense
from sciadv.testing import check_forward


def dense(m: int, n: int, *, is_complex: bool = False) -> np.ndarray:
    rng = np.random.default_rng(0)
    real = rng.standard_normal((m, n))
    return real + 1j * rng.standard_normal((m, n)) if is_complex else real


PYLOPS = {
    "matrix": lambda: pylops.MatrixMult(dense(7, 30), dtype="float64"),
    "derivative": lambda: pylops.FirstDerivative((5, 6), axis=0, dtype="float64"),
    "convolve": lambda: pylops.signalprocessing.Convolve2D(
        (5, 6), dense(3, 3), offset=(1, 1), dtype="float64"
    ),
    "fft": lambda: pylops.signalprocessing.FFT2D((5, 6), dtype="complex128"),
    "stack": lambda: pylops.VStack([pylops.Identity(30), pylops.MatrixMult(dense(4, 30))]),
}


@pytest.mark.parametrize("name", PYLOPS)
def test_pylops_operator_is_its_matrix(name: str):
    operator = PYLOPS[name]()
    A = as_forward(operator, (1, 5, 6), dtype=torch.float64)
    np.testing.assert_allclose(to_dense(A), operator @ np.eye(30), atol=1e-12)
    check_forward(A)


def test_pylops_shapes_are_its_own_unless_asked():
    operator = PYLOPS["convolve"]()
    assert as_forward(operator).in_shape == as_forward(operator).out_shape == (5, 6)
    A = as_forward(operator, (1, 5, 6), out_shape=(30,))
    assert (A.in_shape, A.out_shape) == ((1, 5, 6), (30,))


def test_double_operator_keeps_single_candidates():
    A = as_forward(PYLOPS["matrix"](), (30,))
    y = A(torch.ones(2, 30))
    assert y.dtype == A.adjoint(y).dtype == torch.float32


def test_complex_operator_of_real_candidates_has_a_real_adjoint():
    operator = PYLOPS["fft"]()
    A = as_forward(operator, (1, 5, 6))
    y = A(torch.rand(2, 1, 5, 6, generator=torch.Generator().manual_seed(0)))
    assert y.dtype == torch.complex64
    assert A.adjoint(y).dtype == torch.float32


def test_operator_over_the_reals_takes_complex_candidates():
    """Its matrix is complex to PyLops, but it takes the real part: linear over the reals only."""
    A = as_forward(pylops.Real((4,), dtype="complex128"), dtype=torch.complex128)
    check_forward(A)
    x = torch.tensor([[1 + 2j, 3j, 1, 0]], dtype=torch.complex128)
    torch.testing.assert_close(A(x).real, x.real)


@pytest.mark.parametrize("is_complex", [False, True])
def test_scipy_operator_is_its_matrix(is_complex: bool):  # noqa: FBT001
    M = dense(5, 12, is_complex=is_complex)
    A = as_forward(aslinearoperator(M), (1, 3, 4), dtype=torch.float64)
    np.testing.assert_allclose(to_dense(A), M)
    check_forward(A)


def test_missing_adjoint_of_a_small_operator_is_written_out():
    M = dense(5, 12)
    A = as_forward(LinearOperator(M.shape, matvec=lambda x: M @ x), dtype=torch.float64)
    assert isinstance(A, Matrix)
    np.testing.assert_allclose(A.adjoint(torch.eye(5, dtype=torch.float64)), M)


def test_missing_adjoint_of_a_large_operator_is_refused():
    with pytest.raises(InputError, match="rmatvec"):
        as_forward(LinearOperator((5, 12), matvec=lambda x: x[:5]), largest_matrix=59)


def test_flattening_is_in_c_order():
    M = dense(4, 6)
    x = torch.arange(6.0).reshape(1, 2, 3)
    A = as_forward(aslinearoperator(M), (2, 3))
    np.testing.assert_allclose(A(x)[0], M @ np.arange(6), rtol=1e-6)


def test_torch_differentiates_through_numpy_in_every_mode():
    M = torch.from_numpy(dense(5, 12))
    A = as_forward(aslinearoperator(M.numpy()), (3, 4), dtype=torch.float64)
    x = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tangents = torch.eye(12, dtype=torch.float64).reshape(12, 1, 3, 4).expand(-1, 2, -1, -1)
    jacobian = torch.vmap(lambda t: torch.func.jvp(A, (x,), (t,))[1])(tangents)  # (12, 2, 5)
    torch.testing.assert_close(jacobian[:, 0].T, M)
    torch.testing.assert_close(torch.func.jacrev(lambda x: A(x).sum(0))(x)[:, 0].reshape(5, 12), M)
    hessian = torch.func.hessian(lambda x: A(x[None]).square().sum())(x[0]).reshape(12, 12)
    torch.testing.assert_close(hessian, 2 * M.T @ M)


def test_adapter_is_a_linear_forward():
    assert isinstance(as_forward(PYLOPS["derivative"]()), LinearForward)
