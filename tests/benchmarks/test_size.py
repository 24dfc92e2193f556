"""The bench of real size: its growth and its bars."""

from __future__ import annotations

import pytest

from benchmarks.contract import PENDING, Settings, judge_bars
from benchmarks.size.posed import Case, operator
from benchmarks.size.size import BENCH, KINDS, VOLUMES, cases, growth


def made(kind: str, side: int, seconds: float) -> dict[str, object]:
    name = Case(kind, side).name
    return {"row": name, "cpu_seconds": seconds, "peak_bytes": 10 * seconds, "above_base_bytes": 4**seconds}


def test_growth_is_the_power_of_the_number_of_pixels() -> None:
    row = growth([made("mask", 256, 2.0), made("mask", 512, 4.0)], "mask")
    assert row["time_power"] == pytest.approx(0.5)
    assert row["memory_power"] == pytest.approx(0.5)
    assert row["own_memory_power"] == pytest.approx(2.0)
    assert growth([made("mask", 256, 2.0)], "mask")[PENDING]


def test_every_bar_names_a_row_of_the_bench() -> None:
    names = {case.name for case in (*cases(Settings()), *VOLUMES)} | {f"growth {kind}" for kind in KINDS}
    assert {bar.row for bar in BENCH.thresholds} <= names
    rows = [made("mask", 512, 61.0)]
    judged = {result.name: result.holds for result in judge_bars(BENCH.thresholds, rows)}
    assert not judged["512 x 512 mask, CPU seconds"]


def test_few_measurements_are_a_tenth_of_the_pixels_at_most() -> None:
    for case in (Case("radon-9", 128), Case("radon-18", 256)):
        forward, sigma = operator(case)
        n_data = forward.out_shape[1] * forward.out_shape[2]
        assert sigma > 0
        assert n_data <= 0.1 * case.side**2
