"""How well a correction did, by more than one number: is the batch still found, do labels carry over.

The discriminator of the training says little: it may be weak. These probes are fitted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names
from sciadv.errors import InputError
from sciadv.types import as_random_state

Embedding = NDArray[np.floating]


@final
@dataclass(frozen=True)
class Transfer:
    """Labels of each batch guessed from the other batches.

    Parameters
    ----------
    accuracy
        Share of the cells, over all batches.
    balanced_accuracy
        Mean over labels of the share of their cells.
    """

    accuracy: float
    balanced_accuracy: float


def probe_accuracy(embedding: Embedding, batch: Names, *, seed: int = 0, least: int = 5) -> float:
    """Return how often a fresh classifier finds the batch of cells it has not seen; chance is 1 / batches.

    A perceptron of two hidden layers of 64 is trained on four fifths, every batch drawn equally often, and
    tested on the last fifth by the mean over batches of the share it finds (balanced accuracy).

    Parameters
    ----------
    embedding
        ``(cells, n)``.
    batch
        ``(cells,)``.
    seed
        Seed of the split and of the perceptron.
    least
        Cells that a batch must have; with fewer than 5, none of it can be held out.

    Raises
    ------
    InputError
        A batch has fewer cells.
    """
    from sklearn.metrics import recall_score
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    known, counts = np.unique(batch, return_counts=True)
    if counts.min() < least:
        raise InputError(
            f"a probe of the batch needs {least} cells in each, but "
            f"{str(known[counts.argmin()])!r} has {counts.min()}"
        )
    rng = np.random.default_rng(seed)
    train, test = train_test_split(
        np.arange(len(batch)), test_size=0.2, random_state=as_random_state(seed), stratify=batch
    )
    names = np.unique(batch)
    largest = max(int((batch[train] == name).sum()) for name in names)
    drawn = np.concatenate([rng.choice(train[batch[train] == name], largest) for name in names])
    rng.shuffle(drawn)
    scaler = StandardScaler().fit(embedding[train])
    probe = MLPClassifier((64, 64), learning_rate_init=2e-3, max_iter=30, tol=0.0, n_iter_no_change=30)
    probe.set_params(random_state=as_random_state(seed), batch_size=min(128, len(drawn)))
    _fit_quietly(probe, scaler.transform(embedding[drawn]), batch[drawn])
    guess = probe.predict(scaler.transform(embedding[test]))
    return float(recall_score(batch[test], guess, average="macro", zero_division=0))


def _fit_quietly(probe: object, x: Embedding, y: Names) -> None:
    """Fit for the epochs set, which is the aim and no failure to converge."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(x, y)  # type: ignore[attr-defined]  # scikit-learn ships no types


def batch_unpredictability(
    embedding: Embedding,
    batch: Names,
    labels: Names,
    *,
    seed: int = 0,
    n_neighbours: int = 15,
    n_folds: int = 5,
    least: int = 10,
) -> float:
    """Return how badly neighbours predict the batch of cells of one label: 0 exactly, 1 as by chance.

    Within each label, the batch of each cell is guessed from its 15 nearest neighbours of that label by
    five-fold cross-validation; with a its balanced accuracy and B the batches, the label has
    ``(1 - a) / (1 - 1/B)``. The mean weighs labels by their cells. Above 1 the guess is below chance: cells
    were moved onto those of other batches, more than chance would.

    Parameters
    ----------
    embedding
        ``(cells, n)``.
    batch, labels
        ``(cells,)``. Cells without a label are left out.
    seed
        Seed of the folds.
    n_neighbours, n_folds
        Of the guess.
    least
        Cells of a batch below which it takes no part in a label.

    Raises
    ------
    InputError
        No label has so many cells in each of two batches.

    Notes
    -----
    Within labels, since batches with other shares of the cell types differ by that alone, and should.
    """
    scores = []
    weights = []
    for label in np.unique(labels[labels != UNKNOWN]):
        of_label = np.flatnonzero(labels == label)
        names, counts = np.unique(batch[of_label], return_counts=True)
        kept = of_label[np.isin(batch[of_label], names[counts >= least])]
        n_batches = int((counts >= least).sum())
        if n_batches < 2:
            continue
        accuracy = _neighbour_accuracy(
            embedding[kept], batch[kept], seed=seed, n_neighbours=n_neighbours, n_folds=n_folds
        )
        scores.append((1 - accuracy) / (1 - 1 / n_batches))
        weights.append(len(kept))
    if not scores:
        raise InputError(
            f"no label has {least} cells in each of two batches, so how well the batch is predicted within "
            f"a label is not defined; give coarser labels"
        )
    return float(np.average(scores, weights=weights))


def _neighbour_accuracy(
    embedding: Embedding, batch: Names, *, seed: int, n_neighbours: int, n_folds: int
) -> float:
    from sklearn.metrics import recall_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    folds = StratifiedKFold(n_folds, shuffle=True, random_state=as_random_state(seed))
    guess = cross_val_predict(KNeighborsClassifier(n_neighbours), embedding, batch, cv=folds)
    return float(recall_score(batch, guess, average="macro"))


def label_transfer(embedding: Embedding, batch: Names, labels: Names, *, n_neighbours: int = 15) -> Transfer:
    """Guess the labels of each batch from the nearest neighbours in the other batches.

    Cells without a label take no part, nor labels that only one batch has.

    Parameters
    ----------
    embedding
        ``(cells, n)``.
    batch, labels
        ``(cells,)``.
    n_neighbours
        Neighbours of the guess, where there are so many.

    Raises
    ------
    InputError
        No label occurs in two batches.
    """
    from sklearn.metrics import recall_score
    from sklearn.neighbors import KNeighborsClassifier

    shared = [
        name for name in np.unique(labels[labels != UNKNOWN]) if len(np.unique(batch[labels == name])) > 1
    ]
    kept = np.flatnonzero(np.isin(labels, shared))
    if len(kept) == 0:
        raise InputError("no label occurs in two batches, so none can be carried over; give coarser labels")
    z = embedding[kept]
    batch = batch[kept]
    labels = labels[kept]
    guess = labels.copy()
    for name in np.unique(batch):
        out = batch == name
        model = KNeighborsClassifier(min(n_neighbours, int((~out).sum()))).fit(z[~out], labels[~out])
        guess[out] = model.predict(z[out])
    return Transfer(
        accuracy=float((guess == labels).mean()),
        balanced_accuracy=float(recall_score(labels, guess, average="macro", zero_division=0)),
    )
