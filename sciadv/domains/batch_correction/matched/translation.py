"""One translation of each batch onto the others, found from what they share and from nothing else.

Clusters of two batches that hold the same cells differ by the batch's translation, others by that and by what
sets the cells apart. So the translation that lays most cells of one batch onto cells of the other is taken,
and of those that do as well the shortest; batches that share nothing are joined by way of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import Array, squared_distances
from sciadv.types import as_random_state


@dataclass(frozen=True, eq=False)
class BatchClusters:
    """Centres ``(clusters, components)`` of one batch, shares of cells, mean squared radii, and strata."""

    centres: Array
    share: Array
    radius: Array
    stratum: NDArray[np.int64]


def batch_clusters(
    scores: Array,
    groups: Groups,
    *,
    n_leading: int,
    seed: int,
    most_clusters: int = 10,
    cells_a_cluster: int = 25,
    n_starts: int = 4,
) -> list[BatchClusters]:
    """Cluster each batch by itself.

    Parameters
    ----------
    scores
        ``(cells, components)``.
    groups
        Batches, and labels, within which alone cells are laid onto each other.
    n_leading
        Components by which clusters are compared.
    seed
        Seed of the clusters.
    most_clusters, cells_a_cluster
        Clusters of a batch: at most so many, and with so many cells each.
    n_starts
        Starts of k-means, of which the best is taken.
    """
    own = []
    for b in range(groups.n_batches):
        of_batch = groups.batch == b
        of = groups.labels[of_batch]
        n = int(np.clip(len(of) // cells_a_cluster, 2, most_clusters))
        how = {"n_leading": n_leading, "seed": seed, "n_starts": n_starts}
        own.append(_clusters(scores[of_batch], of, n, **how))
    return own


def translations(own: list[BatchClusters], n_cells: NDArray[np.int64], *, n_leading: int) -> Array:
    """Return what to add to each batch ``(batches, components)``; the mean over cells is zero.

    Parameters
    ----------
    own
        Clusters of the batches.
    n_cells
        ``(batches,)``: cells of each.
    n_leading
        Components by which clusters are compared.
    """
    sizes = _sizes(own, n_leading)
    found = {
        (i, j): _between(own[i], own[j], n_leading=n_leading, **sizes)
        for i, j in combinations(range(len(own)), 2)
    }
    offsets = _joined(found, len(own), own[0].centres.shape[1])
    centred: Array = offsets - (n_cells @ offsets) / n_cells.sum()
    return centred


def translation_onto(
    known: Sequence[BatchClusters], offsets: Array, new: BatchClusters, *, n_leading: int
) -> Array:
    """Return what to add to a further batch ``(components,)``: it joins the known one that it fits best.

    Parameters
    ----------
    known
        Clusters of the known batches; labels of the further one are not known, so theirs are not read.
    offsets
        What is added to these ``(batches, components)``.
    new
        Clusters of the further batch, without labels.
    n_leading
        Components by which clusters are compared.
    """
    sizes = _sizes([*known, new], n_leading)
    plain = [replace(one, stratum=np.zeros_like(one.stratum)) for one in known]
    found = [_between(new, one, n_leading=n_leading, **sizes) for one in plain]
    best = max(range(len(found)), key=lambda b: found[b][0])
    onto: Array = offsets[best] + found[best][1]
    return onto


def _clusters(
    cells: Array, strata: NDArray[np.int64], n: int, *, n_leading: int, seed: int, n_starts: int
) -> BatchClusters:
    """Cluster the cells of a batch, those of each stratum by themselves."""
    from sklearn.cluster import KMeans

    members = []
    stratum = []
    for one in np.unique(strata):
        own = cells[strata == one]
        k = max(1, min(len(own), round(n * len(own) / len(cells))))
        means = KMeans(k, n_init=n_starts, random_state=as_random_state(seed))
        labels = means.fit_predict(np.ascontiguousarray(own[:, :n_leading]))
        found = [own[labels == j] for j in range(k) if (labels == j).any()]
        members += found
        stratum += [one] * len(found)
    return _described(members, np.array(stratum), n_leading)


def _described(members: list[Array], stratum: NDArray[np.int64], n_leading: int) -> BatchClusters:
    """Return centres, shares and radii of clusters, each given by its cells."""
    n = np.array([len(m) for m in members])
    return BatchClusters(
        np.stack([m.mean(0) for m in members]),
        n / n.sum(),
        np.array([m[:, :n_leading].var(0).sum() for m in members]),
        stratum,
    )


def _sizes(own: list[BatchClusters], n_leading: int) -> dict[str, float]:
    """Return the mean squared radius of clusters, and their mean squared distance from their batch's mean."""
    return {
        "radius": float(np.concatenate([c.radius for c in own]).mean()),
        "spread": float(np.mean([c.share @ _from_mean(c, n_leading) for c in own])),
    }


def _from_mean(clusters: BatchClusters, n_leading: int) -> Array:
    leading = clusters.centres[:, :n_leading]
    squared: Array = ((leading - clusters.share @ leading) ** 2).sum(1)
    return squared


def _between(
    one: BatchClusters,
    other: BatchClusters,
    *,
    n_leading: int,
    radius: float,
    spread: float,
    narrow: float = 0.25,
    shortness: float = 0.5,
) -> tuple[float, Array]:
    """Return the score of the best translation of one batch onto another, and the translation.

    Each pair of clusters proposes one, which is then the mean over the pairs that it lays onto each other,
    a few times over. Its score is the share of the cells that have found a counterpart, less `shortness`
    times its squared length in units of the spread of clusters.
    """
    pairs = other.centres[None] - one.centres[:, None]
    is_pair = one.stratum[:, None] == other.stratum[None]
    if not is_pair.any():
        return -np.inf, np.zeros(pairs.shape[2])
    proposed = pairs[is_pair]
    shares = np.minimum(one.share[:, None], other.share[None]) * is_pair
    leading = pairs[..., :n_leading].reshape(-1, n_leading)
    width = 2 * narrow * max(radius, 1e-12)
    for _ in range(4):
        squared = squared_distances(proposed[:, :n_leading], leading).reshape(-1, *shares.shape)
        weight = np.exp(-squared / width) * shares
        found = np.minimum(
            np.minimum(weight.sum(2), one.share).sum(1), np.minimum(weight.sum(1), other.share).sum(1)
        )
        total = weight.sum((1, 2))[:, None].clip(min=1e-12)
        proposed = np.tensordot(weight, pairs, 2) / total
    score = found - shortness * (proposed[:, :n_leading] ** 2).sum(1) / max(spread, 1e-12)
    best = int(score.argmax())
    return float(score[best]), proposed[best]


def _joined(found: dict[tuple[int, int], tuple[float, Array]], n_batches: int, n_components: int) -> Array:
    """Join batches by the translations of best score, as many as it takes, and return those of each batch."""
    offsets = np.zeros((n_batches, n_components))
    group = list(range(n_batches))
    for i, j in sorted(found, key=lambda pair: -found[pair][0]):
        if group[i] == group[j]:
            continue
        change = offsets[j] + found[i, j][1] - offsets[i]
        old = group[i]
        for b in range(n_batches):
            if group[b] == old:
                offsets[b] += change
                group[b] = group[j]
    return offsets
