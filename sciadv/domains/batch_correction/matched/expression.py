"""The batch's part of each gene, found within shared clusters, and taken out without making anything.

Expression that is nowhere negative is multiplied: a gene that a cell has none of stays at none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import (
    Array,
    Shared,
    SoftClusters,
    in_strata,
    over_strata,
)
from sciadv.domains.batch_correction.matched.presence import Seen, seen_genes
from sciadv.domains.batch_correction.reading.matrices import (
    Matrix,
    dense,
    has_gaps,
    is_nowhere_negative,
    squared,
)


@final
@dataclass(frozen=True, eq=False)
class GeneEvidence:
    """What the model was found from, and what a further batch is compared with.

    Parameters
    ----------
    n
        Cells of each batch in each cluster ``(clusters, batches)``, as sums of weights.
    variance
        Of a gene within cluster and batch ``(genes,)``.
    seen
        Which genes each batch has.
    """

    n: Array
    variance: Array
    seen: Seen

    def joined(self, other: GeneEvidence) -> GeneEvidence:
        """Return both with the batches of the other one last; the variance is of this one."""
        return GeneEvidence(np.concatenate([self.n, other.n], 1), self.variance, self.seen.joined(other.seen))


@final
@dataclass(frozen=True, eq=False)
class GeneModel:
    """Mean expression ``mean_k + of_batch_b + own_bk`` in cluster k and batch b.

    Parameters
    ----------
    clusters
        Of cells that were moved onto their matches.
    mean
        ``(clusters, genes)``.
    of_batch
        ``(batches, genes)``: what all clusters share; over the cells, its mean is 0.
    own
        ``(batches, clusters, genes)``: what a cluster has beside that, as far as it is sure.
    is_positive
        Whether expression is multiplied, rather than shifted.
    evidence
        What it was found from.
    most
        Largest factor; the least is its inverse.
    """

    clusters: SoftClusters
    mean: Array
    of_batch: Array
    own: Array
    is_positive: bool
    evidence: GeneEvidence
    most: float = 10.0

    def change(self, weights: Array, batch: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return factors, or what to add, ``(cells, genes)``, for cells with weights of the clusters."""
        aim = weights @ self.mean
        found = aim + self.of_batch[batch]
        for b in np.unique(batch):
            found[batch == b] += weights[batch == b] @ self.own[b]
        if not self.is_positive:
            return np.asarray(aim - found, np.float32)
        least = 1e-6
        factor = np.where(found > least, aim.clip(min=0) / found.clip(min=least), 1.0)
        return np.asarray(factor.clip(1 / self.most, self.most), np.float32)

    def remove(
        self,
        expression: Matrix,
        weights: Array,
        batch: NDArray[np.int64],
        *,
        to: int | None = None,
        chunk: int = 4096,
    ) -> NDArray[np.float32]:
        """Return expression ``(cells, genes)`` without the batch's part, or with that of batch `to`."""
        corrected = np.empty(expression.shape, np.float32)
        for start in range(0, len(batch), chunk):
            rows = slice(start, start + chunk)
            own = self.change(weights[rows], batch[rows])
            aim = None if to is None else self.change(weights[rows], np.full_like(batch[rows], to))
            x = dense(expression[rows])
            if self.is_positive:
                corrected[rows] = x * (own if aim is None else own / aim)
            else:
                corrected[rows] = x + (own if aim is None else own - aim)
        return corrected

    @staticmethod
    def fit(
        expression: Matrix,
        clusters: SoftClusters,
        weights: Array,
        groups: Groups,
    ) -> GeneModel:
        """Fit the model to expression ``(cells, genes)`` of cells with weights ``(cells, clusters)``.

        Batches are compared within clusters and labels; the model has the means over labels.

        Means of clusters and of batches are those of least squares over the clusters that batches share, so
        that other shares of the cell types are no part of the batch. What remains of a cluster in a batch is
        shrunk by empirical Bayes. Genes that a batch has in other cells than the others (`Seen`) are
        compared among the cells that have them; those that a batch has none of stay as they are.
        """
        n_clusters = weights.shape[1]
        weights = in_strata(weights, groups.labels)
        batch = groups.batch
        n_batches = groups.n_batches
        shared = Shared.of(weights, batch, n_batches)
        m, variance = _moments(expression, weights, batch, shared)
        seen, among = seen_genes(expression, weights, batch, shared)
        differs = seen.differs()
        m[..., differs] = among[..., differs]
        w = np.where(shared.present, shared.n, 0.0)
        total = w.sum(1).clip(min=1e-12)
        over_batches = np.einsum("kb,kbg->kg", w, m) / total[:, None]
        left = np.einsum("kb,kbg->bg", w, m - over_batches[:, None])
        system = np.diag(w.sum(0)) - (w / total[:, None]).T @ w
        of_batch = np.linalg.pinv(system, rcond=1e-9, hermitian=True) @ left
        n_cells = np.bincount(batch, minlength=n_batches)
        of_batch -= n_cells @ of_batch / n_cells.sum()
        of_batch[:, seen.is_absent] = 0.0
        mean = np.einsum("kb,kbg->kg", w, m - of_batch[None]) / total[:, None]
        own = _shrunk(m - mean[:, None] - of_batch[None], variance, shared)
        own[..., seen.is_absent] = 0.0
        own = over_strata(own, w, n_clusters)
        mean = over_strata(mean, w.sum(1), n_clusters)
        is_positive = is_nowhere_negative(expression)
        evidence = GeneEvidence(shared.n.reshape(-1, n_clusters, n_batches).sum(0), variance, seen)
        return GeneModel(clusters, mean, of_batch, own.transpose(1, 0, 2), is_positive, evidence)

    def extended(self, expression: Matrix, weights: Array, batch: NDArray[np.int64], n_new: int) -> GeneModel:
        """Return the model with further batches; those that it knows stay as they are.

        Parameters
        ----------
        expression
            Of the cells of the further batches ``(cells, genes)``.
        weights
            Of the clusters ``(cells, clusters)``.
        batch
            ``(cells,)``, numbers of the further batches, from 0.
        n_new
            How many.

        Notes
        -----
        A batch's part is that of least squares with the means of clusters fixed. A gene that some batch has
        none of, or that the further batches have in other cells than those before, stays as it is.
        """
        known = self.evidence
        own_n = np.stack([weights[batch == b].sum(0) for b in range(n_new)], 1)
        own = Shared.of(weights, batch, n_new, beside=known.n)
        m, _ = _moments(expression, weights, batch, own)
        seen, among = seen_genes(expression, weights, batch, own)
        evidence = known.joined(GeneEvidence(own_n, known.variance, seen))
        did_differ = known.seen.differs()
        stays = evidence.seen.is_absent | (evidence.seen.differs() & ~did_differ)
        m[..., did_differ] = among[..., did_differ]
        w = np.where(own.present, own.n, 0.0)
        left = m - self.mean[:, None]
        of_batch = np.einsum("kb,kbg->bg", w, left) / w.sum(0)[:, None].clip(min=1e-12)
        of_batch[:, stays] = 0.0
        beside = _shrunk(left - of_batch[None], known.variance, own)
        beside[..., stays] = 0.0
        return replace(
            self,
            of_batch=np.concatenate([self.of_batch, of_batch]),
            own=np.concatenate([self.own, beside.transpose(1, 0, 2)]),
            evidence=evidence,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        seen = self.evidence.seen
        expected = {} if seen.expected is None else {"genes.expected": torch.as_tensor(seen.expected)}
        return {
            "genes.centres": torch.as_tensor(self.clusters.centres),
            "genes.width": torch.tensor(self.clusters.width, dtype=torch.float64),
            "genes.mean": torch.as_tensor(self.mean),
            "genes.of_batch": torch.as_tensor(self.of_batch),
            "genes.own": torch.as_tensor(self.own),
            "genes.n": torch.as_tensor(self.evidence.n),
            "genes.variance": torch.as_tensor(self.evidence.variance),
            "genes.share": torch.as_tensor(seen.share),
            "genes.has": torch.as_tensor(seen.has),
            **expected,
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor], *, is_positive: bool) -> GeneModel:
        """Build it from what `tensors` returned, among others."""
        found = {name.removeprefix("genes."): one.numpy() for name, one in tensors.items()}
        clusters = SoftClusters(found["centres"], float(found["width"]))
        seen = Seen(found["share"], found.get("expected"), found["has"])
        evidence = GeneEvidence(found["n"], found["variance"], seen)
        return GeneModel(clusters, found["mean"], found["of_batch"], found["own"], is_positive, evidence)


