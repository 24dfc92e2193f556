"""Tests of the bench of the out-of-distribution flag: what is counted, and what scans are posed."""

from __future__ import annotations

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.reconstruct import out_of_distribution as bench
from sciadv.diagnosis import DiagnosisSettings
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.diagnosis.conformal import Comparison

ALARM = DiagnosisSettings().distribution_threshold
OF, NOT = ALARM / 2, 2 * ALARM


def test_flags_are_counted_over_all_matrices_and_for_each() -> None:
    first = {"digits": torch.tensor([OF, NOT, NOT, NOT]), "rotated": torch.tensor([OF, OF])}
    second = {"digits": torch.tensor([NOT, NOT, NOT, NOT]), "rotated": torch.tensor([OF, NOT])}
    rows = bench.measure("mnist", lambda: [first, second])
    assert [row["row"] for row in rows] == ["mnist, digits", "mnist, rotated"]
    assert [row["n_images"] for row in rows] == [8, 4]
    assert [row["flagged"] for row in rows] == [0.125, 0.75]
    assert rows[1]["flagged_matrix_by_matrix"] == [1.0, 0.5]
    assert "| mnist, rotated | 4 | 75.0 % | 100.0, 50.0 |" in bench.table(rows)
    bench.draw(Figure(), rows)


def test_slices_with_noise_of_their_own_are_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()

    def compared(posed: Problem) -> Comparison:
        asked.append(posed.n_problems)
        return Comparison(torch.full((posed.n_problems,), NOT), None)

    def slices(scan: bench.Scan, split: str, n: int) -> torch.Tensor:
        assert split == "test"
        return Prior.load(scan.prior).sample(n, seed=0).clamp(0, 1)

    monkeypatch.setattr(bench, "compare_with_images", compared)
    monkeypatch.setattr(bench, "scan_slices", slices)
    (of_ct,) = bench.scans("16 views", 3, 0)
    assert asked == [1] * 12
    asked.clear()
    (of_mr,) = bench.scans("8x", 3, 0)
    assert asked == [12]
    for found in (of_ct, of_mr):
        assert {kind: len(p) for kind, p in found.items()} == dict.fromkeys(
            ("slices", "rotated", "inverted", "foreign"), 3
        )
