"""Cells that were read and checked, and how corrected ones are given back in kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.keys import JOIN, UNKNOWN, Names, is_anndata, is_frame
from sciadv.domains.batch_correction.reading.kinds import Kind
from sciadv.domains.batch_correction.reading.matrices import Matrix
from sciadv.errors import InputError

#: Where an AnnData gets the embedding, the corrected expression, and the facts.
EMBEDDING = "X_sciadv"
LAYER = "corrected"
FACTS = "sciadv"


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """Expression of cells, with what is known of each.

    Parameters
    ----------
    expression
        ``(cells, genes)`` as given: counts, or expression that was normalised before.
    kind
        What its numbers are.
    genes
        Names, or None for arrays.
    batch
        ``(cells,)``, or None where none was given.
    labels
        ``(cells,)``, `UNKNOWN` where a cell has none; None where none were given.
    keep
        ``(cells,)`` of each key that is to be kept, by its name.
    covariates
        ``(cells, covariates)``, numbers whose effect is removed; None where none were given.
    """

    expression: Matrix
    kind: Kind
    genes: tuple[str, ...] | None = None
    batch: Names | None = None
    labels: Names | None = None
    keep: Mapping[str, Names] = field(default_factory=dict)
    covariates: NDArray[np.float64] | None = None

    @property
    def strata(self) -> Names | None:
        """What must not be mixed: labels and kept keys, joined; None if there are neither."""
        if not self.keep:
            return self.labels
        parts = [np.where(names == UNKNOWN, "unknown", names) for names in self.keep.values()]
        if self.labels is not None:
            parts.insert(0, np.where(self.labels == UNKNOWN, "unknown", self.labels))
        return np.array([JOIN.join(each) for each in zip(*parts, strict=True)], dtype=np.str_)

    def drawn(self, rows: NDArray[np.int64]) -> Cells:
        """Return the cells of these places."""
        return replace(
            self,
            expression=self.expression[rows],
            batch=None if self.batch is None else self.batch[rows],
            labels=None if self.labels is None else self.labels[rows],
            keep={key: values[rows] for key, values in self.keep.items()},
            covariates=None if self.covariates is None else self.covariates[rows],
        )

    @property
    def n_cells(self) -> int:
        """How many cells."""
        return int(self.expression.shape[0])

    @property
    def n_genes(self) -> int:
        """How many genes."""
        return int(self.expression.shape[1])

    def normalised(self, target_counts: float = 1e4) -> Matrix:
        """Return ``log(1 + target counts / total of the cell)``; what is logged already stays as it is.

        Raises
        ------
        InputError
            Cells without a count.
        """
        if not self.kind.is_linear:
            return self.expression
        total = np.asarray(self.expression.sum(1), np.float64).reshape(-1)
        if (total == 0).any():
            raise InputError(
                f"{int((total == 0).sum())} of {self.n_cells} cells have no counts in these genes; remove "
                f"them (scanpy.pp.filter_cells) before correcting"
            )
        factor = (target_counts / total).astype(np.float32)[:, None]
        if isinstance(self.expression, np.ndarray):
            return np.log1p(self.expression * factor)
        return self.expression.multiply(factor).tocsr().log1p()

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
    key: str | None = None,
    copy: bool = True,
) -> Any:
    """Return the corrected expression in the kind of the data.

    An AnnData gets the corrected expression in ``layers["corrected"]``, the embedding in ``obsm["X_sciadv"]``
    and `facts` in ``uns["sciadv"]``, or all under a key (the embedding's with ``X_`` before it), in a copy or
    itself; ``X`` stays as it was.

    Raises
    ------
    InputError
        An AnnData is to be written into, but has other genes, or the same in another order.
    """
    if is_anndata(data):
        if not copy and genes is not None and list(data.var_names) != list(genes):
            raise InputError(
                "the data have other genes than were fitted, or another order of them, so that they cannot "
                "be written into; take copy=True"
            )
        out = data
        if copy:
            out = data.copy() if genes is None else data[:, list(genes)].copy()
        out.layers[key or LAYER] = corrected
        out.obsm[f"X_{key}" if key else EMBEDDING] = embedding
        out.uns[key or FACTS] = facts
        return out
    if is_frame(data):
        return type(data)(corrected, index=data.index, columns=list(genes or data.columns))
    return torch.as_tensor(corrected) if isinstance(data, torch.Tensor) else corrected
