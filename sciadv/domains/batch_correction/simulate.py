"""Simulated counts of cells in several batches: gamma-Poisson, with batch factors that are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.keys import Names
from sciadv.errors import InputError


@final
@dataclass(frozen=True, eq=False)
class SimulatedCounts:
    """Counts that were simulated, not measured.

    Parameters
    ----------
    counts
        ``(cells, genes)``, whole numbers.
    batch, cell_type
        ``(cells,)``, names.
    genes
        ``(genes,)``, names.
    expected
        ``(cells, genes)``, the counts that would be expected if there were no batch effect: the truth that
        a correction aims at.
    """

    counts: NDArray[np.float32]
    batch: Names
    cell_type: Names
    genes: Names
    expected: NDArray[np.float32]


def simulate_counts(
    n_cells: int = 600,
    n_genes: int = 300,
    *,
    n_batches: int = 3,
    n_types: int = 4,
    batch_scale: float = 0.4,
    seed: int = 0,
) -> SimulatedCounts:
    """Simulate counts of cell types in batches whose capture of each gene differs.

    A gene's mean is gamma distributed; in a cell type, three genes of ten have it multiplied by a
    log-normal factor; in a batch, every gene by another, which the cell types share for the most part and
    a fifth of whose logarithm is the cell type's own. A cell has a log-normal library size, and its counts
    are gamma-Poisson with a biological coefficient of variation of 0.2. Shares of the cell types differ
    from batch to batch.

    Parameters
    ----------
    n_cells, n_genes, n_batches, n_types
        How many.
    batch_scale
        Standard deviation of the batch factors' logarithm; 0 for batches that do not differ.
    seed
        Seed of everything drawn.

    Raises
    ------
    InputError
        Fewer than 2 batches, no cells for one, or a negative `batch_scale`.

    Notes
    -----
    The model of Splat (L. Zappia, B. Phipson, A. Oshlack, Splatter: simulation of single-cell RNA
    sequencing data, Genome Biology 18:174, 2017, Figure 1) without outlier genes, mean-variance trend and
    dropout, with the shape 0.6 and the rate 0.3 of its gene means.

    Examples
    --------
    >>> simulated = simulate_counts(90, 20, n_batches=3)
    >>> simulated.counts.shape, sorted(set(simulated.batch.tolist()))
    ((90, 20), ['batch 1', 'batch 2', 'batch 3'])
    """
    if n_batches < 2 or n_types < 1 or n_genes < 1 or n_cells < 2 * n_batches or batch_scale < 0:
        raise InputError(
            f"a simulation needs 2 batches, a cell type, a gene, 2 cells a batch and batch_scale >= 0, but "
            f"was asked for {n_cells} cells, {n_genes} genes, {n_batches} batches, {n_types} cell types and "
            f"batch_scale {batch_scale}"
        )
    rng = np.random.default_rng(seed)
    batch = np.arange(n_cells) % n_batches
    shares = rng.dirichlet(np.full(n_types, 5.0), n_batches)
    cell_type = (rng.random(n_cells)[:, None] > shares.cumsum(1)[batch]).sum(1).clip(max=n_types - 1)
    means = rng.gamma(0.6, 1 / 0.3, n_genes)
    is_marker = rng.random((n_types, n_genes)) < 0.3
    type_factor = np.where(is_marker, rng.lognormal(0.2, 0.9, (n_types, n_genes)), 1.0)
    shared = rng.normal(0, batch_scale, (n_batches, 1, n_genes))
    own = rng.normal(0, batch_scale, (n_batches, n_types, n_genes))
    batch_factor = np.exp(np.sqrt(0.8) * shared + np.sqrt(0.2) * own)
    library = rng.lognormal(np.log(5 * n_genes), 0.3, n_cells)
    without = _shares(means * type_factor[cell_type]) * library[:, None]
    with_effect = _shares(means * type_factor[cell_type] * batch_factor[batch, cell_type]) * library[:, None]
    shape = 1 / 0.2**2
    counts = rng.poisson(rng.gamma(shape, with_effect / shape))
    return SimulatedCounts(
        counts=counts.astype(np.float32),
        batch=np.array([f"batch {b + 1}" for b in batch]),
        cell_type=np.array([f"type {t + 1}" for t in cell_type]),
        genes=np.array([f"gene {g + 1}" for g in range(n_genes)]),
        expected=without.astype(np.float32),
    )


def _shares(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = rates.sum(1, keepdims=True)
    return rates / total
