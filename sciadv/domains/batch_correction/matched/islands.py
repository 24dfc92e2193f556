"""Groups of cells that a batch shifts so far that no cluster holds them and their counterparts.

Clusters of a batch with no gap between them are an island: a cell type, or types that run into each other.
Islands of different batches that share no cluster are taken for the same cells if they differ alike from what
their batches share.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import Array, Shared

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Island:
    """Clusters of one batch that no gap separates.

    Parameters
    ----------
    batch
        Number of the batch.
    clusters
        Numbers of the clusters.
    n
        Cells.
    centre
        ``(components,)``: their mean.
    met
        ``(batches,)``: share of its cells in clusters in which each batch takes part.
    strata
        Labels that its cells have.
    """

    batch: int
    clusters: frozenset[int]
    n: int
    centre: Array
    met: Array
    strata: frozenset[int]


def bridges(
    scores: Array, nearest: Codes, shared: Shared, groups: Groups, *, n_leading: int, alike: float = 0.65
) -> Array | None:
    """Return how far clusters move in each batch ``(clusters, batches, components)``; None if none does.

    Islands are joined to groups by the clusters that they share. Two groups of different batches are
    counterparts if each is the other's best, if they are comparable shares of the cells, and if the cosine
    between their contrasts with the islands that both batches have (`_contrast`) is above `alike`. Types of
    two batches that share one other type have a cosine of 0.5, as the sides of a triangle of random points
    do. Counterparts move onto their mean.

    Parameters
    ----------
    scores
        ``(cells, components)``.
    nearest
        ``(cells,)``: each cell's cluster.
    shared
        Which batches take part in which cluster.
    groups
        Batches and labels.
    n_leading
        Components in which gaps are looked for.
    alike
        Least cosine of counterparts.
    """
    islands = _islands(scores, nearest, shared, groups, n_leading=n_leading)
    group = _grouped(islands)
    cosines = _cosines(islands, group, np.bincount(groups.batch, minlength=groups.n_batches))
    best = {g: max(value for pair, value in cosines.items() if g in pair) for pair in cosines for g in pair}
    found = [pair for pair, value in cosines.items() if value > alike and value >= max(best[g] for g in pair)]
    if not found:
        return None
    centres = np.stack([one.centre for one in islands])
    moved = centres.copy()
    cells = np.array([one.n for one in islands])
    for pair in found:
        members = [np.flatnonzero(group == g) for g in pair]
        both = np.concatenate(members)
        target = cells[both] @ moved[both] / cells[both].sum()
        for own in members:
            moved[own] += target - cells[own] @ moved[own] / cells[own].sum()
    moves = np.zeros((len(shared.n), groups.n_batches, scores.shape[1]))
    for one, move in zip(islands, moved - centres, strict=True):
        moves[sorted(one.clusters), one.batch] = move
    return moves


def _islands(
    scores: Array, nearest: Codes, shared: Shared, groups: Groups, *, n_leading: int, least: int = 10
) -> list[Island]:
    """Return the islands of all batches that have `least` cells or more."""
    found = []
    for b in range(groups.n_batches):
        cells = scores[groups.batch == b]
        own = nearest[groups.batch == b]
        labels = groups.labels[groups.batch == b]
        for clusters in _without_gaps(cells[:, :n_leading], own):
            within = np.isin(own, clusters)
            if within.sum() < least:
                continue
            n = np.array([(own == k).sum() for k in clusters])
            found.append(
                Island(
                    b,
                    frozenset(clusters),
                    int(within.sum()),
                    cells[within].mean(0),
                    n @ shared.present[clusters] / n.sum(),
                    frozenset(labels[within].tolist()),
                )
            )
    return found


def _without_gaps(cells: Array, own: Codes, *, gap: float = 2.0, least: int = 5) -> list[list[int]]:
    """Return groups of clusters of the cells of one batch; those with fewer than `least` are left out."""
    clusters = [int(k) for k in np.unique(own) if (own == k).sum() >= least]
    group = {k: k for k in clusters}
    for i, j in combinations(clusters, 2):
        if group[i] != group[j] and _separation(cells[own == i], cells[own == j]) < gap:
            old = group[j]
            group = {k: group[i] if of == old else of for k, of in group.items()}
    return [[k for k in clusters if group[k] == one] for one in sorted(set(group.values()))]


def _separation(one: Array, other: Array) -> float:
    """Return the distance of two clusters' means in units of their spreads along it, added.

    The halves of one Gaussian have 1.3.
    """
    difference = other.mean(0) - one.mean(0)
    length = float(np.linalg.norm(difference))
    if length == 0.0:
        return 0.0
    spread = (one @ difference).std() + (other @ difference).std()
    return float(length**2 / max(spread, 1e-12))


def _grouped(islands: list[Island]) -> Codes:
    """Return the group of each island: those of different batches that share clusters are of one."""
    group = np.arange(len(islands))
    for i, j in combinations(range(len(islands)), 2):
        one = islands[i]
        other = islands[j]
        is_met = one.met[other.batch] > 0.5 and other.met[one.batch] > 0.5
        if one.batch != other.batch and is_met and one.clusters & other.clusters:
            group[group == group[j]] = group[i]
    return group


def _cosines(
    islands: list[Island], group: Codes, n_cells: Codes, *, comparable: float = 0.2
) -> dict[tuple[int, int], float]:
    """Return the mean cosine of contrasts of each pair of groups that may be counterparts."""
    found = {}
    for p, q in combinations(np.unique(group).tolist(), 2):
        sides = [[one for one, g in zip(islands, group, strict=True) if g == of] for of in (p, q)]
        batches = [{one.batch for one in side} for side in sides]
        strata = [frozenset[int]().union(*(one.strata for one in side)) for side in sides]
        shares = [
            sum(one.n for one in side) / n_cells[sorted(own)].sum()
            for side, own in zip(sides, batches, strict=True)
        ]
        if batches[0] & batches[1] or not strata[0] & strata[1] or min(shares) < comparable * max(shares):
            continue
        pairs = [
            (_contrast(one, other.batch, islands, group), _contrast(other, one.batch, islands, group))
            for one in sides[0]
            for other in sides[1]
        ]
        cosines = [float(a @ b) for a, b in pairs if a is not None and b is not None]
        if cosines:
            found[p, q] = float(np.mean(cosines))
    return found


def _contrast(island: Island, batch: int, islands: list[Island], group: Codes) -> Array | None:
    """Return the direction from what its batch shares with another to an island, or from all else in it."""
    there = {int(g) for one, g in zip(islands, group, strict=True) if one.batch == batch}
    beside = [(one, int(g)) for one, g in zip(islands, group, strict=True) if one.batch == island.batch]
    beside = [(one, g) for one, g in beside if one is not island]
    others = [one for one, g in beside if g in there] or [one for one, _ in beside]
    if not others:
        return None
    n = np.array([one.n for one in others])
    difference: Array = island.centre - n @ np.stack([one.centre for one in others]) / n.sum()
    return difference / max(float(np.linalg.norm(difference)), 1e-12)
