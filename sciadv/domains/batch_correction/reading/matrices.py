"""Matrices of cells by genes, an array or sparse in rows, seen alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: ``(cells, genes)``: an array, or a sparse matrix in rows.
Matrix = Any


def dense(matrix: Matrix) -> NDArray[Any]:
    """Return a matrix as an array."""
    array: NDArray[Any] = matrix if isinstance(matrix, np.ndarray) else matrix.toarray()
    return array


def stored(matrix: Matrix) -> NDArray[Any]:
    """Return the numbers that a matrix holds: of a sparse one, those that are not left out."""
    values: NDArray[Any] = matrix if isinstance(matrix, np.ndarray) else matrix.data
    return values


def squared(matrix: Matrix) -> Matrix:
    """Return the squares of the numbers, an array's in double precision."""
    return matrix.multiply(matrix) if hasattr(matrix, "multiply") else matrix.astype(np.float64) ** 2


def has_gaps(matrix: Matrix) -> bool:
    """Whether values were not measured (NaN); those of a sparse matrix were."""
    return isinstance(matrix, np.ndarray) and bool(np.isnan(matrix).any())


def is_nowhere_negative(matrix: Matrix) -> bool:
    """Whether no value that was measured is below 0."""
    return not bool((stored(matrix) < 0).any())
