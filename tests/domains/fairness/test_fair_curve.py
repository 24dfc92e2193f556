"""The curve: folds that hold all groups, and thresholds that end at the constant decision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.domains.fairness.fair_curve import fold_of_rows, thresholds_of
from sciadv.domains.fairness.fair_game import FairRows
from sciadv.errors import InputError


def rows_of(y: list[int], group: list[int], *, is_conditional: bool = False) -> FairRows:
    return FairRows(torch.zeros(len(y), 1), torch.tensor(y), torch.tensor(group), is_conditional)


@given(st.integers(0, 1000), st.booleans(), st.integers(1, 8))
def test_thresholds_take_decisions_in_even_steps_to_the_commoner_label(seed, is_mostly_positive, n) -> None:
    z = np.random.default_rng(seed).normal(size=400)
    rarer = [
        ((z <= t) if is_mostly_positive else (z > t)).mean()
        for t in thresholds_of(z, n, is_mostly_positive=is_mostly_positive)
    ]
    assert len(rarer) == n
    np.testing.assert_allclose(rarer, rarer[0] * (1 - np.arange(n) / n), atol=0.011)


def test_scores_of_one_sign_have_no_further_threshold() -> None:
    assert thresholds_of(np.ones(5), 4, is_mostly_positive=True) == [0.0]


def test_each_fold_has_each_group_and_label_evenly() -> None:
    y, group = [0, 1] * 30, [0] * 40 + [1] * 20
    fold = fold_of_rows(rows_of(y, group), ["a", "b"], 5, seed=0).numpy()
    counts = np.zeros((5, 2, 2), int)
    np.add.at(counts, (fold, np.array(y), np.array(group)), 1)
    np.testing.assert_array_equal(counts, np.broadcast_to([[4, 2], [4, 2]], (5, 2, 2)))
    with pytest.raises(InputError, match="'a' of the attribute has 2 rows"):
        fold_of_rows(rows_of([0, 1] * 4, [0] * 4 + [1] * 4), ["a", "b"], 3, seed=0)


@pytest.mark.parametrize("is_conditional", [False, True])
def test_balanced_weights_give_each_group_the_same_of_the_rows_that_are_used(is_conditional) -> None:
    rows = rows_of([0, 1, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1], is_conditional=is_conditional)
    used = torch.tensor([[True] * 6, [False, True, True, True, True, True]])
    weights = rows.adversary_weights(used, is_balanced=True)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert weights[1, 0] == 0
    of_second = weights[0, rows.group == 1].sum()
    torch.testing.assert_close(of_second, torch.tensor(0.5))
    torch.testing.assert_close(weights[0, 5], torch.tensor(0.25))
