"""SIMULATED counts of cells in batches, whose cell types, fold changes and batch effects are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Names = NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Simulation:
    """Cells of which all is known.

    Parameters
    ----------
    counts, without
        ``(cells, genes)``: as measured, and drawn again as if there were no batch effect.
    batch, kind
        ``(cells,)``: batch and cell type.
    is_flat
        ``(genes,)``: genes that no type has more of than another.
    """

    counts: NDArray[np.float32]
    without: NDArray[np.float32]
    batch: Names
    kind: Names
    is_flat: NDArray[np.bool_]


def simulate(
    table: Sequence[Sequence[int]],
    *,
    seed: int,
    effect: float = 0.6,
    batch_scale: float = 0.2,
    own_share: float = 0.2,
    depths: Sequence[float] | None = None,
    n_genes: int = 500,
) -> Simulation:
    """Simulate cells.

    Parameters
    ----------
    table
        Cells of each batch (rows) and type (columns).
    seed
        Seed of everything drawn.
    effect
        Standard deviation of the log fold change that a type has in three genes of ten; the counts of these
        genes together are the same in every type, so that normalising by the total makes no others change.
    batch_scale
        Standard deviation of the log factor that a batch has on every gene.
    own_share
        Share of its variance that is a type's own. No method can tell that of a type in one batch from what
        the type is, so fold changes are judged without it.
    depths
        Factors of the library sizes of each batch.
    n_genes
        How many.
    """
    rng = np.random.default_rng(seed)
    n = np.asarray(table)
    n_batches, n_types = n.shape
    batch = np.repeat(np.arange(n_batches), n.sum(1))
    kind = np.concatenate([np.repeat(np.arange(n_types), row) for row in n])
    means = rng.gamma(0.6, 1 / 0.3, n_genes)
    is_marker = rng.random((n_types, n_genes)) < 0.3
    fold = np.exp(rng.normal(0, effect, (n_types, n_genes)))
    for own, marked in zip(fold, is_marker, strict=True):
        own[~marked] = 1.0
        own[marked] *= means[marked].sum() / max((means * own)[marked].sum(), 1e-12)
    shared = rng.normal(0, batch_scale, (n_batches, 1, n_genes))
    own_part = rng.normal(0, batch_scale, (n_batches, n_types, n_genes))
    factor = np.exp(np.sqrt(1 - own_share) * shared + np.sqrt(own_share) * own_part)
    library = rng.lognormal(np.log(5 * n_genes), 0.3, len(batch))
    library *= np.ones(len(batch)) if depths is None else np.asarray(depths)[batch]
    rates = means * fold[kind]
    return Simulation(
        _drawn(rng, rates * factor[batch, kind], library),
        _drawn(rng, rates, library),
        np.array([f"batch {b + 1}" for b in batch]),
        np.array([f"type {t + 1}" for t in kind]),
        np.asarray(~is_marker.any(0)),
    )


def chain(n_batches: int, n_cells: int) -> list[list[int]]:
    """Return a table in which batch b has types b and b + 1 only, so that neighbours share one type."""
    half = n_cells // 2
    return [[half if t in (b, b + 1) else 0 for t in range(n_batches + 1)] for b in range(n_batches)]


def with_absent_gene(
    cells: Simulation, *, shares: Sequence[float], seed: int, mean: float = 3.0
) -> tuple[Simulation, NDArray[np.bool_]]:
    """Put a gene first that a group of people has none of, the group being another share of each batch.

    Returns
    -------
    The cells, and whether each is of the group ``(cells,)``.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(cells.batch)
    share = dict(zip(names.tolist(), shares, strict=True))
    lacks = rng.random(len(cells.batch)) < np.array([share[name] for name in cells.batch.tolist()])
    changed = []
    for counts in (cells.counts, cells.without):
        own = counts.copy()
        own[:, 0] = np.where(lacks, 0, rng.poisson(mean, len(lacks)))
        changed.append(own)
    return Simulation(changed[0], changed[1], cells.batch, cells.kind, cells.is_flat), lacks


def _drawn(rng: np.random.Generator, rates: Array, library: Array) -> NDArray[np.float32]:
    """Draw gamma-Poisson counts of cells with a biological coefficient of variation of 0.2."""
    expected = rates / rates.sum(1, keepdims=True) * library[:, None]
    counts: NDArray[np.float32] = rng.poisson(rng.gamma(25.0, expected / 25.0)).astype(np.float32)
    return counts
