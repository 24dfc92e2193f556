"""Moments of the cells of batches in clusters, from which moves are found.

What a fit keeps of them is all that a further batch is compared with: its cost does not grow with the cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.matched.clusters import Array, over_strata


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """Cells of batches in clusters, or in strata of clusters: how many, their means and mean squares.

    Parameters
    ----------
    n
        ``(clusters, batches)``: cells, as sums of weights.
    squared_weights
        The same: sums of squared weights.
    mean
        ``(clusters, batches, components)``.
    square
        The same, of squared scores.
    """

    n: Array
    squared_weights: Array
    mean: Array
    square: Array

    @staticmethod
    def of(scores: Array, weights: Array, batch: NDArray[np.int64], n_batches: int) -> Moments:
        """Return those of cells ``(cells, components)`` with weights ``(cells, clusters)``."""
        parts = [(weights[batch == b], scores[batch == b]) for b in range(n_batches)]
        n = np.stack([w.sum(0) for w, _ in parts], 1)
        some = n.clip(min=1e-12)[..., None]
        return Moments(
            n,
            np.stack([(w**2).sum(0) for w, _ in parts], 1),
            np.stack([w.T @ z for w, z in parts], 1) / some,
            np.stack([w.T @ z**2 for w, z in parts], 1) / some,
        )

    def over_strata(self, n_clusters: int) -> Moments:
        """Return those of the clusters, given those of strata of clusters."""
        shape = (-1, n_clusters, self.n.shape[1])
        return Moments(
            self.n.reshape(shape).sum(0),
            self.squared_weights.reshape(shape).sum(0),
            over_strata(self.mean, self.n, n_clusters),
            over_strata(self.square, self.n, n_clusters),
        )

    def joined(self, other: Moments) -> Moments:
        """Return both, with the batches of the other one last."""
        return Moments(
            *(
                np.concatenate([getattr(self, name), getattr(other, name)], 1)
                for name in ("n", "squared_weights", "mean", "square")
            )
        )
