import pytest
from matplotlib.figure import Figure

from benchmarks import BENCHES
from benchmarks.contract import judge_bars
from benchmarks.design.contact import Case, beside_tamaas, draw, gradients, table, westergaard


def test_bars_that_need_no_peer_hold_on_few_surfaces():
    rows = [westergaard(256), gradients(Case("profiles of 512 points", (128,), 3, 4), seed=0)]
    judged = judge_bars(BENCHES["contact"].thresholds, rows)
    measured = [bar for bar in judged if bar.value is not None]
    assert len(measured) == 4
    assert all(bar.holds for bar in measured)
    assert "peak error" in table(rows)


def test_tamaas_is_met_and_timed():
    pytest.importorskip("tamaas")
    row = beside_tamaas(Case("few", (64,), 4, 4), seed=0)
    assert row["distance"] <= 1e-9
    assert row["times_faster"] > 0
    draw(Figure(), [row])
