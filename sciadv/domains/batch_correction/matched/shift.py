"""The shift of cells in principal components: a translation of each batch, then one of each cluster in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

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
    n_leading,
    over_strata,
)
from sciadv.domains.batch_correction.matched.spread import Spread
from sciadv.domains.batch_correction.matched.translation import translation_onto, translations


@final
@dataclass(frozen=True, eq=False)
class Round:
    """One round: clusters, and how far each moves in each batch, ``(clusters, batches, components)``."""

    clusters: SoftClusters
    moves: Array

    def __call__(self, scores: Array, batch: NDArray[np.int64]) -> Array:
        """Return moved cells."""
        moved: Array = scores.copy()
        weights = self.clusters.weights(scores)
        for b in np.unique(batch):
            of_batch = batch == b
            moved[of_batch] += weights[of_batch] @ self.moves[:, b]
        return moved


@final
@dataclass(frozen=True, eq=False)
class MatchedShift:
    """Translations ``(batches, components)``, then rounds of moves, then the spread of further batches.

    Parameters
    ----------
    translation
        ``(batches, components)``.
    rounds
        One after the other.
    spreads
        Of the batches that were not fitted, in the clusters of the last round.
    """

    translation: Array
    rounds: tuple[Round, ...]
    spreads: tuple[Spread, ...] = ()

    def __call__(self, scores: NDArray[np.floating], batch: NDArray[np.int64]) -> Array:
        """Return cells ``(cells, components)`` of batches, by their numbers, where their matches lie."""
        moved: Array = np.asarray(scores, np.float64) + self.translation[batch]
        for one in self.rounds:
            moved = one(moved, batch)
        n_fitted = len(self.translation) - len(self.spreads)
        for b, spread in enumerate(self.spreads, n_fitted):
            of_batch = batch == b
            moved[of_batch] = spread(moved[of_batch], self.rounds[-1].clusters.weights(moved[of_batch]))
        return moved

    @staticmethod
    def fit(
        scores: NDArray[np.floating],
        groups: Groups,
        *,
        seed: int,
        n_rounds: int = 8,
        cells_a_cluster: int = 100,
        most_clusters: int = 20,
    ) -> MatchedShift:
        """Match the cells of batches.

        Parameters
        ----------
        scores
            ``(cells, components)``, the most varying first.
        groups
            Batches, and labels, within which alone cells are matched.
        seed
            Seed of the clusters.
        n_rounds
            Rounds of clusters.
        cells_a_cluster, most_clusters
            Clusters of a round: one for so many cells, 5 at least, and at most so many.
        """
        batch = groups.batch
        n_batches = groups.n_batches
        z = np.asarray(scores, np.float64)
        leading = n_leading(z)
        translation = translations(z, groups, n_leading=leading, seed=seed)
        balance = (len(z) / n_batches / np.bincount(batch, minlength=n_batches).clip(min=1))[batch]
        n_clusters = int(np.clip(len(z) // cells_a_cluster, 5, most_clusters))
        z = z + translation[batch]
        rounds = []
        for i in range(n_rounds):
            clusters = SoftClusters.fit(z, balance, n_clusters=n_clusters, n_leading=leading, seed=seed + i)
            rounds.append(Round(clusters, _moves(z, clusters.weights(z), groups)))
            z = rounds[-1](z, batch)
        return MatchedShift(translation, tuple(rounds))

    def extended(
        self,
        scores: NDArray[np.floating],
        onto: Array,
        onto_batch: NDArray[np.int64],
        *,
        seed: int,
    ) -> MatchedShift:
        """Return the shift with one batch more, found with the cells that it is laid onto staying in place.

        Parameters
        ----------
        scores
            Cells of the further batch ``(cells, components)``, not moved.
        onto
            Cells of the batches that are known, moved ``(other cells, components)``.
        onto_batch
            Their batches ``(other cells,)``.
        seed
            Seed of the clusters.
        """
        z = np.asarray(scores, np.float64)
        last = self.rounds[-1].clusters
        own = last.weights(onto).argmax(1)
        moved_onto = translation_onto(z, onto, own, n_leading=last.centres.shape[1], seed=seed)
        z = z + moved_onto
        n_batches = int(onto_batch.max()) + 1
        of = np.concatenate([np.full(len(z), n_batches), onto_batch])
        groups = Groups(of, np.zeros_like(of), n_batches + 1, 1)
        anchors = np.arange(n_batches + 1) < n_batches
        rounds = []
        for one in self.rounds:
            every = np.concatenate([z, onto])
            weights = one.clusters.weights(every)
            moves = _moves(every, weights, groups, anchors=anchors)[:, n_batches:]
            z = z + weights[: len(z)] @ moves[:, 0]
            rounds.append(Round(one.clusters, np.concatenate([one.moves, moves], 1)))
        spread = Spread.between(last, z, onto)
        translation = np.concatenate([self.translation, moved_onto[None]])
        return MatchedShift(translation, tuple(rounds), (*self.spreads, spread))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        return {
            "shift.translation": torch.as_tensor(self.translation),
            "shift.centres": torch.as_tensor(np.stack([one.clusters.centres for one in self.rounds])),
            "shift.widths": torch.as_tensor(np.array([one.clusters.width for one in self.rounds])),
            "shift.moves": torch.as_tensor(np.stack([one.moves for one in self.rounds])),
            **self._spread_tensors(),
        }

    def _spread_tensors(self) -> dict[str, Tensor]:
        if not self.spreads:
            return {}
        return {
            "shift.means": torch.as_tensor(np.stack([one.means for one in self.spreads])),
            "shift.factors": torch.as_tensor(np.stack([one.factor for one in self.spreads])),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> MatchedShift:
        """Build it from what `tensors` returned, among others."""
        names = ("translation", "centres", "widths", "moves")
        translation, centres, widths, moves = (tensors[f"shift.{name}"].numpy() for name in names)
        rounds = (Round(SoftClusters(c, float(w)), m) for c, w, m in zip(centres, widths, moves, strict=True))
        parts = (
            tensors[f"shift.{name}"].numpy() for name in ("means", "factors") if f"shift.{name}" in tensors
        )
        spreads = tuple(Spread(means, factor) for means, factor in zip(*parts, strict=True))
        return MatchedShift(translation, tuple(rounds), spreads)


def _moves(
    scores: Array,
    weights: Array,
    groups: Groups,
    *,
    anchors: NDArray[np.bool_] | None = None,
    most: float = 50.0,
) -> Array:
    """Return how far clusters move in each batch, onto the mean of the batches that share them.

    A move is shortened by the part that sampling alone explains (the positive part of James and Stein's
    factor), so that batches which differ by chance stay where they are. In the mean, a batch counts by its
    cells there, but by `most` of them at most, and only if it is one of the `anchors` ``(batches,)``, where
    there are some. The moves of a cluster are the mean over those of its strata.

    References
    ----------
    W. James, C. Stein, Estimation with quadratic loss, Berkeley Symposium 4(1), 1961.
    """
    n_clusters = weights.shape[1]
    weights = in_strata(weights, groups.labels)
    batch = groups.batch
    shared = Shared.of(weights, batch, groups.n_batches)
    n = shared.n.clip(min=1e-12)[..., None]
    parts = [(weights[batch == b].T, scores[batch == b]) for b in range(groups.n_batches)]
    mean = np.stack([w @ z for w, z in parts], 1) / n
    square = np.stack([w @ z**2 for w, z in parts], 1) / n
    there = np.where(shared.present, shared.n, 0.0)
    variance = (there[..., None] * (square - mean**2)).sum(1).sum(1) / there.sum(1).clip(min=1e-12)
    aims = shared.present if anchors is None else shared.present & anchors
    share = np.where(aims, np.minimum(shared.n, most), 0.0)
    share = share / share.sum(1, keepdims=True).clip(min=1e-12)
    moves = (share[..., None] * mean).sum(1, keepdims=True) - mean
    sure = shared.n_effective.clip(min=1e-12)
    of_mean = share**2 / sure
    chance = variance[:, None] * ((1 - share) ** 2 / sure + of_mean.sum(1, keepdims=True) - of_mean)
    kept = (1 - chance / (moves**2).sum(2).clip(min=1e-12)).clip(min=0)
    is_shared = shared.present & (aims.sum(1, keepdims=True) > aims)
    shortened = moves * np.where(is_shared, kept, 0.0)[..., None]
    return over_strata(shortened, np.where(is_shared, shared.n, 0.0), n_clusters)
