"""Sparse matrices as `scipy.sparse.save_npz` writes them, checked, since SciPy reads memory at any index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.reading import require_bytes

Array = npt.NDArray[Any]
#: Arrays by name, read when asked for; no `Mapping` to run-time checkers, which would ask for any of them.
Arrays = Any


def checked_sparse(path: Path, kind: str, arrays: Arrays) -> Any:
    """Make a sparse matrix from the arrays of a file.

    Parameters
    ----------
    path
        The file, for messages.
    kind
        "csr", "csc", "bsr", "coo" or "dia".
    arrays
        The file's arrays.

    Raises
    ------
    InputError
        The arrays do not fit together, an index is outside of the shape, or a number is not finite.
    """
    from scipy import sparse

    if kind not in _MAKERS:
        raise _wrong(path, f"its format {kind[:20]!r} is none of {', '.join(_MAKERS)}")
    shape = _shape(path, arrays["shape"])
    data = arrays["data"]
    if not np.isfinite(data).all():
        raise _wrong(path, "it holds NaN or Inf")
    is_array = "_is_array" in arrays and bool(np.asarray(arrays["_is_array"]).any())
    make = getattr(sparse, f"{kind}_{'array' if is_array else 'matrix'}")
    return _MAKERS[kind](path, arrays, data, shape, make)


def require_pointers(path: Path, indptr: Array, *, n_major: int, n_values: int) -> None:
    """Check the pointers of a matrix compressed along rows (or columns).

    Raises
    ------
    InputError
        They do not rise from 0 to the number of values, or are not as many as there are rows, and one.
    """
    if indptr.ndim != 1 or indptr.dtype.kind not in "iu":
        raise _wrong(path, "indptr is no row of whole numbers")
    if len(indptr) != n_major + 1:
        raise _wrong(path, f"indptr has {len(indptr)} numbers, but needs {n_major + 1}")
    if int(indptr[0]) != 0 or int(indptr[-1]) != n_values or (np.diff(indptr) < 0).any():
        raise _wrong(path, f"indptr does not rise from 0 to the {n_values} numbers there are")


def require_within(path: Path, what: str, indices: Array, n: int) -> None:
    """Check that indices lie between 0 and `n`.

    Raises
    ------
    InputError
        One is outside, or they are no whole numbers.
    """
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise _wrong(path, f"{what} is no row of whole numbers")
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= n):
        raise _wrong(path, f"{what} go from {indices.min()} to {indices.max()}, but 0 to {n - 1} are there")


def _shape(path: Path, shape: Array) -> tuple[int, int]:
    if shape.shape != (2,) or shape.dtype.kind not in "iu" or int(shape.min()) < 1:
        raise _wrong(path, "its shape is not two whole numbers of 1 or more")
    n_rows, n_columns = (int(n) for n in shape)
    require_bytes(path, 8 * (n_rows + n_columns), what=f", a matrix {n_rows} x {n_columns},")
    return n_rows, n_columns


def _make_compressed(
    path: Path, arrays: Arrays, data: Array, shape: tuple[int, int], make: Callable[..., Any]
) -> Any:
    indices, indptr = _get(path, arrays, "indices"), _get(path, arrays, "indptr")
    is_rows = "csc" not in make.__name__
    n_major, n_minor = shape if is_rows else shape[::-1]
    if data.shape != indices.shape:
        raise _wrong(path, f"it has {len(indices)} indices for data of shape {data.shape}")
    require_pointers(path, indptr, n_major=n_major, n_values=len(indices))
    require_within(path, "indices", indices, n_minor)
    return make((data, indices, indptr), shape=shape)


def _make_blocks(
    path: Path, arrays: Arrays, data: Array, shape: tuple[int, int], make: Callable[..., Any]
) -> Any:
    indices, indptr = _get(path, arrays, "indices"), _get(path, arrays, "indptr")
    if data.ndim != 3 or len(data) != len(indices) or 0 in data.shape[1:]:
        raise _wrong(path, f"its blocks have shape {data.shape} for {indices.size} indices")
    height, width = data.shape[1:]
    if shape[0] % height or shape[1] % width:
        raise _wrong(path, f"blocks of {height} x {width} do not fill {shape[0]} x {shape[1]}")
    require_pointers(path, indptr, n_major=shape[0] // height, n_values=len(indices))
    require_within(path, "indices", indices, shape[1] // width)
    return make((data, indices, indptr), shape=shape)


def _make_coordinates(
    path: Path, arrays: Arrays, data: Array, shape: tuple[int, int], make: Callable[..., Any]
) -> Any:
    row, column = _get(path, arrays, "row"), _get(path, arrays, "col")
    if not row.shape == column.shape == data.shape:
        raise _wrong(path, f"row, col and data have shapes {row.shape}, {column.shape} and {data.shape}")
    require_within(path, "row", row, shape[0])
    require_within(path, "col", column, shape[1])
    return make((data, (row, column)), shape=shape)


def _make_diagonals(
    path: Path, arrays: Arrays, data: Array, shape: tuple[int, int], make: Callable[..., Any]
) -> Any:
    offsets = _get(path, arrays, "offsets")
    if data.ndim != 2 or offsets.shape != data.shape[:1] or offsets.dtype.kind not in "iu":
        raise _wrong(path, f"it has offsets of shape {offsets.shape} for diagonals of shape {data.shape}")
    if len(np.unique(offsets)) < len(offsets):
        raise _wrong(path, "its offsets repeat")
    outside = (offsets <= -shape[0]) | (offsets >= shape[1])
    if outside.any() or data.shape[1] > shape[1]:
        raise _wrong(path, f"a diagonal lies outside of {shape[0]} x {shape[1]}")
    return make((data, offsets), shape=shape)


_MAKERS: dict[str, Callable[..., Any]] = {
    "csr": _make_compressed,
    "csc": _make_compressed,
    "bsr": _make_blocks,
    "coo": _make_coordinates,
    "dia": _make_diagonals,
}


def _get(path: Path, arrays: Arrays, name: str) -> Array:
    if name not in arrays:
        raise _wrong(path, f"the array {name} is missing")
    array: Array = arrays[name]
    return array


def _wrong(path: Path, reason: str) -> InputError:
    return InputError(f"{path} is no sparse matrix: {reason}. Write it by scipy.sparse.save_npz")
