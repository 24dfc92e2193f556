"""The wide sensing bench: its cells, the pairing of digits, and its comparison in standard errors."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.held_out import FIRST_IMAGE
from benchmarks.reconstruct import thousand_digits
from benchmarks.reconstruct.compressed_sensing_full import (
    AT_ONCE_ROW,
    FULL,
    METHODS,
    PRIOR,
    QUICK,
    SECOND_PRIOR,
    at_once,
    plan_cells,
    summary_row,
    table,
)
from benchmarks.reconstruct.compressed_sensing_tables import NO_PRIOR, Cell, Score, table_rows
from sciadv.catalogue import entry_spec
from sciadv.data.datasets import Images
from sciadv.prior import Prior
from sciadv.solvers import LMMSE


def scores() -> dict[Cell, Score]:
    return {
        Cell(PRIOR, "auto", 50, 0, 4): Score([1.0, 2.0, 3.0, 50.0], None, 0.1),
        Cell(PRIOR, "auto", 50, 1, 4): Score([3.0, 2.0, 1.0, 50.0], None, 0.3),
        Cell(PRIOR, "image-adaptive", 50, 0, 2): Score([2.0, 4.0], None, 4.0),
        Cell(PRIOR, "image-adaptive", 50, 1, 2): Score([6.0, 4.0], None, 8.0),
        Cell(NO_PRIOR, "lmmse", 50, 0, 4): Score([0.5, 1.5, 2.5, 40.0], None, 0.001),
    }


def test_auto_is_compared_on_the_digits_that_both_had() -> None:
    row = summary_row({cell: score for cell, score in scores().items() if cell.method != "lmmse"})
    spread = ((4 + 0 + 4 + 0) / 3) ** 0.5 / 4**0.5
    assert row["excess_max"] == pytest.approx((2.0 - 4.0) / spread)
    assert row["speed_image_adaptive_min"] == pytest.approx(30.0)


def test_a_method_that_is_better_is_an_excess() -> None:
    assert summary_row(scores())["excess_max"] > 0


def test_every_cell_has_a_solver_and_slow_ones_have_few_digits() -> None:
    cells = plan_cells(FULL, ("deepinv",), 0)
    assert {cell.method for cell in cells} == set(METHODS)
    assert "deepinv" not in {cell.method for cell in plan_cells(FULL, (), 0)}
    adaptive = [cell for cell in cells if cell.method == "image-adaptive"]
    assert {cell.m for cell in adaptive} == {50, 100, 200, 400}
    assert sum(cell.n_images for cell in adaptive if cell.m == 50) >= 20
    assert {cell.m for cell in cells if cell.method == "auto"} >= {10, 750}
    assert len(plan_cells(QUICK, (), 0)) < 20


def test_the_second_prior_does_not_enter_the_comparison() -> None:
    second = {Cell(SECOND_PRIOR, "auto", 50, s, 4): Score([0.0] * 4, None, 1e-6) for s in (0, 1)}
    assert summary_row(scores() | second) == summary_row(scores())
    assert "| auto, prior mnist |" in table([*table_rows(scores() | second), summary_row(scores())])


def test_many_digits_are_solved_at_once_and_in_smaller_batches_alike(monkeypatch) -> None:
    draw = np.random.default_rng(0)
    images = Images(draw.integers(0, 255, (FIRST_IMAGE + 60, 28, 28), np.uint8), np.zeros(1, np.uint8), "")
    monkeypatch.setattr(thousand_digits, "load_images", lambda *_: images)
    row = thousand_digits.solve(LMMSE(), 41)
    assert row["batch_difference"] < 1e-5
    assert row["n_images"] == 41
    assert row["wall_seconds"] > 0
    parts = [part.row for part in at_once(FULL, Prior.load(PRIOR))]
    bars = [b for b in entry_spec("compressed-sensing").bench.bars if "at once" in b.row]
    assert {bar.row for bar in bars} == set(parts)
    assert all(bar.metric in row for bar in bars)


def test_the_bars_name_rows_and_metrics_of_the_bench() -> None:
    bars = [b for b in entry_spec("compressed-sensing").bench.bars if b.bench == "compressed-sensing-full"]
    rows = {row["row"]: row for row in [*table_rows(scores()), summary_row(scores())]}
    assert {bar.row for bar in bars} >= {f"{PRIOR}, summary", f"{PRIOR}, auto, m = 50"}
    assert all(bar.metric in rows[bar.row] for bar in bars if bar.row in rows and "csgm" not in bar.metric)


def test_the_table_has_a_line_per_method() -> None:
    pending = {"row": "auto, 1000 digits at once", "method": AT_ONCE_ROW}
    text = table([*table_rows(scores()), pending, summary_row(scores())])
    assert text.count("| image-adaptive |") == 3
    assert "| auto, 1000 digits at once | - |" in text
