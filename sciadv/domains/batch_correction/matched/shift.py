"""The shift of cells in principal components: a translation of each batch, then one of each cluster in it.

Then the scatter of batches about their clusters is made the same, and clusters are moved once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    squared_distances,
)
from sciadv.domains.batch_correction.matched.islands import bridges
from sciadv.domains.batch_correction.matched.scatter import Scatter
from sciadv.domains.batch_correction.matched.spread import Spread
from sciadv.domains.batch_correction.matched.translation import translation_onto, translations


@final
@dataclass(frozen=True, eq=False)
class Round:
    """One round of moves.

    Parameters
    ----------
    clusters
        Narrow ones, within which batches are compared.
    smooth
        The same with a larger width, by which cells follow them, so that neighbours stay so.
    moves
        ``(clusters, batches, components)``: how far each moves in each batch.
    is_bridge
        Whether islands move onto their counterparts, rather than clusters onto the mean of batches.
    """

    clusters: SoftClusters
    smooth: float
    moves: Array
    is_bridge: bool = False

    def __call__(self, scores: Array, batch: NDArray[np.int64]) -> Array:
        """Return moved cells."""
        moved: Array = scores.copy()
        weights = self.clusters.widened(self.smooth).weights(scores)
        for b in np.unique(batch):
            of_batch = batch == b
            moved[of_batch] += weights[of_batch] @ self.moves[:, b]
        return moved

    @staticmethod
    def between(scores: Array, clusters: SoftClusters, groups: Groups, *, smooth: float = 2.0) -> Round:
        """Find the moves of clusters onto the mean of the batches that share them."""
        return Round(clusters, smooth, _moves(scores, clusters, groups))

    @staticmethod
    def bridge(scores: Array, clusters: SoftClusters, groups: Groups, *, n_leading: int) -> Round | None:
        """Find the moves of islands onto their counterparts; None if there are none."""
        weights = clusters.weights(scores)
        shared = Shared.of(weights, groups.batch, groups.n_batches)
        moves = bridges(scores, weights.argmax(1), shared, groups, n_leading=n_leading)
        return None if moves is None else Round(clusters, 1.0, moves, is_bridge=True)

    def extended(self, scores: Array, groups: Groups) -> Round:
        """Return it with one batch more, the last of `groups`, found with all others in their places."""
        if self.is_bridge:
            moves = np.zeros_like(self.moves[:, :1])
        else:
            anchors = np.arange(groups.n_batches) < groups.n_batches - 1
            moves = _moves(scores, self.clusters, groups, anchors=anchors)[:, -1:]
        return replace(self, moves=np.concatenate([self.moves, moves], 1))


@final
@dataclass(frozen=True, eq=False)
class MatchedShift:
    """Translations, rounds of moves, the scatter made alike, rounds again; the spread of further batches.

    Parameters
    ----------
    translation
        ``(batches, components)``.
    before, after
        Rounds, one after the other, before and after the scatter is made alike.
    scatter
        Of batches about their clusters.
    spreads
        Of the batches that were not fitted, in the clusters of the last round.
    """

    translation: Array
    before: tuple[Round, ...]
    scatter: Scatter
    after: tuple[Round, ...]
    spreads: tuple[Spread, ...] = ()

    def __call__(self, scores: NDArray[np.floating], batch: NDArray[np.int64]) -> Array:
        """Return cells ``(cells, components)`` of batches, by their numbers, where their matches lie."""
        moved: Array = np.asarray(scores, np.float64) + self.translation[batch]
        steps: tuple[Round | Scatter, ...] = (*self.before, self.scatter, *self.after)
        for one in steps:
            moved = one(moved, batch)
        n_fitted = len(self.translation) - len(self.spreads)
        for b, spread in enumerate(self.spreads, n_fitted):
            of_batch = batch == b
            moved[of_batch] = spread(moved[of_batch], self.after[-1].clusters.weights(moved[of_batch]))
        return moved

    @staticmethod
    def fit(
        scores: NDArray[np.floating],
        groups: Groups,
        *,
        seed: int,
        n_rounds: int = 4,
        cells_a_cluster: int = 100,
        most_clusters: int = 20,
        bridged: tuple[int, ...] = (1, 3),
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
            Rounds of clusters before the scatter is made alike, and after.
        cells_a_cluster, most_clusters
            Clusters of a round: one for so many cells, 5 at least, and at most so many.
        bridged
            Rounds before which islands are joined to their counterparts.
        """
        batch = groups.batch
        n_batches = groups.n_batches
        z = np.asarray(scores, np.float64)
        leading = n_leading(z)
        translation = translations(z, groups, n_leading=leading, seed=seed)
        balance = (len(z) / n_batches / np.bincount(batch, minlength=n_batches).clip(min=1))[batch]
        n_clusters = int(np.clip(len(z) // cells_a_cluster, 5, most_clusters))
        z = z + translation[batch]

        def clustered(of: int) -> SoftClusters:
            return SoftClusters.fit(z, balance, n_clusters=n_clusters, n_leading=leading, seed=seed + of)

        before = []
        for i in range(n_rounds):
            bridge = Round.bridge(z, clustered(i), groups, n_leading=leading) if i in bridged else None
            if bridge is not None:
                before.append(bridge)
                z = bridge(z, batch)
            before.append(Round.between(z, clustered(i), groups))
            z = before[-1](z, batch)
        scatter = Scatter.fit(z, clustered(0).widened(2.0), groups, n_leading=leading)
        z = scatter(z, batch)
        after = []
        for i in range(n_rounds):
            after.append(Round.between(z, clustered(n_rounds + i), groups))
            z = after[-1](z, batch)
        return MatchedShift(translation, tuple(before), scatter, tuple(after))

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
        last = self.after[-1].clusters
        nearest = last.weights(onto).argmax(1)
        leading = last.centres.shape[1]
        moved_onto = translation_onto(z, onto, nearest, n_leading=leading, seed=seed)
        z = z + moved_onto
        new = int(onto_batch.max()) + 1
        own = np.full(len(z), new)
        of = np.concatenate([own, onto_batch])
        groups = Groups(of, np.zeros_like(of), new + 1, 1)

        def laid(rounds: tuple[Round, ...], z: Array) -> tuple[tuple[Round, ...], Array]:
            found = []
            for one in rounds:
                found.append(one.extended(np.concatenate([z, onto]), groups))
                z = found[-1](z, own)
            return tuple(found), z

        before, z = laid(self.before, z)
        scatter = self.scatter.extended(np.concatenate([z, onto]), of)
        after, z = laid(self.after, scatter(z, own))
        spread = Spread.between(last, z, onto)
        translation = np.concatenate([self.translation, moved_onto[None]])
        return MatchedShift(translation, before, scatter, after, (*self.spreads, spread))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        rounds = (*self.before, *self.after)
        return self.scatter.tensors() | {
            "shift.translation": torch.as_tensor(self.translation),
            "shift.centres": torch.as_tensor(np.stack([one.clusters.centres for one in rounds])),
            "shift.widths": torch.as_tensor(np.array([one.clusters.width for one in rounds])),
            "shift.smooth": torch.as_tensor(np.array([one.smooth for one in rounds])),
            "shift.moves": torch.as_tensor(np.stack([one.moves for one in rounds])),
            "shift.is_bridge": torch.as_tensor(np.array([one.is_bridge for one in rounds])),
            "shift.n_before": torch.tensor(len(self.before)),
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
        names = ("centres", "widths", "smooth", "moves", "is_bridge")
        each = zip(*(tensors[f"shift.{name}"].numpy() for name in names), strict=True)
        rounds = [
            Round(SoftClusters(centres, float(width)), float(smooth), moves, bool(is_bridge))
            for centres, width, smooth, moves, is_bridge in each
        ]
        n = int(tensors["shift.n_before"])
        translation = tensors["shift.translation"].numpy()
        parts = (
            tensors[f"shift.{name}"].numpy() for name in ("means", "factors") if f"shift.{name}" in tensors
        )
        spreads = tuple(Spread(means, factor) for means, factor in zip(*parts, strict=True))
        scatter = Scatter.from_tensors(tensors)
        return MatchedShift(translation, tuple(rounds[:n]), scatter, tuple(rounds[n:]), spreads)


def _moves(
    scores: Array,
    clusters: SoftClusters,
    groups: Groups,
    *,
    anchors: NDArray[np.bool_] | None = None,
    most: float = 50.0,
) -> Array:
    """Return how far clusters move in each batch, onto the mean of the batches that share them.

    A move is shortened by the part that sampling alone explains (the positive part of James and Stein's
    factor), so that batches which differ by chance stay where they are. In the mean, a batch counts by its
    cells there, but by `most` of them at most, and only if it is one of the `anchors` ``(batches,)``, where
    there are some. The moves of a cluster are the mean over those of its strata. What a batch does not share
    moves with what it shares nearby.

    References
    ----------
    W. James, C. Stein, Estimation with quadratic loss, Berkeley Symposium 4(1), 1961.
    """
    n_clusters = len(clusters.centres)
    weights = in_strata(clusters.weights(scores), groups.labels)
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
    n_shared = np.where(is_shared, shared.n, 0.0)
    found = over_strata(shortened, n_shared, n_clusters)
    return _filled(found, n_shared.reshape(-1, n_clusters, groups.n_batches).sum(0), clusters.centres)


def _filled(moves: Array, n_shared: Array, centres: Array) -> Array:
    """Give clusters that a batch does not share the mean move of those nearby that it does."""
    squared = squared_distances(centres, centres)
    width = 2 * np.median(np.sort(squared, 1)[:, 1])
    filled: Array = moves.copy()
    for b, n in enumerate(n_shared.T):
        alone = n == 0
        if alone.all() or not alone.any():
            continue
        far = squared[np.ix_(alone, ~alone)]
        near = np.exp(-(far - far.min(1, keepdims=True)) / max(width, 1e-12)) * n[~alone]
        filled[alone, b] = near @ moves[~alone, b] / near.sum(1, keepdims=True)
    return filled
