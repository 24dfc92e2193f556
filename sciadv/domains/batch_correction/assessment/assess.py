"""The assessment of a correction: the same measures before and after, as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np
from sklearn.cluster import KMeans

from sciadv.domains.batch_correction.assessment.evidence import kept_within, probe
from sciadv.domains.batch_correction.assessment.probes import (
    Embedding,
    batch_unpredictability,
    label_transfer,
    probe_accuracy,
)
from sciadv.domains.batch_correction.assessment.scib import SCORES, scib_scores
from sciadv.domains.batch_correction.groups import Codes
from sciadv.domains.batch_correction.reading.keys import Names
from sciadv.errors import InputError
from sciadv.types import as_random_state


@final
@dataclass(frozen=True)
class Assessment:
    """Numbers of embeddings of the same cells.

    Parameters
    ----------
    numbers
        By embedding, then by number: "probe" (and "chance"), with labels "unpredictability", "transfer" and
        "transfer_balanced", and the scores of scIB where they were asked for.
    notes
        What could not be measured, and why; what to beware of.
    """

    numbers: dict[str, dict[str, float]]
    notes: tuple[str, ...] = field(default=())

    def rows(self) -> list[list[str]]:
        """Return a row of words and numbers for each measure, a column for each embedding."""
        there = [key for key in _WORDS if any(key in found for found in self.numbers.values())]
        return [[_WORDS[key], *(_shown(found.get(key)) for found in self.numbers.values())] for key in there]


_WORDS = {
    "probe": "batch found by a fresh probe (share of held-out cells)",
    "chance": "the same by chance",
    "unpredictability": "batch unpredictability within labels (1: no better than chance)",
    "in_clusters": "batch unpredictability within clusters (1: by chance)",
    "in_clusters_sd": "the same, standard deviation if batches were drawn by chance",
    "transfer": "labels carried over from the other batches (accuracy)",
    "transfer_balanced": "the same, mean over labels",
    "kept": "neighbours within its batch that a cell keeps",
    **{key: f"scIB: {words}" for key, words in SCORES.items()},
}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def assess(
    embeddings: Mapping[str, Embedding],
    batch: Names,
    labels: Names | None = None,
    *,
    with_scib: bool = True,
    seed: int = 0,
    overcorrected: float = 1.1,
) -> Assessment:
    """Measure embeddings of the same cells; the first is that before correction.

    Parameters
    ----------
    embeddings
        ``(cells, n)`` each, by name.
    batch, labels
        ``(cells,)``; without labels only the probe measures.
    with_scib
        Whether to add the scores of scIB, which take tens of CPU seconds, where they can be given.
    seed
        Seed of the probes.
    overcorrected
        Unpredictability above which a note says that cells may have been moved onto others.
    """
    numbers: dict[str, dict[str, float]] = {name: {} for name in embeddings}
    notes = _add(numbers, {name: partial(_probe, z, batch, seed=seed) for name, z in embeddings.items()})
    numbers_of_batch = np.unique(batch, return_inverse=True)[1].astype(np.int64)
    first = next(iter(embeddings.values()))
    for name, z in embeddings.items():
        numbers[name]["kept"] = kept_within(z, first, numbers_of_batch)
    if labels is None:
        found = partial(
            _in_clusters, numbers_of_batch, _clusters([*embeddings.values()][-1], seed=seed), seed=seed
        )
        notes += _add(numbers, {name: partial(found, z) for name, z in embeddings.items()})
        return Assessment(numbers, (*notes, "without labels, whether biology was kept cannot be measured"))
    for score in (partial(_unpredictability, seed=seed), _transfer):
        notes += _add(numbers, {name: partial(score, z, batch, labels) for name, z in embeddings.items()})
    notes += [
        f"{name}: within labels the batch is predicted worse than by chance; cells may have been moved onto "
        f"others"
        for name, found in numbers.items()
        if found.get("unpredictability", 0.0) > overcorrected
    ]
    if with_scib:
        try:
            scored = scib_scores(embeddings, next(iter(embeddings.values())), batch, labels)
        except InputError as error:
            return Assessment(numbers, (*notes, str(error)))
        numbers = {name: {**found, **scored[name]} for name, found in numbers.items()}
    return Assessment(numbers, tuple(notes))


def _add(
    numbers: dict[str, dict[str, float]], scores: Mapping[str, Callable[[], dict[str, float]]]
) -> list[str]:
    """Add a score of every embedding to `numbers`; return why it cannot be given, where it cannot."""
    try:
        found = {name: score() for name, score in scores.items()}
    except InputError as error:
        return [str(error)]
    for name, values in found.items():
        numbers[name] |= values
    return []


def _probe(
    z: Embedding,
    batch: Names,
    *,
    seed: int,
) -> dict[str, float]:
    return {"probe": probe_accuracy(z, batch, seed=seed), "chance": 1 / len(np.unique(batch))}


def _unpredictability(
    z: Embedding,
    batch: Names,
    labels: Names,
    *,
    seed: int,
) -> dict[str, float]:
    return {"unpredictability": batch_unpredictability(z, batch, labels, seed=seed)}


def _clusters(
    z: Embedding,
    *,
    seed: int,
    n: int = 10,
) -> Codes:
    """Return the cluster of each cell by its coordinates."""
    found = KMeans(min(n, len(z)), n_init=3, random_state=as_random_state(seed)).fit_predict(z)
    clusters: Codes = found.astype(np.int64)
    return clusters


def _in_clusters(
    batch: Codes,
    clusters: Codes,
    z: Embedding,
    *,
    seed: int,
) -> dict[str, float]:
    """Measure how well the batch is hidden within clusters, beside what permuted batches give."""
    probed = probe(z, batch, clusters, seed=seed)
    if probed is None:
        raise InputError("no cluster has cells of two batches, so that within clusters nothing is measured")
    return {"in_clusters": probed.relative, "in_clusters_sd": probed.spread}


def _transfer(
    z: Embedding,
    batch: Names,
    labels: Names,
) -> dict[str, float]:
    found = label_transfer(z, batch, labels)
    return {"transfer": found.accuracy, "transfer_balanced": found.balanced_accuracy}
