"""A sparse matrix that multiplies rows of a batch and moves with its module."""

from __future__ import annotations

import warnings
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.forward.autodiff import apply_linear, as_kind_of


@runtime_checkable
class ScipySparse(Protocol):
    """A `scipy.sparse` array or matrix of any format."""

    shape: Any

    def tocsr(self) -> Any:
        """Return it as compressed sparse rows."""


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
        csr = matrix.tocsr()
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
            "values": values.to(dtype.to_complex() if values.is_complex() else dtype),
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
