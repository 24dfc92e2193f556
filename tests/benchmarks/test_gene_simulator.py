from functools import partial

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks import BENCHES
from benchmarks.contract import Settings, judge_bars
from benchmarks.design.gene_simulator import (
    Case,
    case_rows,
    draw,
    noise,
    quickest,
    repressilator,
    stiff,
    summary,
    table,
)
from sciadv.physics.regulation.kinetics import circuits_of


def test_bars_that_need_no_peer_hold():
    rows = [repressilator(), stiff(Settings(quick=True)), *noise(Settings(quick=True))]
    judged = judge_bars(BENCHES["gene-simulator"].thresholds, rows)
    assert [bar.holds for bar in judged if bar.value is not None] == [True]
    assert rows[1]["largest_error_of_8"] < 1e-5
    assert rows[1]["share_flagged"] == 0
    assert "period minutes 125" in table(rows)


def test_peers_are_met_and_timed_on_a_ring():
    pytest.importorskip("roadrunner", reason="libroadrunner is a peer")
    pytest.importorskip("antimony", reason="antimony writes the peer's models")
    rings = torch.cat([circuits_of(-torch.eye(3).roll(1, 1)[None], places=place) for place in (0.1, 0.3)])
    rows = case_rows(Case("rings", rings), Settings(quick=True))
    rows.append(summary(rows))
    assert rows[-1]["share_right"] == 1
    assert rows[-1]["over_lsoda"] > 1
    draw(Figure(), rows)


def test_methods_take_turns_and_the_best_speed_of_each_counts():
    order, speeds = [], {"one": iter((2.0, 3.0, 1.0)), "other": iter((5.0, 4.0, 6.0))}

    def method(name):
        order.append(name)
        return next(speeds[name]), torch.ones(1)

    found = quickest({name: partial(method, name) for name in speeds}, n_rounds=3)
    assert order == ["one", "other"] * 3
    assert {name: speed for name, (speed, _) in found.items()} == {"one": 3.0, "other": 6.0}
