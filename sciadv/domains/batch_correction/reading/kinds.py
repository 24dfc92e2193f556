"""What the numbers of an expression matrix are: counts, scaled counts, or their logarithms.

Several properties say so, each of them enough. Where none does, the user is asked rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.matrices import Matrix, dense, squared, stored
from sciadv.errors import InputError

Array = NDArray[np.floating]


@final
@dataclass(frozen=True)
class Kind:
    """What the numbers are.

    Parameters
    ----------
    name
        In words.
    is_linear
        Whether they are proportional to molecules, so that they are to be scaled and logged.
    """

    name: str
    is_linear: bool


COUNTS = Kind("counts", is_linear=True)
FRACTIONAL = Kind("counts that are not whole, as after the removal of ambient RNA", is_linear=True)
SCALED = Kind("counts scaled to the same total in every cell, as CPM or TPM", is_linear=True)
LOGGED = Kind("log expression", is_linear=False)
SIGNED = Kind("expression with values below zero, as log ratios have", is_linear=False)
KINDS = {kind.name: kind for kind in (COUNTS, FRACTIONAL, SCALED, LOGGED, SIGNED)}


def kind_of(
    expression: Any, *, is_counts: bool | None = None, most_cells: int = 1000, largest_log: float = 40.0
) -> Kind | None:
    """Return what a matrix holds, or None where nothing tells.

    Parameters
    ----------
    expression
        ``(cells, genes)``, an array or a sparse matrix in rows; NaN is a value that was not measured.
    is_counts
        What the user says: whether the numbers are counts or proportional to them, so that they are to be
        scaled and logged. None asks the numbers.
    most_cells
        Cells that are looked at.
    largest_log
        No logarithm of a count is larger: 2 to this power are more counts than any cell or sample has.

    Raises
    ------
    InputError
        Some are negative, though they are counts.

    Notes
    -----
    Counts vary no less than Poisson's; a logarithm hides this in large ones. Scaled counts have the same
    total in all cells; so have logged ones before the logarithm. Within a cell, counts that were scaled are
    whole multiples of the least. Of small counts, one is the most common. Numbers proportional to molecules
    have a long tail, logarithms have none.
    """
    values = stored(expression)
    negative = int((values < 0).sum())
    is_missing = np.isnan(values)
    is_whole = bool(((values == np.rint(values)) | is_missing).all())
    if negative and (is_counts or (is_counts is None and is_whole)):
        raise InputError(
            f"{negative} counts are negative; give raw counts (0, 1, 2, ...), or say is_counts=False if "
            f"these are no counts"
        )
    if negative:
        return SIGNED
    some = _some_rows(expression, most_cells)
    may_be_logs = bool(stored(some).max(initial=0) < largest_log)
    if is_whole and is_counts is None:
        if is_missing.any():
            return None if may_be_logs else COUNTS
        return COUNTS if _can_be_counts(some, may_be_logs=may_be_logs) else None
    rows = np.asarray(dense(some), np.float64)
    if is_counts is not None:
        linear = COUNTS if is_whole else _linear(rows)
        return linear if is_counts else LOGGED
    small = rows[(rows > 0) & (rows < 10)]
    are_roots = small.size > 0 and bool((np.abs(small**2 - np.rint(small**2)) < 1e-4).all())
    return None if are_roots else _of_fractions(rows, may_be_logs=may_be_logs)


def _some_rows(expression: Matrix, most: int) -> Matrix:
    """Return cells from all places, with 0 for what was not measured."""
    n = expression.shape[0]
    rows = expression[np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))]
    return np.nan_to_num(dense(rows)) if np.isnan(stored(rows)).any() else rows


def _of_fractions(rows: Array, *, may_be_logs: bool) -> Kind | None:
    """Return what numbers that are not whole and not negative are."""
    if may_be_logs:
        logarithms: tuple[Callable[[Array], Array], ...] = (np.expm1, lambda x: np.exp2(x) - 1)
        if any(_has_same_totals(back(rows), rows) or _are_multiples(back(rows)) for back in logarithms):
            return LOGGED
    if _are_multiples(rows):
        return SCALED
    tail = _skewness(rows[rows > 0])
    if may_be_logs:
        return FRACTIONAL if tail > 5 else LOGGED if tail < 2.5 else None
    return None if tail <= 2 else _linear(rows)


def _linear(rows: Array) -> Kind:
    return SCALED if _has_same_totals(rows, rows) else FRACTIONAL


def _has_same_totals(rows: Array, seen: Array, *, tolerance: float = 0.01) -> bool:
    """Whether every cell has the same total; three cells or more say so."""
    totals = rows.sum(1)[seen.any(1)]
    return len(totals) >= 3 and bool(totals.std() < tolerance * totals.mean())


def _are_multiples(rows: Array, *, tolerance: float = 0.02, share: float = 0.9, largest: float = 20) -> bool:
    """Whether the smaller numbers of most cells are whole multiples of the least, and not all equal to it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = rows / np.where(rows > 0, rows, np.inf).min(1, keepdims=True)
    near = np.abs(ratio - np.rint(ratio)) <= tolerance * ratio
    looked_at = (rows > 0) & (ratio < largest)
    says = (looked_at & (ratio > 1.5)).sum(1) >= 2
    fits = (near | ~looked_at).all(1)
    return bool(says.any()) and float(fits[says].mean()) >= share


def _can_be_counts(
    rows: Matrix, *, may_be_logs: bool, few: int = 100, least_mean: float = 2.0, least_ratio: float = 0.5
) -> bool:
    """Whether one is the most common of small numbers, and genes of larger means vary at least as Poisson's.

    What there is too little of to say so speaks for counts.
    """
    values = stored(rows)
    positive = values[values > 0].astype(int)
    if may_be_logs and positive.size >= few and int(np.bincount(positive).argmax()) != 1:
        return False
    means = np.asarray(rows.mean(0, dtype=np.float64)).ravel()
    of = means >= least_mean
    if rows.shape[0] < 20 or not of.any():
        return True
    squares = np.asarray(squared(rows).mean(0, dtype=np.float64)).ravel()
    return float(np.median(squares[of] / means[of] - means[of])) >= least_ratio


def _skewness(values: Array) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0
