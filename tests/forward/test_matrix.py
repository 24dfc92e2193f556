import copy
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.forward import Matrix, to_dense


def dense(m: int, n: int, *, seed: int = 0, is_complex: bool = False) -> np.ndarray:
    rng = np.random.default_rng(seed)
    real = rng.standard_normal((m, n))
    return real + 1j * rng.standard_normal((m, n)) if is_complex else real


FORMATS = {
    "array": lambda M: M,
    "fortran": np.asfortranarray,
    "tensor": torch.from_numpy,
    "torch-coo": lambda M: torch.from_numpy(M).to_sparse(),
    "scipy-coo": sp.coo_array,
    "scipy-csc": sp.csc_array,
    "scipy-matrix": sp.csr_matrix,
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("is_complex", [False, True])
def test_every_format_is_the_same_matrix(kind: str, is_complex: bool):  # noqa: FBT001
    M = dense(5, 12, is_complex=is_complex)
    A = Matrix(FORMATS[kind](M), (1, 3, 4), dtype=torch.float64)
    x, y = dense(2, 12, seed=1), dense(2, 5, seed=2, is_complex=is_complex)
    np.testing.assert_allclose(A(torch.from_numpy(x).reshape(2, 1, 3, 4)).numpy(), x @ M.T, rtol=1e-12)
    pulled = A.adjoint(torch.from_numpy(y)).flatten(1).numpy()
    np.testing.assert_allclose(pulled, (y @ M.conj()).real, rtol=1e-12, atol=1e-12)
    assert A.adjoint(torch.from_numpy(y)).dtype == torch.float64


def test_torch_csr_matrix_is_taken():
    M = dense(4, 6)
    csr = sp.csr_array(M)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch: sparse CSR is in beta
        tensor = torch.sparse_csr_tensor(csr.indptr, csr.indices, csr.data, M.shape)
    assert torch.equal(to_dense(Matrix(tensor, dtype=torch.float64)), torch.from_numpy(M))


def test_sparse_duplicates_are_summed():
    M = sp.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 3))
    assert to_dense(Matrix(M))[0, 1] == 3


def test_complex_matrix_survives_casts():
    M = dense(3, 4, is_complex=True)
    A = Matrix(M).to(torch.float64)
    assert to_dense(A).dtype == torch.complex128
    np.testing.assert_allclose(to_dense(A).numpy(), M, rtol=1e-6)


def test_sparse_operator_can_be_copied():
    A = Matrix(sp.eye_array(3))
    assert torch.equal(copy.deepcopy(A)(torch.ones(1, 3)), torch.ones(1, 3))


def test_read_only_and_flipped_arrays_are_copied():
    M = np.broadcast_to(np.arange(3.0), (2, 3))
    assert to_dense(Matrix(M)).shape == (2, 3)
    assert torch.equal(to_dense(Matrix(M[:, ::-1]))[0], torch.tensor([2.0, 1.0, 0.0]))


def test_dense_matrix_of_the_right_dtype_is_shared():
    M = torch.ones(2, 3)
    assert Matrix(M).product.matrix.data_ptr() == M.data_ptr()


def test_transposed_matrix_is_recognised():
    with pytest.raises(InputError, match=r"stored transposed: give matrix\.T"):
        Matrix(np.ones((784, 100)), (1, 28, 28))


@pytest.mark.parametrize(
    ("matrix", "shapes", "message"),
    [
        (np.ones(3), {}, "shape"),
        (np.ones((0, 3)), {}, "shape"),
        (np.ones((2, 3)), {"in_shape": (4,)}, "takes 3 numbers"),
        (np.ones((2, 3)), {"out_shape": (3,)}, "gives 2 measurements"),
        (np.full((2, 3), np.nan), {}, "NaN"),
        (sp.coo_array(([np.inf], ([0], [0])), shape=(2, 3)), {}, "NaN or Inf"),
    ],
)
def test_unusable_matrix_is_refused(matrix: np.ndarray, shapes: dict, message: str):
    with pytest.raises(InputError, match=message):
        Matrix(matrix, **shapes)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_sparse_and_dense_agree(m: int, n: int, batch: int, seed: int):
    M = dense(m, n, seed=seed) * (dense(m, n, seed=seed + 1) > 0)
    x, y = torch.from_numpy(dense(batch, n, seed=seed + 2)), torch.from_numpy(dense(batch, m, seed=seed + 3))
    A, S = Matrix(M, dtype=torch.float64), Matrix(sp.csr_array(M), dtype=torch.float64)
    torch.testing.assert_close(A(x), S(x))
    torch.testing.assert_close(A.adjoint(y), S.adjoint(y))
