"""Which cells have a gene at all: a batch with other people in it differs in that, and should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.matched.clusters import Array, Shared
from sciadv.domains.batch_correction.reading.matrices import Matrix


@final
@dataclass(frozen=True, eq=False)
class Seen:
    """In which share of the cells of each batch a gene is expressed, beside what counting alone would show.

    Parameters
    ----------
    share
        ``(batches, genes)``: share of the cells with the gene over the share that is `expected`.
    expected
        ``(batches, genes)``: share of the cells that would have a count if all of them expressed the gene;
        None where expression is not that of counts.
    has
        ``(batches, genes)``: whether any cell has the gene.
    """

    share: Array
    expected: Array | None
    has: NDArray[np.bool_]

    @property
    def is_absent(self) -> NDArray[np.bool_]:
        """Which genes some batch has none of, and others have, ``(genes,)``."""
        absent: NDArray[np.bool_] = np.asarray(self.has.any(0)) & ~np.asarray(self.has.all(0))
        return absent

    def differs(self, *, by: float = 0.2, seen: float = 0.5) -> NDArray[np.bool_]:
        """Return of which genes the shares of cells that express them differ between batches ``(genes,)``.

        Parameters
        ----------
        by
            Difference of the shares of expressing cells above which they differ.
        seen
            Share of expressing cells that must have a count, in every batch, for this to be known.
        """
        if self.expected is None:
            return np.zeros(self.share.shape[1], bool)
        spread = self.share.max(0) - self.share.min(0)
        found: NDArray[np.bool_] = (spread > by) & (self.expected.min(0) > seen) & ~self.is_absent
        return found

    def joined(self, other: Seen) -> Seen:
        """Return both with the batches of the other one last."""
        known = self.expected is not None and other.expected is not None
        return Seen(
            np.concatenate([self.share, other.share]),
            np.concatenate([self.expected, other.expected]) if known else None,
            np.concatenate([self.has, other.has]),
        )


def seen_genes(
    expression: Matrix, weights: Array, batch: NDArray[np.int64], shared: Shared
) -> tuple[Seen, Array]:
    """Compare the cells without a gene with those that counting alone would leave without.

    Where a cell that expresses a gene has n counts in the mean, zeros left out, its rate r is that of the
    zero-truncated Poisson, ``r / (1 - exp(-r)) = n``, and a share of ``exp(-r)`` of such cells is zero by
    chance. What there are more of do not express it.

    Parameters
    ----------
    expression
        ``(cells, genes)``; what is no log-normalised count says nothing of this.
    weights
        ``(cells, clusters)``.
    batch
        ``(cells,)``.
    shared
        Cells of each batch in each cluster.

    Returns
    -------
    What was seen, and the mean expression of the cells that express a gene ``(clusters, batches, genes)``.
    """
    has, total, counted = _sums(expression, weights, batch, shared)
    n = shared.n.clip(min=1e-12)[..., None]
    of_batch = has.sum(0)
    cells = shared.n.sum(0)[:, None].clip(min=1e-12)
    if counted is None:
        return Seen(of_batch / cells, None, of_batch > 0), np.zeros_like(total)
    some = has.clip(min=1e-12)
    mean = counted / some
    rate = mean
    for _ in range(30):
        rate = mean * (1 - np.exp(-rate))
    shown = 1 - np.exp(-rate)
    expected = (n * shown).sum(0) / cells
    share = (of_batch / cells) / expected.clip(min=1e-12)
    return Seen(share, expected, of_batch > 0), np.where(has > 0, total / some * shown, 0.0)


def _sums(
    expression: Matrix, weights: Array, batch: NDArray[np.int64], shared: Shared
) -> tuple[Array, Array, Array | None]:
    """Return sums over cells ``(clusters, batches, genes)`` of what is positive: cells, expression, counts.

    There are no counts if the expression is not that of log-normalised ones.
    """
    from scipy import sparse

    shape = (*shared.n.shape, expression.shape[1])
    has = np.zeros(shape)
    total = np.zeros(shape)
    counted: Array | None = np.zeros(shape)
    for b in range(shared.n.shape[1]):
        of_batch = batch == b
        some = expression[of_batch]
        rows = sparse.csr_matrix(np.nan_to_num(some) if isinstance(some, np.ndarray) else some)
        x = rows.maximum(0) if (rows.data < 0).any() else rows
        w = weights[of_batch].astype(np.float32)
        has[:, b] = (x.sign().T @ w).T
        total[:, b] = (x.T @ w).T
        counts = None if counted is None else counts_of(rows)
        if counts is None:
            counted = None
        elif counted is not None:
            counted[:, b] = (counts.T @ w).T
    return has, total, counted


def counts_of(x: Any, *, tolerance: float = 0.02) -> Any:
    """Return the counts whose log-normalised expression this is; None if it is not.

    The least positive value of a cell is taken for one count, and all others must be whole multiples of it.

    Parameters
    ----------
    x
        ``(cells, genes)``, a sparse matrix in rows, and so is what is returned.
    tolerance
        Distance from a whole number that is one, in parts of it.
    """
    if (x.data < 0).any():
        return None
    x = x.copy()
    x.eliminate_zeros()
    if x.nnz == 0:
        return x
    n = np.diff(x.indptr)
    least = np.minimum.reduceat(x.data, x.indptr[:-1][n > 0])
    counts = np.expm1(x.data) / np.repeat(np.expm1(least), n[n > 0])
    whole = np.rint(counts)
    is_near = np.abs(counts - whole) <= tolerance * np.maximum(counts, 1)
    if not is_near[counts < 50].all():
        return None
    x.data = whole.astype(np.float32)
    return x
