"""Cells as they come: AnnData, data frame, array, tensor or sparse matrix, checked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import as_tensor
from sciadv.domains.batch_correction.reading.cells import Cells
from sciadv.domains.batch_correction.reading.columns import Columns, Given
from sciadv.domains.batch_correction.reading.keys import (
    as_batch,
    as_kept,
    as_names,
    cell_names,
    columns_of,
    in_order,
    is_anndata,
    is_frame,
)
from sciadv.domains.batch_correction.reading.kinds import Kind, kind_of
from sciadv.domains.batch_correction.reading.matrices import Matrix, stored
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.formats.h5mu import one_modality


def read_cells(
    data: Any,
    columns: Columns,
    given: Given | None = None,
    *,
    expected: Kind | None = None,
    reads_batch: bool = True,
    reads_labels: bool = True,
    reads_covariates: bool = True,
) -> Cells:
    """Read and check cells.

    Parameters
    ----------
    data
        AnnData; or a data frame, array, tensor or sparse matrix of cells by genes. The columns that are named
        stand in ``obs``, or in the data frame beside the genes.
    columns
        What is read, and where it stands.
    given
        What to take in the place of columns, and the only way for arrays. A pandas Series whose index holds
        the names of the cells is put into their order.
    expected
        What the numbers are expected to be; where nothing else tells, they are.
    reads_batch, reads_labels, reads_covariates
        Whether the batch, labels with what is kept, and covariates are read at all.

    Raises
    ------
    UnknownNameError
        There is no such column or layer.
    InputError
        No matrix of numbers, negative counts, numbers that may be counts or not, or batches or labels of
        another length.
    """
    beside = Given() if given is None else given
    matrix, genes, obs = parts_of(data, columns)
    expression = _as_matrix(matrix)
    if genes is not None and len(set(genes)) < len(genes):
        raise InputError("gene names repeat; make them unique (adata.var_names_make_unique())")
    n_cells = int(expression.shape[0])
    cells = cell_names(data)

    def found(given_value: Iterable[object] | None, key: Any, what: str) -> Iterable[object] | None:
        """Return values in the order of the cells."""
        if given_value is None:
            return columns_of(obs, key) if obs is not None and key else None
        return in_order(given_value, cells, what)

    def several(given_values: Mapping[str, Iterable[object]] | None, keys: tuple[str, ...]) -> dict[str, Any]:
        if given_values is not None:
            return {key: in_order(values, cells, key) for key, values in given_values.items()}
        return {} if obs is None else {key: columns_of(obs, key) for key in keys}

    batch = found(beside.batch, columns.batch, "batch") if reads_batch else None
    labels = found(beside.labels, columns.label, "labels") if reads_labels else None
    keep = several(beside.keep, columns.keep) if reads_labels else {}
    numbers = several(beside.covariates, columns.covariates) if reads_covariates else {}
    if reads_covariates and set(numbers) != set(columns.covariates):
        raise InputError(
            f"the covariates {', '.join(map(repr, columns.covariates))} are needed, but "
            f"{', '.join(map(repr, numbers)) or 'none'} came; give them by covariates="
        )
    return Cells(
        expression=expression,
        kind=_checked_kind(expression, is_counts=columns.is_counts, expected=expected),
        genes=genes,
        batch=None if batch is None else as_batch(batch, n_cells),
        labels=None if labels is None else as_names(labels, n_cells, what="labels"),
        keep={key: as_kept(key, own, n_cells) for key, own in keep.items()},
        covariates=_as_covariates(numbers, columns.covariates, n_cells) if numbers else None,
    )


def parts_of(data: Any, columns: Columns) -> tuple[Any, tuple[str, ...] | None, Any]:
    """Return the matrix, the names of its genes, and the data frame with the columns."""
    if is_anndata(data):
        genes = tuple(str(name) for name in data.var_names)
        if columns.layer is None:
            return data.X, genes, data.obs
        if columns.layer not in data.layers:
            raise UnknownNameError("layer", columns.layer, [str(name) for name in data.layers])
        return data.layers[columns.layer], genes, data.obs
    if columns.layer is not None:
        raise InputError(f"only an AnnData has layers, so layer={columns.layer!r} does not suit these data")
    if not is_frame(data):
        return data, None, None
    beside = [name for name in data.columns if str(name) in columns.names]
    genes_only = data.drop(columns=beside)
    return genes_only.to_numpy(), tuple(str(name) for name in genes_only.columns), data if beside else None


def is_mudata(data: object) -> bool:
    """Whether this is a MuData."""
    return hasattr(data, "mod") and hasattr(data, "obs")


def modality_of(data: Any, name: str | None) -> Any:
    """Return the AnnData of a modality; data that have no modalities as they are.

    Raises
    ------
    UnknownNameError
        There is no such modality.
    InputError
        No modality of a MuData is named, or one of other data.
    """
    if is_mudata(data):
        return one_modality(data.mod, name, option="modality=")
    if name is not None:
        raise InputError(
            f"only a MuData has modalities, so modality={name!r} does not suit these data; leave it out"
        )
    return data


def _as_covariates(
    numbers: Mapping[str, Iterable[object]], keys: tuple[str, ...], n_cells: int
) -> NDArray[np.float64]:
    """Return covariates as an array ``(cells, covariates)``.

    Raises
    ------
    InputError
        One is no number for each cell.
    """
    found = []
    for key in keys:
        try:
            column = np.array(list(numbers[key]), dtype=object).astype(np.float64)
        except (TypeError, ValueError):
            column = np.full(1, np.nan)
        if column.shape != (n_cells,) or not np.isfinite(column).all():
            raise InputError(
                f"the covariate {key!r} must be a number for each of the {n_cells} cells; fill in what is "
                f"missing, or remove these cells"
            )
        found.append(column)
    return np.stack(found, 1)


def _as_matrix(matrix: Any) -> Matrix:
    """Return a float32 array, or a float32 sparse matrix in rows."""
    from scipy import sparse

    found = _sparse_rows(matrix) if sparse.issparse(matrix) else as_tensor(matrix, "expression").numpy()
    if found.ndim != 2 or min(found.shape) == 0 or found.dtype.kind not in "biuf":
        raise InputError(
            f"expression is a matrix of numbers, cells by genes, but came as {found.dtype} of shape "
            f"{found.shape}"
        )
    with np.errstate(over="ignore"):  # what float32 does not hold becomes Inf, which is refused
        return found.astype(np.float32)


def _sparse_rows(matrix: Any) -> Any:
    """Return a sparse matrix in rows, its indices checked: one outside of the shape is read from anywhere.

    Raises
    ------
    InputError
        Its indices or pointers do not fit its shape.
    """
    rows = matrix.tocsr()
    try:
        if rows.ndim == 2:
            rows.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"expression is a broken sparse matrix: {error}; make it anew") from error
    return rows


def _checked_kind(expression: Matrix, *, is_counts: bool | None, expected: Kind | None) -> Kind:
    """Refuse what no expression can be; return what it is.

    Raises
    ------
    InputError
        Numbers are infinite, or missing where none may be; or nothing tells counts from their logarithms.
    """
    is_dense = isinstance(expression, np.ndarray)
    values = stored(expression)
    n_infinite = int(np.isinf(values).sum())
    is_missing = np.isnan(values)
    what = f"of the {expression.shape[0]} x {expression.shape[1]} values"
    if n_infinite:
        raise InputError(f"{n_infinite} {what} are Inf; remove their genes or cells before correcting")
    kind = kind_of(expression, is_counts=is_counts) or expected
    if kind is None:
        raise InputError(
            "nothing tells whether the numbers are proportional to molecules or their logarithms: they lie "
            f"between {np.nanmin(values):g} and {np.nanmax(values):g}; say is_counts=True or --counts "
            f"(they are scaled and logged), or is_counts=False or --no-counts (they stay as they are)"
        )
    if expected is not None and kind.is_linear != expected.is_linear:
        raise InputError(
            f"the corrector was fitted on {expected.name}, but these are {kind.name}; give the same"
        )
    if is_missing.any():
        _check_missing(is_missing, kind, is_dense=is_dense)
    return kind


def _check_missing(is_missing: Any, kind: Kind, *, is_dense: bool) -> None:
    """Allow NaN in logarithms, as proteomics has it, where each gene and cell has some value."""
    n = int(is_missing.sum())
    if kind.is_linear or not is_dense:
        raise InputError(
            f"{n} values are NaN; only log expression in a dense array may miss some, so fill them in, or "
            f"remove their genes, before correcting"
        )
    empty = {"genes": int(is_missing.all(0).sum()), "cells": int(is_missing.all(1).sum())}
    for what, n_empty in empty.items():
        if n_empty:
            raise InputError(f"{n_empty} {what} have no value at all; remove them before correcting")