def _moments(
    expression: Matrix, weights: Array, batch: NDArray[np.int64], shared: Shared
) -> tuple[Array, Array]:
    """Return means ``(clusters, batches, genes)``, and variances within cluster and batch ``(genes,)``.

    Both are those of the cells in which a gene was measured; where there are none, the mean is that of the
    batch in all clusters.
    """
    means = []
    left = np.zeros(expression.shape[1])
    n_seen: Any = 0
    for b in range(shared.n.shape[1]):
        x, n, seen = _measured(expression[batch == b], weights[batch == b])
        w = weights[batch == b]
        total = np.asarray((x.T @ w).T, np.float64)
        of_batch = total.sum(0) / n.sum(0).clip(min=1e-12)
        means.append(np.where(n > 1e-9, total / n.clip(min=1e-12), of_batch))
        left += np.asarray(squared(x).sum(0), np.float64).ravel() - (n * means[-1] ** 2).sum(0)
        n_seen = n_seen + seen
    return np.stack(means, 1), left.clip(min=0) / np.maximum(n_seen, 1)


def _measured(x: Matrix, weights: Array) -> tuple[Matrix, Array, Any]:
    """Return expression with 0 where there is none, cells that have it by cluster and gene, and by gene."""
    if not has_gaps(x):
        return x, weights.sum(0)[:, None], x.shape[0]
    seen = ~np.isnan(x)
    return np.nan_to_num(x), weights.T @ seen, seen.sum(0)


def _shrunk(left: Array, variance: Array, shared: Shared) -> Array:
    """Return what clusters have beside their batch ``(clusters, batches, genes)``, shrunk towards nothing."""
    scale = np.sqrt(variance).clip(min=1e-12)
    chance = 1 / shared.n_effective.clip(min=1e-12)
    signal = ((left / scale) ** 2).mean(2) - chance
    kept = np.where(shared.present & (signal > 0), signal / (signal + chance).clip(min=1e-12), 0.0)
    kept[~shared.is_shared] = 0.0
    shrunk: Array = left * kept[..., None]
    return shrunk
