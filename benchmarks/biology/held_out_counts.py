"""Whether intervals hold for counts that were held out: each count is split in two, one half is seen.

A binomial half of a Poisson count is a Poisson count of half the rate, independent of the other half, so that
the second half is a second measurement of the same cell. Counts are discrete: a count is in an interval by
its randomised probability integral transform, uniform where the prediction is right (C. Czado, T. Gneiting,
L. Held, Predictive model assessment for count data, Biometrics 65, 2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.contract import Row
from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.domains.batch_correction.uncertainty.rates import solve_rates

Array = NDArray[np.float64]
Names = NDArray[np.str_]
#: Expected counts from which on a gene of a cell counts as well seen.
WELL_SEEN = (1.0, 5.0)


@dataclass(frozen=True, eq=False)
class Halves:
    """Counts split in two.

    Parameters
    ----------
    seen, held
        ``(cells, genes)``.
    batch
        ``(cells,)``.
    some
        Places of the cells whose held half is predicted.
    """

    seen: NDArray[np.float32]
    held: NDArray[np.float32]
    batch: Names
    some: NDArray[np.int64]

    @staticmethod
    def of(counts: NDArray[np.float32], batch: Names, *, seed: int, n_predicted: int) -> Halves:
        """Split counts; cells without any in either half are left out."""
        rng = np.random.default_rng(seed)
        seen = rng.binomial(counts.astype(np.int64), 0.5).astype(np.float32)
        held = counts - seen
        kept = np.flatnonzero((seen.sum(1) > 0) & (held.sum(1) > 0))
        some = np.sort(rng.choice(len(kept), min(n_predicted, len(kept)), replace=False))
        return Halves(seen[kept], held[kept], batch[kept], some)

    @property
    def exposure(self) -> Array:
        """Depth of the held halves over that of the seen ones ``(some cells,)``."""
        found = self.held[self.some].sum(1) / self.seen[self.some].sum(1)
        return np.asarray(found, np.float64)

    @property
    def of_gene(self) -> Array:
        """Held counts ``(some cells, genes)`` that the mean shares of the genes lead to expect."""
        share = self.seen.sum(0) / self.seen.sum()
        expected: Array = self.held[self.some].sum(1)[:, None] * share
        return expected


#: Returns the probabilities of less than each held count, and of at most it, ``(some cells, genes)`` each.
Predict = Callable[[Halves, int], tuple[Array, Array]]


def by_gene(halves: Halves, seed: int) -> tuple[Array, Array]:  # noqa: ARG001
    """Predict Poisson counts of the mean share of the gene."""
    return _poisson(halves, halves.of_gene)


def by_own_count(halves: Halves, seed: int) -> tuple[Array, Array]:  # noqa: ARG001
    """Predict Poisson counts of the rate at which the cell's own seen half came."""
    return _poisson(halves, halves.seen[halves.some] * halves.exposure[:, None])


def _poisson(halves: Halves, rate: Array) -> tuple[Array, Array]:
    from scipy.stats import poisson

    held = halves.held[halves.some]
    return poisson.cdf(held - 1, rate), poisson.cdf(held, rate)


def by_rates(halves: Halves, seed: int, *, hidden: NDArray[np.bool_] | None = None) -> tuple[Array, Array]:
    """Predict by the rates that `BatchCorrector.intervals` is made of.

    Parameters
    ----------
    halves
        The counts.
    seed
        Seed of the correction.
    hidden
        ``(genes,)``: those that the predicted cells are taken not to have been measured for.
    """
    given = Given(halves.batch)
    corrector = BatchCorrector(method="residual", seed=seed).fit(halves.seen, batch=halves.batch)
    learnt = corrector.learnt().with_counts(halves.seen, given)
    assert learnt.counts is not None  # it was learnt
    seen = halves.seen[halves.some].copy()
    if hidden is not None:
        seen[:, hidden] = -1
    batch = np.searchsorted(learnt.batches, halves.batch[halves.some])
    below = np.empty(seen.shape)
    upto = np.empty(seen.shape)
    for rows, rates in solve_rates(learnt.counts, seen, batch, seed=seed):
        held = halves.held[halves.some][rows]
        below[rows] = rates.counts_below(held - 1, halves.exposure[rows])
        upto[rows] = rates.counts_below(held, halves.exposure[rows])
    return below, upto


def coverage(
    predict: Predict,
    counts: NDArray[np.float32],
    batch: Names,
    *,
    seed: int,
    n_predicted: int,
    is_hidden: bool = False,
) -> Row:
    """Measure how often 90 % intervals have the held count, for all genes and those that are well seen.

    Parameters
    ----------
    predict
        The method.
    counts, batch
        ``(cells, genes)`` and ``(cells,)``.
    seed
        Seed of the halves and of the method.
    n_predicted
        Cells that are predicted, drawn at random.
    is_hidden
        Whether a third of the genes is taken not to have been measured, and those alone are looked at.
    """
    rng = np.random.default_rng(seed)
    halves = Halves.of(counts, batch, seed=seed, n_predicted=n_predicted)
    hidden = np.asarray(rng.random(counts.shape[1]) < 1 / 3)
    below, upto = by_rates(halves, seed, hidden=hidden) if is_hidden else predict(halves, seed)
    expected = halves.of_gene
    if is_hidden:
        below = below[:, hidden]
        upto = upto[:, hidden]
        expected = expected[:, hidden]
    u = below + rng.random(below.shape) * (upto - below)
    is_in = (u >= 0.05) & (u <= 0.95)
    score = np.log((upto - below).clip(min=1e-12))
    row: Row = {"covered": float(is_in.mean()), "score": float(score.sum(1).mean())}
    for least in WELL_SEEN:
        row[f"covered_{least:g}"] = float(is_in[expected >= least].mean())
    return row
