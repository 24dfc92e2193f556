"""Cells as they come (AnnData, data frame, array, sparse matrix), checked once, and given back in kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.arguments.values import as_tensor
from sciadv.domains.batch_correction.reading.keys import (
    JOIN,
    UNKNOWN,
    Names,
    as_batch,
    as_kept,
    as_names,
    cell_names,
    columns_of,
    in_order,
    is_anndata,
    is_frame,
)
from sciadv.errors import InputError

#: ``(cells, genes)``: an array, or a sparse matrix in rows.
Matrix = Any
#: Where an AnnData gets the embedding and the corrected expression.
EMBEDDING = "X_sciadv"
LAYER = "corrected"


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """Expression of cells, with what is known of each.

    Parameters
    ----------
    expression
        ``(cells, genes)`` as given: counts, or expression that was normalised before.
    is_counts
        Whether all of it is whole numbers.
    genes
        Names, or None for arrays.
    batch
        ``(cells,)``, or None where none was given.
    labels
        ``(cells,)``, `UNKNOWN` where a cell has none; None where none were given.
    keep
        ``(cells,)`` of each key that is to be kept, by its name.
    """

    expression: Matrix
    is_counts: bool
    genes: tuple[str, ...] | None = None
    batch: Names | None = None
    labels: Names | None = None
    keep: Mapping[str, Names] = field(default_factory=dict)

    @property
    def strata(self) -> Names | None:
        """What must not be mixed: labels and kept keys, joined; None if there are neither."""
        if not self.keep:
            return self.labels
        parts = [np.where(names == UNKNOWN, "unknown", names) for names in self.keep.values()]
        if self.labels is not None:
            parts.insert(0, np.where(self.labels == UNKNOWN, "unknown", self.labels))
        return np.array([JOIN.join(each) for each in zip(*parts, strict=True)], dtype=np.str_)

    @property
    def n_cells(self) -> int:
        """How many cells."""
        return int(self.expression.shape[0])

    @property
    def n_genes(self) -> int:
        """How many genes."""
        return int(self.expression.shape[1])

    def normalised(self, target_counts: float = 1e4) -> Matrix:
        """Return ``log(1 + target counts / total of the cell)``, or the expression as it is if no counts.

        Raises
        ------
        InputError
            Cells without a count.
        """
        if not self.is_counts:
            return self.expression
        total = np.asarray(self.expression.sum(1), np.float64).reshape(-1)
        if (total == 0).any():
            raise InputError(
                f"{int((total == 0).sum())} of {self.n_cells} cells have no counts in these genes; remove "
                f"them (scanpy.pp.filter_cells) before correcting"
            )
        factor = (target_counts / total).astype(np.float32)[:, None]
        return np.log1p(self.expression * factor) if _is_array(self.expression) else _log_rows(self, factor)

    def only(self, genes: Sequence[str] | None, n_genes: int) -> Cells:
        """Return the cells with these genes, in this order; where names lack, the columns must be as many.

        Raises
        ------
        InputError
            A gene is missing, or there is another number of columns.
        """
        if self.genes is None or genes is None:
            if self.n_genes != n_genes:
                raise InputError(
                    f"the cells have {self.n_genes} genes, but the corrector was fitted on {n_genes}; give "
                    f"the same columns in the same order"
                )
            return self
        place = {gene: i for i, gene in enumerate(self.genes)}
        missing = [gene for gene in genes if gene not in place]
        if missing:
            shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise InputError(
                f"{len(missing)} of the {len(genes)} genes that the corrector was fitted on are missing: "
                f"{shown}; the data have {len(self.genes)} genes. Add them, or fit on those that both have"
            )
        if tuple(genes) == self.genes:
            return self
        columns = np.array([place[gene] for gene in genes])
        return replace(self, expression=self.expression[:, columns], genes=tuple(genes))


def _is_array(matrix: Matrix) -> bool:
    return isinstance(matrix, np.ndarray)


def _log_rows(cells: Cells, factor: NDArray[np.float32]) -> Matrix:
    return cells.expression.multiply(factor).tocsr().log1p()


def dense(matrix: Matrix) -> NDArray[np.float32]:
    """Return a matrix as an array."""
    array: NDArray[np.float32] = matrix if _is_array(matrix) else matrix.toarray()
    return array


def read_cells(
    data: Any,
    *,
    batch_key: str | Sequence[str] | None,
    label_key: str | None = None,
    keep_keys: Sequence[str] = (),
    batch: Iterable[object] | None = None,
    labels: Iterable[object] | None = None,
    keep: Mapping[str, Iterable[object]] | None = None,
) -> Cells:
    """Read and check cells.

    Parameters
    ----------
    data
        AnnData; or a data frame, array, tensor or sparse matrix of cells by genes.
    batch_key, label_key, keep_keys
        Columns of an AnnData's ``obs``; None for those not needed. Several columns of the batch are joined.
    batch, labels, keep
        ``(cells,)``: what to take in their place, and the only way for data without ``obs``. A pandas Series
        whose index holds the names of the cells is put into their order.

    Raises
    ------
    UnknownNameError
        ``obs`` has no such column.
    InputError
        No matrix of finite numbers, negative counts, or batches or labels of another length.
    """
    genes: tuple[str, ...] | None = None
    matrix = data
    if is_anndata(data):
        matrix = data.X
        genes = tuple(str(name) for name in data.var_names)
        if batch_key is not None and batch is None:
            batch = columns_of(data, batch_key)
        if label_key is not None and labels is None:
            labels = columns_of(data, label_key)
        if keep is None:
            keep = {key: columns_of(data, key) for key in keep_keys}
    elif is_frame(data):
        matrix = data.to_numpy()
        genes = tuple(str(name) for name in data.columns)
    expression = _as_matrix(matrix)
    if genes is not None and len(set(genes)) < len(genes):
        raise InputError("gene names repeat; make them unique (adata.var_names_make_unique())")
    n_cells = int(expression.shape[0])
    names = cell_names(data)
    return Cells(
        expression=expression,
        is_counts=_check_values(expression),
        genes=genes,
        batch=None if batch is None else as_batch(in_order(batch, names, "batch"), n_cells),
        labels=None
        if labels is None
        else as_names(in_order(labels, names, "labels"), n_cells, what="labels"),
        keep={key: as_kept(key, in_order(own, names, key), n_cells) for key, own in (keep or {}).items()},
    )


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


def _check_values(expression: Matrix) -> bool:
    """Refuse what no expression can be; return whether it is counts."""
    values = expression if _is_array(expression) else expression.data
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise InputError(
            f"{bad} of the {expression.shape[0]} x {expression.shape[1]} values are NaN or Inf; fill them in "
            f"or remove their genes before correcting"
        )
    is_whole = bool((values == np.rint(values)).all())
    negative = int((values < 0).sum())
    if is_whole and negative:
        raise InputError(
            f"{negative} counts are negative; give raw counts (0, 1, 2, ...), or log-normalised expression"
        )
    return is_whole


def require_batch(cells: Cells) -> Names:
    """Return the batch of each cell.

    Raises
    ------
    InputError
        It was not given.
    """
    if cells.batch is None:
        raise InputError(
            "an array does not say which cell is of which batch; give batch=, one name for each cell"
        )
    return cells.batch


def encode(names: Names, known: Sequence[str], *, what: str) -> NDArray[np.int64]:
    """Return the place of each name among the known ones; -1 for `UNKNOWN`.

    Raises
    ------
    InputError
        A name is not known.
    """
    place = {name: i for i, name in enumerate(known)} | {UNKNOWN: -1}
    strange = sorted(set(names.tolist()) - set(place))
    if strange:
        n = int(np.isin(names, strange).sum())
        raise InputError(
            f"{n} cells are of {what} {', '.join(repr(s) for s in strange[:5])}, which the corrector has not "
            f"seen; it was fitted on {', '.join(repr(name) for name in known)}. Fit anew with these cells in"
        )
    return np.array([place[name] for name in names.tolist()], dtype=np.int64)


def give_back(
    data: Any,
    corrected: NDArray[np.float32],
    embedding: NDArray[np.float32],
    *,
    genes: Sequence[str] | None,
    facts: dict[str, Any],
) -> Any:
    """Return the corrected expression in the kind of the data.

    An AnnData is copied, with the corrected expression in ``layers["corrected"]``, the embedding in
    ``obsm["X_sciadv"]`` and `facts` in ``uns["sciadv"]``; ``X`` stays as it was.
    """
    if is_anndata(data):
        out = data.copy() if genes is None else data[:, list(genes)].copy()
        out.layers[LAYER] = corrected
        out.obsm[EMBEDDING] = embedding
        out.uns["sciadv"] = facts
        return out
    if is_frame(data):
        return type(data)(corrected, index=data.index, columns=list(genes or data.columns))
    return torch.as_tensor(corrected) if isinstance(data, torch.Tensor) else corrected
