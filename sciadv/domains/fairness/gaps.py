"""How far decisions differ between the groups of a protected attribute, with standard errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.fairness.table_columns import check_lengths, codes_of, read_names
from sciadv.errors import InputError

Codes = NDArray[np.int64]


@final
@dataclass(frozen=True)
class FairnessGaps:
    """Accuracy of decisions and their gaps between groups, each with its standard error.

    Parameters
    ----------
    accuracy, accuracy_error
        Share of right decisions.
    balanced_accuracy
        Mean over the labels of the share of right decisions.
    demographic_parity, demographic_parity_error
        Largest difference between two groups in the share of positive decisions.
    equalised_odds, equalised_odds_error
        Largest difference between two groups in the share of positive decisions among the rows of one label.
    """

    accuracy: float
    accuracy_error: float
    balanced_accuracy: float
    demographic_parity: float
    demographic_parity_error: float
    equalised_odds: float
    equalised_odds_error: float


def fairness_gaps(y: Iterable[Any], prediction: Iterable[Any], protected: Iterable[Any]) -> FairnessGaps:
    """Measure decisions against labels and between groups.

    Parameters
    ----------
    y, prediction
        ``(rows,)``, labels and decisions; two different values. Which of them is positive changes no gap.
    protected
        ``(rows,)``, the group of each row; two or more.

    Raises
    ------
    InputError
        Lengths differ, a value is missing, there are not two labels or only one group, or a group lacks a
        label, so that its rate is not defined.

    Notes
    -----
    The standard error of a difference is that of two independent shares; a share of k out of n has the
    variance of ``(k + 1) / (n + 2)``, so that one of 0 or 1 has an error too. It does not count that the
    largest difference was looked for, which makes gaps of few rows too large.

    References
    ----------
    M. Hardt, E. Price, N. Srebro, Equality of opportunity in supervised learning, NeurIPS 2016, Definition
    2.1. The largest difference of both rates is the convention of fairlearn.metrics.

    Examples
    --------
    >>> gaps = fairness_gaps([1, 1, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0], list("aaaabb"))
    >>> gaps.demographic_parity, gaps.equalised_odds
    (0.75, 1.0)
    """
    labels, decisions, group = (
        read_names(values, name)
        for values, name in ((y, "y"), (prediction, "prediction"), (protected, "protected"))
    )
    check_lengths({"y": len(labels), "prediction": len(decisions), "protected": len(group)})
    known = np.unique(labels)
    if len(known) != 2:
        raise InputError(f"y must have two different labels, but it has {len(known)}: {known[:5].tolist()}")
    groups = np.unique(group)
    return gaps_of(
        codes_of(labels, known, "y"),
        codes_of(decisions, known, "prediction"),
        codes_of(group, groups, "protected"),
        names=groups.tolist(),
    )


def gaps_of(y: Codes, decision: Codes, group: Codes, *, names: list[Any]) -> FairnessGaps:
    """Return the gaps of codes: labels and decisions of 0 and 1, groups from 0, which `names` names."""
    if len(names) < 2:
        raise InputError(f"all rows are of one group of the attribute, {names}; a gap needs two")
    right = y == decision
    of_label = [
        _largest_gap(decision, group, names, rows=y == label, of=f" of label {label}") for label in (0, 1)
    ]
    parity = _largest_gap(decision, group, names, rows=np.ones(len(y), bool), of="")
    odds = max(of_label)
    accuracy = float(right.mean())
    return FairnessGaps(
        accuracy,
        float((accuracy * (1 - accuracy) / len(y)) ** 0.5),
        float(np.mean([right[y == label].mean() for label in (0, 1)])),
        *parity,
        *odds,
    )


def _largest_gap(
    decision: Codes, group: Codes, names: list[Any], *, rows: NDArray[np.bool_], of: str
) -> tuple[float, float]:
    """Return the largest difference between two groups' shares of positive decisions, and its error."""
    shares = []
    for number, name in enumerate(names):
        chosen = decision[rows & (group == number)]
        if not len(chosen):
            raise InputError(
                f"group {name!r} of the attribute has no row{of}, so that its rate is not defined; "
                f"merge it with another group"
            )
        smooth = (chosen.sum() + 1) / (len(chosen) + 2)
        shares.append((float(chosen.mean()), float(smooth * (1 - smooth) / len(chosen))))
    return max((abs(a - b), (v + w) ** 0.5) for (a, v), (b, w) in combinations(shares, 2))
