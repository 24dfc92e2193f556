"""What a correction has kept and what it has hidden, against the truth of a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Names = NDArray[np.str_]


def neighbours(z: Array, n: int) -> NDArray[np.int64]:
    """Return the n nearest other cells of each ``(cells, n)``."""
    from sklearn.neighbors import NearestNeighbors

    found: NDArray[np.int64] = NearestNeighbors(n_neighbors=n + 1).fit(z).kneighbors(z, return_distance=False)
    return found[:, 1:]


def least_purity(z: Array, kind: Names, *, n: int = 15) -> float:
    """Return the share of neighbours of a cell's own type, of the type that has the least."""
    own = (kind[neighbours(z, n)] == kind[:, None]).mean(1)
    return float(min(own[kind == one].mean() for one in np.unique(kind)))


def overlap(one: Array, other: Array, *, n: int = 30) -> float:
    """Return the share of a cell's n neighbours that two embeddings have in common."""
    pairs = zip(neighbours(one, n), neighbours(other, n), strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) / n for a, b in pairs]))


def overlap_within(one: Array, other: Array, batch: Names, *, n: int = 30) -> float:
    """Return `overlap` among the cells of one batch, the mean over batches."""
    of = [batch == name for name in np.unique(batch)]
    return float(np.mean([overlap(one[b], other[b], n=min(n, int(b.sum()) - 2)) for b in of]))


def largest_transfer(z: Array, batch: Names, labels: Names, *, n: int = 15) -> float:
    """Return the accuracy of labels carried over from the largest batch to all others."""
    from sklearn.neighbors import KNeighborsClassifier

    names, counts = np.unique(batch, return_counts=True)
    told = batch == names[counts.argmax()]
    guess = KNeighborsClassifier(n).fit(z[told], labels[told]).predict(z[~told])
    return float((guess == labels[~told]).mean())


def fold_changes(x: Array, kind: Names, one: str, other: str) -> Array:
    """Return differences of mean log expression between two types ``(genes,)``."""
    change: Array = x[kind == one].mean(0) - x[kind == other].mean(0)
    return change


def slope(found: Array, truth: Array) -> float:
    """Return the slope of what was found over the truth, through the origin, by least squares."""
    return float((found * truth).sum() / (truth**2).sum())


def false_calls(x: Array, kind: Names, one: str, other: str, is_flat: NDArray[np.bool_]) -> float:
    """Return the share of flat genes called different between two types.

    By Welch's test over all genes, at a false discovery rate of 0.05 (Benjamini and Hochberg 1995).
    """
    from scipy.stats import false_discovery_control, ttest_ind

    with np.errstate(invalid="ignore", divide="ignore"):
        p = ttest_ind(x[kind == one], x[kind == other], equal_var=False).pvalue
    called = false_discovery_control(np.nan_to_num(p, nan=1.0)) < 0.05
    return float(called[is_flat].mean())


def carried_over(z: Array, batch: Names, labels: Names, *, n: int) -> Names:
    """Return the label of each cell that most of its n nearest neighbours in other batches have."""
    from sklearn.neighbors import KNeighborsClassifier

    guess: Names = labels.copy()
    for one in np.unique(batch):
        own = batch == one
        guess[own] = KNeighborsClassifier(n).fit(z[~own], labels[~own]).predict(z[own])
    return guess


def drug_effect(z: Array, batch: Names, labels: Names, *, n: int = 25) -> float:
    """Return how often a condition is found from the other batches, the mean over conditions."""
    guess = carried_over(z, batch, labels, n=n)
    return float(np.mean([(guess == labels)[labels == one].mean() for one in np.unique(labels)]))


def shared_labels_found(z: Array, batch: Names, labels: Names, *, n: int = 5) -> float:
    """Return how often the label is found from the other batches, of the samples whose label others have."""
    is_shared = np.isin(labels, [one for one in np.unique(labels) if len(set(batch[labels == one])) > 1])
    return float((carried_over(z, batch, labels, n=n) == labels)[is_shared].mean())
