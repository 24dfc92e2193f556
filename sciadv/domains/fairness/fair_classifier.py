"""`FairClassifier`: a classifier whose decisions hide a protected attribute up to a stated gap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from sciadv.arguments.values import as_number, as_one_of, as_seed
from sciadv.domains.fairness.fair_curve import FairCurve, FairPoint, fit_curve
from sciadv.domains.fairness.fair_game import FairRows, FairSettings
from sciadv.domains.fairness.table_columns import check_lengths, codes_of, read_names, read_table
from sciadv.errors import InputError, UnknownNameError

#: What may be asked for, as fields of `FairnessGaps`, and whether the adversary then sees the label.
CRITERIA = {"demographic_parity": False, "equalised_odds": True}


@final
class FairClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Learns two labels from a table so that decisions differ between groups by a stated gap at most.

    An adversary predicts the group from the decision's probability (demographic parity), or from that and
    the label (equalised odds); a gradient reversal makes the classifier hide it. Classifiers of all strengths
    of the adversary are trained at once; of these and of thresholds on their scores the most accurate one is
    taken whose gap on rows that it did not see (cross-validation) is at most `gap`. The
    attribute is needed for the fit only.

    Parameters
    ----------
    gap
        Largest difference that is wished, from 0 to 1.
    criterion
        "demographic_parity" or "equalised_odds", as `fairness_gaps` measures them.
    settings
        Of the training.
    seed
        Of everything random.

    Attributes
    ----------
    classes_
        The two labels; the second one is positive.
    groups_
        Groups of the attribute.
    curve_
        A `FairPoint` a strength and threshold: accuracy and gaps on rows not seen, with standard errors. The
        last one is a constant decision, whose gap is 0.
    point_
        The one that was taken.
    message_
        What was asked and reached, in a sentence.

    Raises
    ------
    InputError, UnknownNameError
        By `fit`: a setting is out of its range, or there is no such criterion.

    Notes
    -----
    The held-out gap is an estimate: it is met as a number, and its standard error says how far the gap of
    other rows may lie. Among strengths whose gaps differ by less than that, the choice is of noise too.

    References
    ----------
    B. H. Zhang, B. Lemoine, M. Mitchell, Mitigating unwanted biases with adversarial learning, AIES 2018;
    here with an adversary near its optimum, groups weighed alike, averages over seeds, and a strength that is
    chosen by the gap.

    Examples
    --------
    >>> from sciadv.domains.fairness import FairSettings, simulate_decisions
    >>> table = simulate_decisions(300, seed=0)
    >>> model = FairClassifier(gap=0.1, settings=FairSettings(n_steps=30, n_seeds=1))
    >>> model.fit(table.x, table.y, protected=table.group).predict(table.x[:2]).shape
    (2,)
    """

    def __init__(
        self,
        gap: float = 0.05,
        *,
        criterion: str = "demographic_parity",
        settings: FairSettings | None = None,
        seed: int = 0,
    ) -> None:
        self.gap = gap
        self.criterion = criterion
        self.settings = settings
        self.seed = seed

    def fit(self, X: Any, y: Iterable[Any], *, protected: Iterable[Any] | None = None) -> FairClassifier:
        """Learn from rows whose label and group are known.

        Parameters
        ----------
        X
            ``(rows, columns)``, numbers: an array or a data frame. Whether it holds the attribute is the
            user's choice; decisions then may read it.
        y
            ``(rows,)``, two different labels.
        protected
            ``(rows,)``, the group of each row.

        Raises
        ------
        InputError
            A value is missing, lengths differ, there are not two labels or only one group, or a group has
            too few rows of a label.
        GameError
            The training diverged.
        """
        settings, is_conditional = self._check()
        x, names = read_table(X)
        labels, group = read_names(y, "y"), read_names(protected, "protected")
        check_lengths({"X": len(x), "y": len(labels), "protected": len(group)})
        self.classes_ = np.unique(labels)
        self.groups_ = np.unique(group)
        if len(self.classes_) != 2:
            raise InputError(f"y must have two different labels, but it has {len(self.classes_)}")
        if len(self.groups_) < 2:
            raise InputError(f"all rows are of one group, {self.groups_.tolist()}; there is nothing to hide")
        self.n_features_in_ = x.shape[1]
        self._names = names
        self._centre = x.mean(0)
        spread = x.std(0)
        self._spread = np.where(spread > 0, spread, 1.0)
        rows = FairRows(
            self._standardised(x),
            torch.as_tensor(codes_of(labels, self.classes_, "y")),
            torch.as_tensor(codes_of(group, self.groups_, "protected")),
            is_conditional,
        )
        self._curve = fit_curve(rows, settings, names=self.groups_.tolist(), seed=self.seed)
        return self._choose()

    def _check(self) -> tuple[FairSettings, bool]:
        """Check what was given, and return the settings and whether the adversary sees the label."""
        as_number(self.gap, "gap", least=0, most=1)
        as_seed(self.seed)
        if self.criterion not in CRITERIA:
            raise UnknownNameError("criterion", str(self.criterion), CRITERIA)
        settings = FairSettings() if self.settings is None else self.settings
        return as_one_of(settings, "settings", FairSettings, "a FairSettings"), CRITERIA[self.criterion]

    def _choose(self) -> FairClassifier:
        """Take the point of the curve that the gap asks for."""
        self._place = self._curve.chosen(self.criterion, self.gap)
        self.curve_: tuple[FairPoint, ...] = self._curve.points
        self.point_ = self.curve_[self._place]
        gaps = self.point_.gaps
        reached = getattr(gaps, self.criterion)
        error = getattr(gaps, f"{self.criterion}_error")
        is_constant = self._place == len(self.curve_) - 1
        how = "a constant decision" if is_constant else f"strength {self.point_.strength:g}"
        self.message_ = (
            f"a gap of {self.criterion.replace('_', ' ')} of at most {self.gap:g} was asked; on rows not "
            f"seen it is {reached:.3f} +- {error:.3f}, with accuracy {gaps.accuracy:.3f} +- "
            f"{gaps.accuracy_error:.3f} ({how})"
        )
        return self

    def with_gap(self, gap: float) -> FairClassifier:
        """Return the classifier of another gap from the same fit, without training again.

        Raises
        ------
        InputError
            The gap is not from 0 to 1, or nothing was fitted yet.
        """
        self._fitted()
        other = FairClassifier(gap, criterion=self.criterion, settings=self.settings, seed=self.seed)
        other._check()
        other.__dict__ |= {key: value for key, value in self.__dict__.items() if key not in self.get_params()}
        return other._choose()

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return scores less the threshold ``(rows,)``, above 0 for the second label."""
        curve = self._fitted()
        x, names = read_table(X)
        if x.shape[1] != self.n_features_in_ or (None not in (names, self._names) and names != self._names):
            raise InputError(
                f"X has the columns {names or x.shape[1]}, but the fit had "
                f"{self._names or self.n_features_in_}"
            )
        return curve.scores(self._standardised(x), self._place)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities ``(rows, 2)`` of both labels, in the order of `classes_`.

        Those of the decision: where a threshold was taken they are moved by it.
        """
        positive = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.stack([1 - positive, positive], 1)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label ``(rows,)`` of each row."""
        is_positive = self.decision_function(X) > 0
        decided: NDArray[Any] = self.classes_[is_positive.astype(int)]
        return decided

    def _standardised(self, x: NDArray[np.float64]) -> torch.Tensor:
        return torch.as_tensor((x - self._centre) / self._spread, dtype=torch.float32)

    def _fitted(self) -> FairCurve:
        if not self.__sklearn_is_fitted__():
            raise InputError("the classifier has not seen any rows yet; call fit first")
        return self._curve

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_curve")
