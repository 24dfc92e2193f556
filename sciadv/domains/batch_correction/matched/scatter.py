"""How far cells scatter about their clusters: more in a batch that was measured with fewer counts.

Cells that scatter more are hardly ever neighbours of others, and cells that scatter less are neighbours of
all; so batches whose means agree are still separated by their noise, until they scatter alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import Array, Shared, SoftClusters


@final
@dataclass(frozen=True, eq=False)
class Scatter:
    """How far the noise scatters, the components past the leading ones, in clusters of batches.

    Parameters
    ----------
    clusters
        Of cells that were moved onto their matches.
    aim
        ``(clusters,)``: logarithm of the variance of the noise that all batches get.
    n
        ``(clusters, fitted batches)``: cells, as sums of weights.
    mean
        ``(clusters, batches, components)``.
    log_factor
        ``(clusters, batches)``: logarithm of what deviations from the mean are multiplied with.
    n_leading
        Components that are no noise.
    by_cell
        Part of the logarithm of a single cell's own scatter that is taken out, too.
    """

    clusters: SoftClusters
    aim: Array
    n: Array
    mean: Array
    log_factor: Array
    n_leading: int
    by_cell: float

    def __call__(self, scores: Array, batch: NDArray[np.int64]) -> Array:
        """Return cells whose deviations from their clusters' means scatter alike in every batch."""
        weights = self.clusters.weights(scores)
        centre = np.empty_like(scores)
        log_factor = np.empty(len(scores))
        for b in np.unique(batch):
            of_batch = batch == b
            centre[of_batch] = weights[of_batch] @ self.mean[:, b]
            log_factor[of_batch] = weights[of_batch] @ self.log_factor[:, b]
        deviation = (scores - centre) * np.exp(log_factor)[:, None]
        own = np.log((deviation[:, self.n_leading :] ** 2).mean(1).clip(min=1e-12))
        change = 0.5 * self.by_cell * (weights @ self.aim - own)
        deviation[:, self.n_leading :] *= np.exp(change)[:, None]
        moved: Array = centre + deviation
        return moved

    @staticmethod
    def fit(
        scores: Array, clusters: SoftClusters, groups: Groups, *, n_leading: int, by_cell: float = 0.15
    ) -> Scatter:
        """Compare the scatter of batches within the clusters that they share; the aim is their mean.

        A cluster that a batch has for itself gets the factor of the batch's other clusters.
        """
        noise = n_leading if n_leading < scores.shape[1] else 0
        shared = Shared.of(clusters.weights(scores), groups.batch, groups.n_batches)
        mean, log_variance = _moments(scores, clusters, groups.batch, groups.n_batches, noise=noise)
        there = np.where(shared.present, shared.n, 0.0)
        aim = (there * log_variance).sum(1) / there.sum(1).clip(min=1e-12)
        return Scatter(clusters, aim, shared.n, mean, _log_factor(aim, log_variance, shared), noise, by_cell)

    def extended(self, scores: Array) -> Scatter:
        """Return it with one batch more, that of these cells; the aim stays."""
        own = np.zeros(len(scores), np.int64)
        shared = Shared.of(self.clusters.weights(scores), own, 1, beside=self.n)
        mean, log_variance = _moments(scores, self.clusters, own, 1, noise=self.n_leading)
        log_factor = _log_factor(self.aim, log_variance, shared)
        return replace(
            self,
            mean=np.concatenate([self.mean, mean], 1),
            log_factor=np.concatenate([self.log_factor, log_factor], 1),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        return {
            "scatter.centres": torch.as_tensor(self.clusters.centres),
            "scatter.width": torch.tensor(self.clusters.width, dtype=torch.float64),
            "scatter.aim": torch.as_tensor(self.aim),
            "scatter.n": torch.as_tensor(self.n),
            "scatter.mean": torch.as_tensor(self.mean),
            "scatter.log_factor": torch.as_tensor(self.log_factor),
            "scatter.n_leading": torch.tensor(self.n_leading),
            "scatter.by_cell": torch.tensor(self.by_cell, dtype=torch.float64),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> Scatter:
        """Build it from what `tensors` returned, among others."""
        names = ("aim", "n", "mean", "log_factor")
        aim, n, mean, log_factor = (tensors[f"scatter.{name}"].numpy() for name in names)
        clusters = SoftClusters(tensors["scatter.centres"].numpy(), float(tensors["scatter.width"]))
        n_leading = int(tensors["scatter.n_leading"])
        return Scatter(clusters, aim, n, mean, log_factor, n_leading, float(tensors["scatter.by_cell"]))


def _moments(
    scores: Array, clusters: SoftClusters, batch: NDArray[np.int64], n_batches: int, *, noise: int
) -> tuple[Array, Array]:
    """Return means ``(clusters, batches, components)`` and log variances of the noise of each."""
    means = []
    log_variances = []
    for b in range(n_batches):
        z = scores[batch == b]
        weights = clusters.weights(z).T
        n = weights.sum(1).clip(min=1e-12)
        means.append(weights @ z / n[:, None])
        left = weights @ z[:, noise:] ** 2 / n[:, None] - means[-1][:, noise:] ** 2
        unbiased = left.mean(1) * n / (n - 1).clip(min=0.5)
        log_variances.append(np.log(unbiased.clip(min=1e-12)))
    return np.stack(means, 1), np.stack(log_variances, 1)


def _log_factor(aim: Array, log_variance: Array, shared: Shared) -> Array:
    """Return the logarithm of the factors ``(clusters, batches)`` that lead to the aim."""
    is_shared = shared.present & shared.is_shared[:, None]
    n = np.where(is_shared, shared.n, 0.0)
    found = 0.5 * (aim[:, None] - log_variance)
    of_batch = (n * found).sum(0) / n.sum(0).clip(min=1e-12)
    return np.where(is_shared, found, of_batch)
