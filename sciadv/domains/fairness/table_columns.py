"""What a user gives as a table, labels and groups, checked and as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import shown
from sciadv.errors import InputError


def read_table(table: Any) -> tuple[NDArray[np.float64], tuple[str, ...] | None]:
    """Return a table as numbers ``(rows, columns)``, and the names of a data frame's columns.

    Raises
    ------
    InputError
        It is no table of numbers, or a value is missing or infinite.
    """
    names = tuple(map(str, table.columns)) if hasattr(table, "columns") else None
    if names is not None:
        text = [
            str(n)
            for n, kind in zip(table.columns, table.dtypes, strict=True)
            if getattr(kind, "kind", "O") not in "biuf"
        ]
        if text:
            raise InputError(
                f"columns {', '.join(map(repr, text[:5]))} are no numbers; encode them (OneHotEncoder) first"
            )
    try:
        x = np.asarray(table, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"X must be a table of numbers (rows, columns), but it is {shown(table)}") from error
    if x.ndim != 2 or 0 in x.shape:
        raise InputError(f"X must be a table (rows, columns) that is not empty, but its shape is {x.shape}")
    broken = ~np.isfinite(x)
    if broken.any():
        columns = np.flatnonzero(broken.any(0))
        said = [repr(names[c]) if names is not None else str(c) for c in columns[:5]]
        raise InputError(
            f"{int(broken.sum())} values of X are NaN or infinite (columns {', '.join(said)}); impute them "
            f"or leave these rows out"
        )
    return x, names


def read_names(values: Iterable[Any] | None, name: str) -> NDArray[Any]:
    """Return labels or groups ``(rows,)`` as an array without missing values.

    Raises
    ------
    InputError
        They were not given, are not one for each row, or some are missing.
    """
    if values is None:
        raise InputError(f"{name} is missing; give one value for each row")
    found = values if hasattr(values, "shape") else list(values)
    given = np.asarray(found, dtype=object)
    if given.ndim != 1 or not len(given):
        raise InputError(f"{name} must be one value for each row, but its shape is {given.shape}")
    n_missing = sum(
        value is None or bool(value != value)  # noqa: PLR0124  # what NaN and NaT say of themselves
        for value in given
    )
    if n_missing:
        raise InputError(f"{n_missing} of {len(given)} values of {name} are missing; leave these rows out")
    kinds = {isinstance(value, str) for value in given}
    if len(kinds) > 1:
        raise InputError(f"{name} mixes text and numbers; give one kind")
    return np.array(given.tolist())


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Check that all have as many rows.

    Raises
    ------
    InputError
        They differ.
    """
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise InputError(f"all must have as many rows, but {said}")


def codes_of(values: NDArray[Any], known: NDArray[Any], name: str) -> NDArray[np.int64]:
    """Return the place of each value among the known ones, which are sorted.

    Raises
    ------
    InputError
        A value is not known.
    """
    unknown = np.unique(values[~np.isin(values, known)])
    if len(unknown):
        raise InputError(
            f"{name} has values that are not known: {unknown[:5].tolist()}; known are {known[:10].tolist()}"
        )
    return np.searchsorted(known, values).astype(np.int64)
