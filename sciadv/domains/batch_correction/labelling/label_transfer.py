"""Labels carried over from a reference, the probability that each is right, and what is unlike all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.matched.clusters import n_leading
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.keys import Names
from sciadv.errors import InputError

Array = NDArray[np.floating]


@final
@dataclass(frozen=True, eq=False)
class PredictedLabels:
    """What a reference says of cells.

    Parameters
    ----------
    labels
        ``(cells,)``, names: those of most neighbours.
    probability
        ``(cells,)``, that the label is right, if the cell is of a kind that the reference has.
    p_value
        ``(cells,)``: share of the reference's cells, each seen from the other batches, that lie as far from
        what they are compared with as this cell does, or farther.
    """

    labels: Names
    probability: Array
    p_value: Array

    def is_unlike(self, level: float = 0.05) -> NDArray[np.bool_]:
        """Return which cells are unlike anything in the reference ``(cells,)``.

        A cell like those of the reference is called so with a probability of `level` at most, as far as the
        batches of the reference differ from each other as the cell's batch does from them.
        """
        found: NDArray[np.bool_] = self.p_value <= level
        return found


@final
@dataclass(frozen=True, eq=False)
class LabelTransfer:
    """Nearest labelled cells, and what their agreement and their distance have meant within the reference.

    Parameters
    ----------
    axes
        Directions in which cells of the reference vary more than by chance ``(n, leading)``.
    leading, labels
        Labelled cells of the reference on these axes ``(cells, leading)``, and the numbers of their labels.
    names
        Names of the labels.
    n_neighbours
        Neighbours of a guess.
    radius
        ``(cells,)``, mean distance of each from its neighbours.
    slope, offset
        The probability of a share s of agreeing neighbours is ``1 / (1 + exp(-offset - slope logit(s)))``.
    distances
        Of cells of the reference from those of other batches, in units of the radius there, sorted.
    """

    axes: Array
    leading: Array
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    n_neighbours: int
    radius: Array
    slope: float
    offset: float
    distances: Array

    @staticmethod
    def of(reference: Reference, *, n_neighbours: int = 15) -> LabelTransfer:
        """Learn from a reference what agreement and distance mean.

        Each cell is guessed from those of the other batches, as a cell of a further batch will be; from all
        others where only one batch has labels. Labels that no other batch has take no part in this.

        Raises
        ------
        InputError
            The reference has no two labels.

        References
        ----------
        J. Platt, Probabilistic outputs for support vector machines, Advances in Large Margin Classifiers,
        1999, for the probability. V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World,
        2005, section 2.2, for the p-value, that of a conformal predictor. M. M. Breunig et al., LOF:
        identifying density-based local outliers, SIGMOD 2000, for distances in units of the neighbours' own.
        """
        known = reference.labels >= 0
        axes = _leading_axes(reference.embedding)
        z = reference.embedding[known] @ axes
        labels = reference.labels[known]
        batch = reference.batch[known]
        if len(np.unique(labels)) < 2:
            raise InputError(
                "the reference has no two labels, so none can be carried over; give labels= to fit"
            )
        n = min(n_neighbours, len(z) - 1)
        votes, right, distances = _left_out(z, labels, batch, n)
        slope, offset = _calibrated(votes, right)
        return LabelTransfer(
            axes, z, labels, reference.names, n, _radius(z, n), slope, offset, np.sort(distances)
        )

    def predict(self, embedding: Array) -> PredictedLabels:
        """Return labels, probabilities and p-values of cells with coordinates ``(cells, n)``."""
        guess, share, distance = _guessed(
            self.leading, self.labels, self.radius, embedding @ self.axes, self.n_neighbours
        )
        n = len(self.distances)
        as_far = n - np.searchsorted(self.distances, distance, side="left")
        return PredictedLabels(
            np.array(self.names)[guess],
            1 / (1 + np.exp(-self.offset - self.slope * _logit(share))),
            (1 + as_far) / (1 + n),
        )


def _leading_axes(embedding: Array) -> Array:
    """Return the principal axes ``(n, leading)`` of coordinates that stand out of the noise."""
    directions = np.linalg.svd(embedding - embedding.mean(0), full_matrices=False)[2].T
    leading: Array = directions[:, : n_leading(np.asarray(embedding @ directions, np.float64))]
    return leading


def _nearest(z: Array, of: Array, n: int) -> tuple[Array, NDArray[np.int64]]:
    """Return distances and places of the n nearest cells of each of others ``(others, n)``."""
    from sklearn.neighbors import NearestNeighbors

    distances, places = NearestNeighbors(n_neighbors=n).fit(z).kneighbors(of)
    return distances, places


def _radius(z: Array, n: int) -> Array:
    """Return the mean distance of each cell from its n nearest ``(cells,)``."""
    radius: Array = _nearest(z, z, n + 1)[0][:, 1:].mean(1).clip(min=1e-12)
    return radius


def _guessed(
    z: Array, labels: NDArray[np.int64], radius: Array, of: Array, n: int
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return guesses, the shares of the neighbours that agree, kept off 0 and 1, and relative distances."""
    distances, places = _nearest(z, of, n)
    votes = np.zeros((len(of), int(labels.max()) + 1))
    np.add.at(votes, (np.arange(len(of))[:, None], labels[places]), 1.0)
    share = (votes.max(1) + 0.5) / (n + 1)
    return votes.argmax(1), share, distances.mean(1) / radius[places].mean(1)


def _left_out(
    z: Array, labels: NDArray[np.int64], batch: NDArray[np.int64], n: int
) -> tuple[Array, NDArray[np.bool_], Array]:
    """Guess cells from the other batches; return shares of agreement, which are right, and distances."""
    folds = batch if len(np.unique(batch)) > 1 else np.arange(len(z)) % 5
    shares, right, distances = [], [], []
    for fold in np.unique(folds):
        out = folds == fold
        some = out & np.isin(labels, labels[~out])
        if not some.any() or (~out).sum() < 3:
            continue
        n_known = min(n, int((~out).sum()) - 1)
        known = z[~out]
        guess, share, distance = _guessed(known, labels[~out], _radius(known, n_known), z[some], n_known)
        shares.append(share)
        right.append(guess == labels[some])
        distances.append(distance)
    if not shares:
        raise InputError("no label occurs in two batches, so nothing says how surely one is carried over")
    return np.concatenate(shares), np.concatenate(right), np.concatenate(distances)


def _logit(share: Array) -> Array:
    found: Array = np.log(share / (1 - share))
    return found


def _calibrated(share: Array, right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of the log odds of being right; Platt's targets keep them finite."""
    from sklearn.linear_model import LogisticRegression

    n_right = int(right.sum())
    n_wrong = len(right) - n_right
    x = np.concatenate([_logit(share)] * 2)[:, None]
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    weight = np.concatenate([target, 1 - target])
    is_right = np.arange(len(x)) < len(share)
    model = LogisticRegression(C=1e4).fit(x, is_right, sample_weight=weight)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
