"""The shift of cells in principal components: a translation of each batch, then one of each cluster in it.

Then the scatter of batches about their clusters is made the same, and clusters are moved once more.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.cluster_moments import Moments
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
from sciadv.domains.batch_correction.matched.translation import (
    BatchClusters,
    batch_clusters,
    translation_onto,
    translations,
)


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
    moments
        Of the fitted batches before the round, by which further ones are moved.
    is_bridge
        Whether islands move onto their counterparts, rather than clusters onto the mean of batches.
    """

    clusters: SoftClusters
    smooth: float
    moves: Array
    moments: Moments
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
        weights = in_strata(clusters.weights(scores), groups.labels)
        moments = Moments.of(scores, weights, groups.batch, groups.n_batches)
        moves = _moves(moments, clusters, n_anchors=groups.n_batches)
        return Round(clusters, smooth, moves, moments.over_strata(len(clusters.centres)))

    @staticmethod
    def bridge(scores: Array, clusters: SoftClusters, groups: Groups, *, n_leading: int) -> Round | None:
        """Find the moves of islands onto their counterparts; None if there are none."""
        weights = clusters.weights(scores)
        shared = Shared.of(weights, groups.batch, groups.n_batches)
        moves = bridges(scores, weights.argmax(1), shared, groups, n_leading=n_leading)
        moments = Moments.of(scores, weights, groups.batch, groups.n_batches)
        return None if moves is None else Round(clusters, 1.0, moves, moments, is_bridge=True)

    def extended(self, scores: Array) -> Round:
        """Return it with one batch more, that of these cells, moved onto the mean of the fitted ones."""
        if self.is_bridge:
            moves = np.zeros_like(self.moves[:, :1])
        else:
            own = np.zeros(len(scores), np.int64)
            moments = self.moments.joined(Moments.of(scores, self.clusters.weights(scores), own, 1))
            moves = _moves(moments, self.clusters, n_anchors=self.moments.n.shape[1])[:, -1:]
        return replace(self, moves=np.concatenate([self.moves, moves], 1))


@final
@dataclass(frozen=True, eq=False)
class MatchedShift:
    """Translations, rounds of moves, the scatter made alike, rounds again.

    Parameters
    ----------
    translation
        ``(batches, components)``.
    before, after
        Rounds, one after the other, before and after the scatter is made alike.
    scatter
        Of batches about their clusters.
    unmoved
        Clusters of each fitted batch before the translation.
    """

    translation: Array
    before: tuple[Round, ...]
    scatter: Scatter
    after: tuple[Round, ...]
    unmoved: tuple[BatchClusters, ...]

    def __call__(self, scores: NDArray[np.floating], batch: NDArray[np.int64]) -> Array:
        """Return cells ``(cells, components)`` of batches, by their numbers, where their matches lie."""
        moved: Array = np.asarray(scores, np.float64) + self.translation[batch]
        steps: tuple[Round | Scatter, ...] = (*self.before, self.scatter, *self.after)
        for one in steps:
            moved = one(moved, batch)
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
        unmoved = batch_clusters(z, groups, n_leading=leading, seed=seed)
        n_cells = np.bincount(batch, minlength=n_batches)
        translation = translations(unmoved, n_cells, n_leading=leading)
        balance = (len(z) / n_batches / n_cells.clip(min=1))[batch]
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
        return MatchedShift(translation, tuple(before), scatter, tuple(after), tuple(unmoved))

    def extended(self, scores: NDArray[np.floating], *, seed: int) -> tuple[MatchedShift, Array]:
        """Return the shift with one batch more, and its moved cells: `fit`, in which fitted batches stay.

        Parameters
        ----------
        scores
            Cells of the further batch ``(cells, components)``, not moved.
        seed
            Seed of the clusters.
        """
        z = np.asarray(scores, np.float64)
        own = np.zeros(len(z), np.int64)
        leading = self.after[-1].clusters.centres.shape[1]
        alone = Groups(own, own, 1, 1)
        (new,) = batch_clusters(z, alone, n_leading=leading, seed=seed, n_starts=1)
        fitted = self.translation[: len(self.unmoved)]
        moved_onto = translation_onto(self.unmoved, fitted, new, n_leading=leading)
        of_new = own + len(self.translation)
        z = z + moved_onto
        before = []
        for one in self.before:
            before.append(one.extended(z))
            z = before[-1](z, of_new)
        scatter = self.scatter.extended(z)
        z = scatter(z, of_new)
        after = []
        for one in self.after:
            after.append(one.extended(z))
            z = after[-1](z, of_new)
        translation = np.concatenate([self.translation, moved_onto[None]])
        return MatchedShift(translation, tuple(before), scatter, tuple(after), self.unmoved), z

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
            **{
                f"shift.moments.{name}": torch.as_tensor(
                    np.stack([getattr(one.moments, name) for one in rounds])
                )
                for name in _names(Moments)
            },
            **{
                f"shift.unmoved.{name}": torch.as_tensor(
                    np.concatenate([getattr(one, name) for one in self.unmoved])
                )
                for name in _names(BatchClusters)
            },
            "shift.unmoved.n": torch.tensor([len(one.share) for one in self.unmoved]),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> MatchedShift:
        """Build it from what `tensors` returned, among others."""
        found = {
            name.removeprefix("shift."): one.numpy() for name, one in tensors.items() if name[:6] == "shift."
        }
        of_rounds = zip(*(found[f"moments.{name}"] for name in _names(Moments)), strict=True)
        names = ("centres", "widths", "smooth", "moves", "is_bridge")
        each = zip(*(found[name] for name in names), of_rounds, strict=True)
        rounds = [
            Round(SoftClusters(centres, float(width)), float(smooth), moves, Moments(*of), bool(is_bridge))
            for centres, width, smooth, moves, is_bridge, of in each
        ]
        ends = np.cumsum(found["unmoved.n"])[:-1]
        of_batches = (np.split(found[f"unmoved.{name}"], ends) for name in _names(BatchClusters))
        return MatchedShift(
            found["translation"],
            tuple(rounds[: int(found["n_before"])]),
            Scatter.from_tensors(tensors),
            tuple(rounds[int(found["n_before"]) :]),
            tuple(BatchClusters(*one) for one in zip(*of_batches, strict=True)),
        )


def _names(kind: type[Moments | BatchClusters]) -> list[str]:
    return [field.name for field in fields(kind)]


def _moves(moments: Moments, clusters: SoftClusters, *, n_anchors: int, most: float = 50.0) -> Array:
    """Return how far clusters move in each batch, onto the mean of the batches that share them.

    A move is shortened by the part that sampling alone explains (the positive part of James and Stein's
    factor), so that batches which differ by chance stay where they are. In the mean, a batch counts by its
    cells there, but by `most` of them at most, and only if it is one of the first `n_anchors`.
    The moves of a cluster are the mean over those of its strata. What a batch does not share moves with what
    it shares nearby.

    References
    ----------
    W. James, C. Stein, Estimation with quadratic loss, Berkeley Symposium 4(1), 1961.
    """
    n_clusters = len(clusters.centres)
    n_batches = moments.n.shape[1]
    shared = Shared.among(moments.n, moments.squared_weights)
    mean = moments.mean
    there = np.where(shared.present, shared.n, 0.0)
    variance = (there[..., None] * (moments.square - mean**2)).sum(1).sum(1) / there.sum(1).clip(min=1e-12)
    aims = shared.present & (np.arange(n_batches) < n_anchors)
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
    return _filled(found, n_shared.reshape(-1, n_clusters, n_batches).sum(0), clusters.centres)


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
