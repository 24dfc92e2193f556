"""Evidence for and against a correction that needs no labels: is there a batch, is it gone, what was kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.assessment.probes import batch_unpredictability
from sciadv.errors import InputError

Array = NDArray[np.floating]


def nearest(z: Array, n: int) -> NDArray[np.int64]:
    """Return the nearest other cells of each ``(cells, n)``."""
    from sklearn.neighbors import NearestNeighbors

    found: NDArray[np.int64] = NearestNeighbors(n_neighbors=n + 1).fit(z).kneighbors(z, return_distance=False)
    return found[:, 1:]


def batch_p_value(
    scores: Array, batch: NDArray[np.int64], *, seed: int, n: int = 15, n_permutations: int = 199
) -> float:
    """Return how likely neighbours are as often of one batch if batches were drawn at random.

    Parameters
    ----------
    scores
        Uncorrected components ``(cells, n)``.
    batch
        ``(cells,)``, numbers.
    seed
        Seed of the permutations.
    n
        Neighbours of a cell.
    n_permutations
        How many.

    References
    ----------
    M. F. Schilling, Multivariate two-sample tests based on nearest neighbors, J. American Statistical
    Association 81(395), 1986.
    """
    rng = np.random.default_rng(seed)
    near = nearest(scores, min(n, len(scores) - 1))

    def same(labels: NDArray[np.int64]) -> float:
        return float((labels[near] == labels[:, None]).mean())

    found = same(batch)
    n_as_high = sum(same(rng.permutation(batch)) >= found for _ in range(n_permutations))
    return (1 + n_as_high) / (1 + n_permutations)


def kept_within(
    z: Array,
    before: Array,
    batch: NDArray[np.int64],
    *,
    n: int = 30,
) -> float:
    """Return the share of a cell's neighbours in its own batch that it keeps, the mean over cells."""
    kept = []
    for one in np.unique(batch):
        of = batch == one
        k = min(n, int(of.sum()) - 1)
        if k < 1:
            continue
        pairs = zip(nearest(before[of], k), nearest(z[of], k), strict=True)
        kept += [len(np.intersect1d(a, b)) / k for a, b in pairs]
    return float(np.mean(kept)) if kept else 1.0


@final
@dataclass(frozen=True)
class Probed:
    """How badly the batch is predicted within clusters, and the same with permuted batches.

    Parameters
    ----------
    unpredictability
        0 at once, 1 by chance; see `batch_unpredictability`.
    chance, spread
        Mean and standard deviation of it if batches are permuted within clusters.
    """

    unpredictability: float
    chance: float
    spread: float

    @property
    def relative(self) -> float:
        """The unpredictability in units of what chance gives."""
        return self.unpredictability / self.chance

    def is_invariant(self, *, least: float = 0.85) -> bool:
        """Whether the batch is hidden, and cells are not moved onto others."""
        return least <= self.relative <= 1.1 + 2 * self.spread


def probe(
    z: Array, batch: NDArray[np.int64], clusters: NDArray[np.int64], *, seed: int, n_permutations: int = 5
) -> Probed | None:
    """Probe the batch within clusters, against its own permutation null; None where no cluster is shared.

    Parameters
    ----------
    z
        Held-out cells ``(cells, n)``.
    batch, clusters
        ``(cells,)``, numbers.
    seed
        Seed of the folds and permutations.
    n_permutations
        How many.
    """
    rng = np.random.default_rng(seed)
    names = clusters.astype(np.str_)
    permuted = []
    try:
        found = batch_unpredictability(z, batch.astype(np.str_), names, seed=seed)
        for _ in range(n_permutations):
            mixed = batch.copy()
            for one in np.unique(clusters):
                of = clusters == one
                mixed[of] = rng.permutation(mixed[of])
            permuted.append(batch_unpredictability(z, mixed.astype(np.str_), names, seed=seed))
    except InputError:
        return None
    return Probed(found, float(np.mean(permuted)), float(np.std(permuted)))
