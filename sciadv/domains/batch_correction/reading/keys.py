"""Names of cells by key (batch, label, what is kept): read, checked, and put into the cells' order.

AnnData and data frames are known by what they have, so that neither anndata nor pandas is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import shown
from sciadv.errors import InputError, UnknownNameError

#: ``(cells,)``, text; `NDArray[np.str_]`, which run-time checkers take for text without a length.
Names = NDArray[Any]
#: The label of a cell that has none.
UNKNOWN = ""
#: Between the names of several keys.
JOIN = " | "
#: Texts that more often mean a missing value than a name.
_MEANS_MISSING = frozenset(
    {"nan", "na", "n/a", "<na>", "nat", "none", "null", "missing", "unknown", "?", "-"}
)


def is_anndata(data: object) -> bool:
    """Whether this is an AnnData."""
    return all(hasattr(data, name) for name in ("X", "obs", "var_names", "obsm", "layers"))


def is_frame(data: object) -> bool:
    """Whether this is a data frame, cells by genes."""
    return all(hasattr(data, name) for name in ("columns", "index", "to_numpy"))


def cell_names(data: Any) -> Sequence[object] | None:
    """Return the names of cells, where the data have some."""
    if is_anndata(data):
        return list(data.obs_names)
    return list(data.index) if is_frame(data) else None


def in_order(values: Iterable[object], cells: Sequence[object] | None, what: str) -> Iterable[object]:
    """Return values in the order of the cells, if they have an index of their names.

    An index that numbers from 0, and one of other things than the cells' names, says no order.

    Raises
    ------
    InputError
        The index names some of the cells only.
    """
    index = getattr(values, "index", None)
    if cells is None or index is None or callable(index) or list(index) == list(range(len(index))):
        return values
    place = {name: i for i, name in enumerate(index)}
    known = sum(name in place for name in cells)
    if known == 0:
        return values
    if known < len(cells) or len(place) < len(index):
        raise InputError(
            f"{what} has an index, but it names {known} of the {len(cells)} cells; give one value for each "
            f"cell under its name, or an array in the cells' order"
        )
    column = np.asarray(values, dtype=object)
    return [column[place[name]] for name in cells]


def as_kept(key: str, values: Iterable[object], n_cells: int) -> Names:
    """Return the values of a key that is to be kept, as names ``(cells,)``.

    Raises
    ------
    InputError
        Some are missing.
    """
    names = as_names(values, n_cells, what=f"values of {key!r}")
    n_missing = int((names == UNKNOWN).sum())
    if n_missing:
        raise InputError(
            f"{n_missing} of {n_cells} cells have no {key!r}, which is to be kept; fill it in, or remove them"
        )
    return names


def columns_of(frame: Any, keys: str | Sequence[str]) -> NDArray[Any]:
    """Return a column of a data frame such as ``obs``, or several joined; missing where one of them is.

    Raises
    ------
    UnknownNameError
        There is no such column.
    """
    if isinstance(keys, str):
        return _column(frame, keys)
    if len(keys) == 1:
        return _column(frame, keys[0])
    parts = [_column(frame, key) for key in keys]
    joined = [
        None if any(map(_is_missing, each)) else JOIN.join(map(_name, each))
        for each in zip(*parts, strict=True)
    ]
    return np.array(joined, dtype=object)


def _column(frame: Any, key: str) -> NDArray[Any]:
    columns = [str(name) for name in frame.columns]
    if key not in columns:
        raise UnknownNameError("column of obs", key, columns)
    values: NDArray[Any] = np.asarray(frame[key], dtype=object)
    return values


def as_batch(batch: Iterable[object], n_cells: int) -> Names:
    """Return batches as names ``(cells,)``.

    Raises
    ------
    InputError
        Some are missing.
    """
    names = as_names(batch, n_cells, what="batches")
    n_missing = int((names == UNKNOWN).sum())
    if n_missing:
        raise InputError(
            f"{n_missing} of {n_cells} cells have no batch; name the batch of every cell, or remove them"
        )
    return names


def as_names(values: Iterable[object], n_cells: int, *, what: str) -> Names:
    """Return values as names ``(cells,)``, missing ones (None, NaN) as `UNKNOWN`.

    Whole numbers are written without a fraction, so that 1, 1.0 and "1" are one name.

    Raises
    ------
    InputError
        They are not one for each cell, a text means that the value is missing, or two names differ only in
        how they are written.
    """
    is_column = isinstance(values, Iterable) and not isinstance(values, str | bytes) and not is_frame(values)
    if not is_column or getattr(values, "ndim", 1) != 1:
        advice = f"; of a column give the values, obs[{values!r}]" if isinstance(values, str) else ""
        raise InputError(f"{what} must be one name for each cell, but they are {shown(values)}{advice}")
    given = values if isinstance(values, Sized) else islice(values, n_cells + 1)  # it may have no end
    found = np.array([_name(value) for value in given], dtype=np.str_)
    if len(found) != n_cells:
        raise InputError(
            f"there are {len(found)} {what} for {n_cells} cells; give one for each, in their order"
        )
    _check_spelling(found, what)
    return found


def _name(value: object) -> str:
    if type(value) is str:
        return value
    if _is_missing(value):
        return UNKNOWN
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _check_spelling(names: Names, what: str) -> None:
    """Ask about names that mean that there is none, and about those written in two ways."""
    found = sorted(set(names.tolist()) - {UNKNOWN})
    if missing := [name for name in found if name.strip().lower() in _MEANS_MISSING]:
        n = int(np.isin(names, missing).sum())
        raise InputError(
            f"{n} of {len(names)} {what} are the text {', '.join(map(repr, missing))}; is it a name, or is "
            f"the value missing? Put None where it is missing, or give the group a name of its own"
        )
    seen: dict[object, str] = {}
    for name in found:
        other = seen.setdefault(_spelt(name), name)
        if other != name:
            raise InputError(
                f"{what} have {other!r} and {name!r}, which differ only in how they are written; make them "
                f"one, or name them apart"
            )


def _spelt(name: str) -> object:
    """Return what is left of a name without spaces around it and, for a number, its fraction of 0."""
    text = name.strip()
    try:
        return float(text)
    except ValueError:
        return text


def names_of(values: Iterable[object], data: Any, what: str) -> Names:
    """Return values as names ``(cells,)`` in the order of the cells of data.

    Raises
    ------
    InputError
        They are not one for each cell.
    """
    return as_names(in_order(values, cell_names(data), what), int(data.shape[0]), what=what)


def _is_missing(value: object) -> bool:
    """Whether a value is None, NaN, or pandas' NA or NaT."""
    is_nan = isinstance(value, float | np.floating) and bool(np.isnan(value))
    return value is None or is_nan or type(value).__name__ in {"NAType", "NaTType"}
