"""Gaps of decisions: against values by hand, fairlearn, and what relabelling must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciadv.domains.fairness import fairness_gaps
from sciadv.errors import InputError

Y = [1, 1, 1, 1, 0, 0, 0, 0]
DECISION = [1, 1, 1, 0, 1, 0, 0, 0]
GROUP = ["a", "a", "b", "b", "a", "a", "b", "b"]


def drawn(seed: int, n_groups: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y, decision = rng.integers(0, 2, (2, 120))
    group = rng.integers(0, n_groups, 120)
    y[: 2 * n_groups] = np.arange(2 * n_groups) % 2  # every group has both labels
    group[: 2 * n_groups] = np.arange(2 * n_groups) // 2
    return y, decision, group


def test_gaps_are_those_by_hand() -> None:
    gaps = fairness_gaps(Y, DECISION, GROUP)
    assert gaps.accuracy == gaps.balanced_accuracy == 0.75
    assert gaps.demographic_parity == 0.5  # 3 of 4 against 1 of 4
    assert gaps.equalised_odds == 0.5  # 2 of 2 against 1 of 2 of the label 1
    assert gaps.demographic_parity_error == pytest.approx((4 / 6 * 2 / 6 / 4 + 2 / 6 * 4 / 6 / 4) ** 0.5)
    assert gaps.accuracy_error == pytest.approx((0.75 * 0.25 / 8) ** 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_gaps_are_those_of_fairlearn(seed: int) -> None:
    metrics = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    y, decision, group = drawn(seed)
    gaps = fairness_gaps(y, decision, group)
    parity = metrics.demographic_parity_difference(y, decision, sensitive_features=group)
    odds = metrics.equalized_odds_difference(y, decision, sensitive_features=group)
    assert (gaps.demographic_parity, gaps.equalised_odds) == pytest.approx((parity, odds))


@given(st.integers(0, 10_000))
def test_names_and_the_positive_label_do_not_change_gaps(seed: int) -> None:
    y, decision, group = drawn(seed)
    named = fairness_gaps(
        np.where(y, "no", "yes"), np.where(decision, "no", "yes"), np.array(["z", "m", "a"])[group]
    )
    gaps = fairness_gaps(y, decision, group)
    for key in ("accuracy", "balanced_accuracy", "demographic_parity", "equalised_odds"):
        assert getattr(named, key) == pytest.approx(getattr(gaps, key))


@pytest.mark.parametrize(
    ("y", "decision", "group", "words"),
    [
        (Y, DECISION, GROUP[:-1], "as many rows"),
        (Y, DECISION, ["a"] * 8, "one group"),
        ([1] * 8, DECISION, GROUP, "two different labels"),
        (Y, [2, *DECISION[1:]], GROUP, r"prediction has values that are not known: \[2\]"),
        (Y, DECISION, [None, *GROUP[1:]], "1 of 8 values of protected are missing"),
        (Y, DECISION, [3, *GROUP[1:]], "mixes text and numbers"),
        ([float("nan"), *Y[1:]], DECISION, GROUP, "values of y are missing"),
        (Y, DECISION, ["a"] * 7 + ["b"], "has no row of label 1"),
        (np.zeros((8, 2)), DECISION, GROUP, "shape is"),
    ],
)
def test_what_has_no_gap_is_refused_in_words(y, decision, group, words) -> None:
    with pytest.raises(InputError, match=words):
        fairness_gaps(y, decision, group)
