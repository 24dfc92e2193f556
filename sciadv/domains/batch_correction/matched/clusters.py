"""Soft clusters of cells by their leading components, and which batches each of them is shared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.types import as_random_state

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class SoftClusters:
    """Clusters whose weights fall off with the squared distance from the centre.

    Parameters
    ----------
    centres
        ``(clusters, leading components)``.
    width
        Distance at which a weight has fallen by ``exp(-1/2)``, against a centre that is no distance away.
    """

    centres: Array
    width: float

    @staticmethod
    def fit(scores: Array, weights: Array, *, n_clusters: int, n_leading: int, seed: int) -> SoftClusters:
        """Cluster cells ``(cells, components)``, each with a weight; the width is a cell's usual distance.

        References
        ----------
        I. Korsunsky et al., Fast, sensitive and accurate integration of single-cell data with Harmony,
        Nature Methods 16, 2019, for soft clusters as neighbourhoods that batches share.
        """
        from sklearn.cluster import KMeans

        leading = np.ascontiguousarray(scores[:, :n_leading])
        n = min(n_clusters, len(leading))
        means = KMeans(n, n_init=1, random_state=as_random_state(seed)).fit(leading, sample_weight=weights)
        centres = np.asarray(means.cluster_centers_, np.float64)
        nearest = squared_distances(leading, centres).min(1).mean()
        return SoftClusters(centres, float(np.sqrt(max(nearest, 1e-12) / n_leading)))

    def widened(self, factor: float) -> SoftClusters:
        """Return clusters whose weights fall off over a distance that is so many times as long."""
        return SoftClusters(self.centres, factor * self.width)

    def weights(self, scores: Array) -> Array:
        """Return the weights ``(cells, clusters)`` of cells; each cell's sum to 1."""
        squared = squared_distances(scores[:, : self.centres.shape[1]], self.centres)
        found = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * self.width**2))
        shares: Array = found / found.sum(1, keepdims=True)
        return shares


def squared_distances(points: Array, centres: Array) -> Array:
    """Return squared distances ``(points, centres)``, without an array of differences."""
    found = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    squared: Array = found.clip(min=0)
    return squared


def n_leading(scores: Array, *, least: int = 3) -> int:
    """Return how many components vary more than the largest of noise would.

    The variances of noise fall from their edge a by ``a - b k**(2/3)`` with the number k of the component, as
    a density does that ends like a square root; a and b are those of the second half of the components.

    Parameters
    ----------
    scores
        ``(cells, components)``, the most varying first.
    least
        Components at least, where there are so many.

    References
    ----------
    I. M. Johnstone, On the distribution of the largest eigenvalue in principal components analysis, Annals of
    Statistics 29(2), 2001, for the edge of noise.
    """
    variance = scores.var(0)
    n = len(variance)
    k = np.arange(n // 2, n) + 1.0
    edge = np.polynomial.polynomial.polyfit(k ** (2 / 3), variance[n // 2 :], min(1, len(k) - 1))[0]
    return int(np.clip((variance > edge).sum(), min(least, n), n))


@final
@dataclass(frozen=True, eq=False)
class Shared:
    """Cells of each batch in each cluster, as far as batches share it.

    Parameters
    ----------
    n
        ``(clusters, batches)``: cells, as sums of weights.
    n_effective
        The same: equally weighted cells whose mean would be as sure.
    present
        The same: whether the batch takes part in the cluster.
    is_shared
        ``(clusters,)``: whether two batches or more take part, or one beside others that are known.
    """

    n: Array
    n_effective: Array
    present: NDArray[np.bool_]
    is_shared: NDArray[np.bool_]

    @staticmethod
    def of(
        weights: Array, batch: NDArray[np.int64], n_batches: int, *, beside: Array | None = None
    ) -> Shared:
        """Count the cells of batches, given weights ``(cells, clusters)``; `beside` as `among` has it."""
        n = np.stack([weights[batch == b].sum(0) for b in range(n_batches)], 1)
        squares = np.stack([(weights[batch == b] ** 2).sum(0) for b in range(n_batches)], 1)
        return Shared.among(n, squares, beside=beside)

    @staticmethod
    def among(
        n: Array,
        squares: Array,
        *,
        beside: Array | None = None,
        least_share: float = 0.1,
        least: float = 3.0,
    ) -> Shared:
        """Return where batches take part, by their cells.

        Parameters
        ----------
        n
            ``(clusters, batches)``: cells, as sums of weights.
        squares
            The same: sums of squared weights.
        beside
            `n` of other batches, which were counted before, ``(clusters, other batches)``: a batch then takes
            part only where one of these does.
        least_share
            A batch takes part if the share of its cells in the cluster is at least this part of the largest
            share that a batch has there.
        least
            Cells with which it takes part.
        """
        n_batches = n.shape[1]
        every = n if beside is None else np.concatenate([n, beside], 1)
        share = every / every.sum(0).clip(min=1)
        takes_part = (share > least_share * share.max(1, keepdims=True)) & (every >= least)
        others = takes_part[:, n_batches:]
        is_shared = takes_part.sum(1) > 1 if beside is None else others.any(1)
        present = takes_part[:, :n_batches]
        if beside is not None:
            present = present & is_shared[:, None]
        return Shared(n, n**2 / squares.clip(min=1e-12), present, is_shared)


def in_strata(weights: Array, strata: NDArray[np.int64]) -> Array:
    """Return weights ``(cells, strata times clusters)``, those of each stratum's own cells."""
    return np.concatenate([weights * (strata == one)[:, None] for one in np.unique(strata)], 1)


def over_strata(values: Array, n: Array, n_clusters: int) -> Array:
    """Return means over strata of values ``(strata times clusters, ...)``, weighted by their cells `n`."""
    shape = (-1, n_clusters, *values.shape[1:])
    cells = n.reshape(*n.shape, *(1,) * (values.ndim - n.ndim)).reshape(
        -1, n_clusters, *n.shape[1:], *(1,) * (values.ndim - n.ndim)
    )
    total = cells.sum(0)
    mean: Array = (cells * values.reshape(shape)).sum(0) / np.where(total > 0, total, 1.0)
    return mean
