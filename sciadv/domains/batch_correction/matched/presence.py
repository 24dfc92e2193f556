"""Which cells have a gene at all: a batch with other people in it differs in that, and should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.cells import Matrix, dense
from sciadv.domains.batch_correction.matched.clusters import Array, Shared


@final
@dataclass(frozen=True, eq=False)
class Presence:
    """Genes that batches have in different shares of their cells, for another reason than depth.

    Parameters
    ----------
    differs
        ``(genes,)``: the shares of cells that express the gene differ between batches.
    is_absent
        ``(genes,)``: some batch has none of it, and others have.
    among
        ``(clusters, batches, genes)``: mean expression of the cells that express it.
    """

    differs: NDArray[np.bool_]
    is_absent: NDArray[np.bool_]
    among: Array

    @staticmethod
    def of(
        expression: Matrix,
        weights: Array,
        batch: NDArray[np.int64],
        shared: Shared,
        *,
        by: float = 0.2,
        seen: float = 0.5,
    ) -> Presence:
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
        by
            Difference of the shares of expressing cells above which they differ.
        seen
            Share of expressing cells that must have a count, in every batch, for this to be known.
        """
        n_genes = expression.shape[1]
        has, total, counted = _sums(expression, weights, batch, shared)
        n = shared.n.clip(min=1e-12)[..., None]
        of_batch = has.sum(0)
        is_absent = (of_batch == 0).any(0) & (of_batch > 0).any(0)
        if counted is None:
            nothing = np.zeros(n_genes, bool)
            return Presence(nothing, is_absent, np.zeros((*shared.n.shape, n_genes)))
        some = has.clip(min=1e-12)
        mean = counted / some
        rate = mean
        for _ in range(30):
            rate = mean * (1 - np.exp(-rate))
        shown = 1 - np.exp(-rate)
        cells = shared.n.sum(0)[:, None].clip(min=1e-12)
        expected = (n * shown).sum(0) / cells
        share = (of_batch / cells) / expected.clip(min=1e-12)
        differs = (share.max(0) - share.min(0) > by) & (expected.min(0) > seen) & ~is_absent
        return Presence(differs, is_absent, np.where(has > 0, total / some * shown, 0.0))


def _sums(
    expression: Matrix, weights: Array, batch: NDArray[np.int64], shared: Shared
) -> tuple[Array, Array, Array | None]:
    """Return sums over cells ``(clusters, batches, genes)`` of what is positive: cells, expression, counts.

    There are no counts if the expression is not that of log-normalised ones.
    """
    shape = (*shared.n.shape, expression.shape[1])
    has = np.zeros(shape)
    total = np.zeros(shape)
    counted: Array | None = np.zeros(shape)
    for b in range(shared.n.shape[1]):
        of_batch = batch == b
        x = dense(expression[of_batch])
        w = weights[of_batch].T.astype(np.float32)
        has[:, b] = w @ (x > 0)
        total[:, b] = w @ np.where(x > 0, x, 0)
        counts = None if counted is None else counts_of(x)
        if counts is None:
            counted = None
        elif counted is not None:
            counted[:, b] = w @ counts
    return has, total, counted


def counts_of(x: NDArray[np.float32], *, tolerance: float = 0.02) -> NDArray[np.float32] | None:
    """Return the counts ``(cells, genes)`` whose log-normalised expression this is; None if it is not.

    The least positive value of a cell is taken for one count, and all others must be whole multiples of it.
    """
    if (x < 0).any():
        return None
    least = np.where(x > 0, x, np.inf).min(1)
    unit = np.where(np.isfinite(least), np.expm1(least), 1.0)
    counts = np.expm1(x) / unit[:, None]
    whole = np.rint(counts)
    is_near = np.abs(counts - whole) <= tolerance * np.maximum(counts, 1)
    found: NDArray[np.float32] = whole.astype(np.float32)
    return found if is_near[counts < 50].all() else None
