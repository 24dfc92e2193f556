"""Intervals of corrected values: for each cell and gene, between which values its expression lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.memory import check_memory
from sciadv.domains.batch_correction.uncertainty.count_model import Codes, CountModel
from sciadv.domains.batch_correction.uncertainty.rates import solve_rates


def corrected_intervals(
    model: CountModel,
    counts: NDArray[np.float32],
    batch: Codes,
    *,
    level: float,
    target_counts: float,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the lower and upper bounds of equal-tailed intervals ``(cells, genes)``.

    Parameters
    ----------
    model
        Of counts.
    counts
        ``(cells, genes)``; -1 for a count that was not measured.
    batch
        ``(cells,)``, numbers.
    level
        Probability that a value lies within, from 0 to 1; 0 gives the median twice.
    target_counts
        Counts that a cell is scaled to before the logarithm.
    seed
        Seed of the draws.
    """
    check_memory(8.0 * counts.size, f"intervals of {len(counts)} cells", "give fewer cells at once")
    lower = np.empty(counts.shape, np.float32)
    upper = np.empty(counts.shape, np.float32)
    for some, rates in solve_rates(model, counts, batch, seed=seed):
        lower[some] = rates.corrected(0.5 - level / 2, target_counts)
        upper[some] = rates.corrected(0.5 + level / 2, target_counts)
    return lower, upper
