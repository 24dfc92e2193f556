"""How far cells of a further batch spread around the means of their clusters, made that of the others.

Components were fitted to other cells: on these, scores are larger than those of cells that come later, most
in the components that follow noise (S. Lee, F. Zou, F. A. Wright, Convergence and prediction of principal
component scores in high-dimensional settings, Annals of Statistics 38(6), 2010). Left as they are, later
cells lie nearer to the middle than those that they are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from sciadv.domains.batch_correction.matched.clusters import Array, SoftClusters


@final
@dataclass(frozen=True, eq=False)
class Spread:
    """Deviations from cluster means, times a factor of each component.

    Parameters
    ----------
    means
        Of the clusters in the batch ``(clusters, components)``.
    factor
        ``(components,)``.
    """

    means: Array
    factor: Array

    def __call__(self, scores: Array, weights: Array) -> Array:
        """Return cells ``(cells, components)`` with weights ``(cells, clusters)``, spread."""
        middle = weights @ self.means
        spread: Array = middle + (scores - middle) * self.factor
        return spread

    @staticmethod
    def between(
        clusters: SoftClusters, scores: Array, onto: Array, *, known: float = 10.0, most: float = 2.0
    ) -> Spread:
        """Return what gives cells the spread of those that they are laid onto, in the same clusters.

        Parameters
        ----------
        clusters
            By which both are compared.
        scores, onto
            ``(cells, components)``.
        known
            Cells that count as having the spread of the others, so that few cells change little.
        most
            Largest factor; the least is its inverse.
        """
        own = clusters.weights(scores)
        others = clusters.weights(onto)
        means, deviations, n = _within(scores, own)
        _, of_others, _ = _within(onto, others)
        share = own.sum(0) / others.sum(0).clip(min=1e-12)
        alike = (others * share).sum(1)
        aim = (alike[:, None] * of_others**2).sum(0) / alike.sum().clip(min=1e-12)
        variance = ((deviations**2).sum(0) + known * aim) / (max(n, 0.0) + known)
        factor = np.sqrt(aim / variance.clip(min=1e-12)).clip(1 / most, most)
        return Spread(means, np.where(aim > 0, factor, 1.0))


def _within(scores: Array, weights: Array) -> tuple[Array, Array, float]:
    """Return cluster means, deviations of cells from theirs, and how many of these are free."""
    n = weights.sum(0).clip(min=1e-12)
    means = (weights.T @ scores) / n[:, None]
    free = len(scores) - float(((weights**2).sum(0) / n).sum())
    return means, scores - weights @ means, free
