"""How well a correction did, without trusting one number: can the batch still be found, do labels carry over.

The discriminator of the training says little: it may be weak. These judges are fitted anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.cells import UNKNOWN, Names
from sciadv.errors import InputError

Embedding = NDArray[np.floating]
_NEIGHBOURS, _FOLDS = 15, 5
#: Cells of a batch below which a label is left out of the unpredictability.
_LEAST = 10


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


def probe_accuracy(embedding: Embedding, batch: Names, *, seed: int = 0) -> float:
    """Return how often a fresh classifier finds the batch of cells it has not seen; chance is 1 / batches.

    A perceptron of two hidden layers of 64 is trained on four fifths, every batch drawn equally often, and
    judged on the last fifth by the mean over batches of the share it finds (balanced accuracy).

    Raises
    ------
    InputError
        A batch has fewer than 5 cells, so that none of it can be held out.
    """
    from sklearn.metrics import recall_score
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    known, counts = np.unique(batch, return_counts=True)
    if counts.min() < _FOLDS:
        raise InputError(
            f"whether a probe finds the batch can be told from {_FOLDS} cells in each on, but "
            f"{str(known[counts.argmin()])!r} has {counts.min()}"
        )
    rng = np.random.default_rng(seed)
    train, test = train_test_split(np.arange(len(batch)), test_size=0.2, random_state=seed, stratify=batch)
    names = np.unique(batch)
    largest = max(int((batch[train] == name).sum()) for name in names)
    drawn = np.concatenate([rng.choice(train[batch[train] == name], largest) for name in names])
    rng.shuffle(drawn)
    scaler = StandardScaler().fit(embedding[train])
    probe = MLPClassifier((64, 64), learning_rate_init=2e-3, max_iter=30, tol=0.0, n_iter_no_change=30)
    probe.set_params(random_state=seed, batch_size=min(128, len(drawn)))
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


def batch_unpredictability(embedding: Embedding, batch: Names, labels: Names, *, seed: int = 0) -> float:
    """Return how badly neighbours tell the batch of cells of one label: 0 at once, 1 no better than chance.

    Within each label, the batch of each cell is guessed from its 15 nearest neighbours of that label by
    five-fold cross-validation; with a its balanced accuracy and B the batches, the label has
    ``(1 - a) / (1 - 1/B)``. The mean weighs labels by their cells. Above 1 the guess is below chance: cells
    were moved onto those of other batches, more than chance would.

    Raises
    ------
    InputError
        No label has 10 cells in each of two batches.

    Notes
    -----
    Asked within labels, since batches with other shares of the cell types can be told apart by that alone,
    and should.
    """
    scores, weights = [], []
    for label in np.unique(labels[labels != UNKNOWN]):
        of_label = np.flatnonzero(labels == label)
        names, counts = np.unique(batch[of_label], return_counts=True)
        kept = of_label[np.isin(batch[of_label], names[counts >= _LEAST])]
        n_batches = int((counts >= _LEAST).sum())
        if n_batches < 2:
            continue
        accuracy = _neighbour_accuracy(embedding[kept], batch[kept], seed=seed)
        scores.append((1 - accuracy) / (1 - 1 / n_batches))
        weights.append(len(kept))
    if not scores:
        raise InputError(
            f"no label has {_LEAST} cells in each of two batches, so how well the batch can be told within a "
            f"label is not defined; give coarser labels"
        )
    return float(np.average(scores, weights=weights))


def _neighbour_accuracy(embedding: Embedding, batch: Names, *, seed: int) -> float:
    from sklearn.metrics import recall_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    guess = cross_val_predict(KNeighborsClassifier(_NEIGHBOURS), embedding, batch, cv=folds)
    return float(recall_score(batch, guess, average="macro"))


def label_transfer(embedding: Embedding, batch: Names, labels: Names) -> Transfer:
    """Guess the labels of each batch from the 15 nearest neighbours in the other batches.

    Cells without a label take no part, nor labels that only one batch has.

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
    z, batch, labels = embedding[kept], batch[kept], labels[kept]
    guess = labels.copy()
    for name in np.unique(batch):
        out = batch == name
        model = KNeighborsClassifier(min(_NEIGHBOURS, int((~out).sum()))).fit(z[~out], labels[~out])
        guess[out] = model.predict(z[out])
    return Transfer(
        accuracy=float((guess == labels).mean()),
        balanced_accuracy=float(recall_score(labels, guess, average="macro", zero_division=0)),
    )
