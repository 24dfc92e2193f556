"""Any matrix as a forward operator: dense or sparse, real or complex."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sciadv.arguments.values import as_tensor, in_precision
from sciadv.errors import InputError
from sciadv.forward.autodiff import apply_linear, as_kind_of
from sciadv.forward.base import LinearForward
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


@runtime_checkable
class ScipySparse(Protocol):
    """A `scipy.sparse` array or matrix of any format."""

    shape: Any

    def tocsr(self) -> Any:
        """Return it as compressed sparse rows."""


class Matrix(LinearForward):
    """Multiply the flattened candidate by a matrix, ``y = M x``.

    A candidate is flattened in C order: the last axis runs fastest. With a complex matrix and real candidates
    the adjoint is the real part of ``M^H y``.

    Parameters
    ----------
    matrix
        ``(measurements, n)``: a tensor or array, dense or sparse (`scipy.sparse` or torch's sparse layouts).
        A dense one that already has the right dtype and device is shared, not copied.
    in_shape
        Shape of one candidate, of n numbers; ``(n,)`` if left out.
    out_shape
        Shape of its measurements; ``(measurements,)`` if left out.
    dtype, device
        Of the candidates; the matrix is cast and moved to them once, here.

    Raises
    ------
    InputError
        The matrix has not two dimensions, has NaN or Inf, or does not fit the shapes.

    Examples
    --------
    >>> import torch
    >>> A = Matrix(torch.tensor([[1.0, 1.0, 0.0, 0.0]]), in_shape=(1, 2, 2))
    >>> A(torch.ones(3, 1, 2, 2)).shape
    torch.Size([3, 1])
    >>> A.adjoint(torch.ones(1, 1))
    tensor([[[[1., 1.],
              [0., 0.]]]])
    """

    kind = "matrix"

    @checked
    def __init__(
        self,
        matrix: Tensor | npt.NDArray[Any] | ScipySparse,
        in_shape: Shape | None = None,
        *,
        out_shape: tuple[Count, ...] | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if not isinstance(matrix, Tensor | ScipySparse):
            matrix = as_tensor(matrix, "matrix")
        n_measurements, n = _check_shape(tuple(matrix.shape), in_shape, out_shape)
        super().__init__(in_shape or (n,), out_shape or (n_measurements,), dtype=dtype, device=device)
        self.product: DenseMatrix | SparseMatrix
        if isinstance(matrix, ScipySparse):
            self.product = SparseMatrix(matrix, dtype=dtype, device=device)
        elif isinstance(matrix, Tensor) and matrix.layout != torch.strided:
            self.product = SparseMatrix(to_scipy_sparse(matrix), dtype=dtype, device=device)
        else:
            self.product = DenseMatrix(matrix.detach(), dtype=dtype, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``M x``."""
        y: Tensor = self.product(x.flatten(1))
        return y.reshape(-1, *self.out_shape)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return ``M^H y``, its real part for real candidates."""
        x = self.product.adjoint(y.flatten(1))
        return (x if self.dtype.is_complex or not x.is_complex() else x.real).reshape(-1, *self.in_shape)


class DenseMatrix(nn.Module):
    """Products of a dense matrix and its adjoint with the rows of a batch; the matrix is kept once.

    Parameters
    ----------
    matrix
        The matrix ``(m, n)``, real or complex.
    dtype
        Dtype of the values; a complex matrix gets the complex dtype of the same precision.
    device
        Where the matrix lives.

    Raises
    ------
    InputError
        The matrix has NaN or Inf.
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor, *, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        if not bool(matrix.isfinite().all()):
            raise InputError("the matrix has NaN or Inf among its entries; repair it or drop those rows")
        kept = in_precision(
            matrix, dtype.to_complex() if matrix.is_complex() else dtype, "the matrix's entries"
        )
        self.register_buffer("matrix", kept.to(device), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each row: ``(batch, n) -> (batch, m)``."""
        return as_kind_of(x, self.matrix) @ self.matrix.T

    def adjoint(self, y: Tensor) -> Tensor:
        """Multiply each row by the adjoint: ``(batch, m) -> (batch, n)``."""
        return as_kind_of(y, self.matrix) @ self.matrix.conj()


def _checked_rows(matrix: ScipySparse) -> Any:
    """Return a sparse matrix in rows, whose indices are within its shape or refused."""
    if getattr(getattr(matrix, "dtype", None), "kind", "O") not in "biufc":
        raise InputError("the sparse matrix holds no numbers; make it anew from numbers")
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        csr = matrix.tocsr()
        csr.check_format(full_check=True)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise InputError(f"the sparse matrix is broken: {error}; make it anew from its entries") from error
    return csr


class SparseMatrix(nn.Module):
    """Products of a sparse matrix and its adjoint with the rows of a batch.

    The matrix and its transpose are both kept as compressed sparse rows with 32-bit indices: the product with
    a transposed view of one is 50 times slower in torch.

    Parameters
    ----------
    matrix
        The matrix ``(m, n)``, real or complex.
    dtype
        Dtype of the values; those of a complex matrix get the complex dtype of the same precision.
    device
        Where the matrix lives.

    Raises
    ------
    InputError
        The matrix has NaN or Inf.
    """

    def __init__(self, matrix: ScipySparse, *, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        csr = _checked_rows(matrix)
        if not np.isfinite(csr.data).all():
            raise InputError("the matrix has NaN or Inf among its entries; repair it or drop those rows")
        self.rows = _Rows(csr, dtype=dtype, device=device)
        self.columns = _Rows(csr.conj().T.tocsr(), dtype=dtype, device=device)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each row: ``(batch, n) -> (batch, m)``."""
        return apply_linear(self.rows.multiply, self.columns.multiply, as_kind_of(x, self.rows.values))

    def adjoint(self, y: Tensor) -> Tensor:
        """Multiply each row by the adjoint: ``(batch, m) -> (batch, n)``."""
        return apply_linear(self.columns.multiply, self.rows.multiply, as_kind_of(y, self.rows.values))


class _Rows(nn.Module):
    """Compressed sparse rows as three plain tensors, since torch cannot deep-copy its own."""

    starts: Tensor
    indices: Tensor
    values: Tensor

    def __init__(self, csr: Any, *, dtype: torch.dtype, device: torch.device | str) -> None:
        super().__init__()
        csr.sum_duplicates()
        self.shape = tuple(int(n) for n in csr.shape)
        index = np.int32 if max(csr.nnz, *self.shape) < np.iinfo(np.int32).max else np.int64
        values = torch.from_numpy(csr.data)
        parts = {
            "starts": torch.from_numpy(csr.indptr.astype(index)),
            "indices": torch.from_numpy(csr.indices.astype(index)),
            "values": in_precision(
                values, dtype.to_complex() if values.is_complex() else dtype, "the matrix's entries"
            ),
        }
        for name, tensor in parts.items():
            self.register_buffer(name, tensor.to(device), persistent=False)
        with warnings.catch_warnings():  # torch says once a process that sparse rows are in beta
            warnings.filterwarnings("ignore", message="Sparse CSR", category=UserWarning)
            self._tensor()

    def _tensor(self) -> Tensor:
        return torch.sparse_csr_tensor(
            self.starts, self.indices, self.values, self.shape, check_invariants=False
        )

    def multiply(self, x: Tensor) -> Tensor:
        """Multiply each row of a batch by the matrix."""
        return (self._tensor() @ x.T).T


def to_scipy_sparse(matrix: Tensor) -> ScipySparse:
    """Turn a sparse torch tensor of any layout into a `scipy.sparse` array."""
    from scipy.sparse import coo_array

    coo = matrix.detach().cpu().to_sparse(layout=torch.sparse_coo).coalesce()
    sparse: ScipySparse = coo_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(coo.shape))
    return sparse


def _check_shape(shape: Shape, in_shape: Shape | None, out_shape: Shape | None) -> tuple[int, int]:
    """Return (measurements, n) of a matrix that fits the shapes."""
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"a matrix has shape (measurements, n), but this one has {shape}")
    n_measurements = int(shape[0])
    n = int(shape[1])
    if in_shape is not None and prod(in_shape) != n:
        turned = "; it is stored transposed: give matrix.T" if prod(in_shape) == n_measurements else ""
        raise InputError(
            f"the matrix has shape ({n_measurements}, {n}), so it takes {n} numbers, but candidates of shape "
            f"{tuple(in_shape)} have {prod(in_shape)}{turned}"
        )
    if out_shape is not None and prod(out_shape) != n_measurements:
        raise InputError(
            f"the matrix gives {n_measurements} measurements, "
            f"but out_shape {tuple(out_shape)} has {prod(out_shape)}"
        )
    return n_measurements, n
