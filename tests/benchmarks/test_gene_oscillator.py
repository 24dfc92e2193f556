"""The bench of gene oscillators: its peer is right, its tables and bars name what its rows have."""

import math

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import judge_bars
from benchmarks.design.gene_oscillator import BENCH, SPREADS
from benchmarks.design.peer_lsoda import integrate
from sciadv.catalogue import problem_spec
from sciadv.physics.regulation.kinetics import circuits_of, unpack


def rows():
    simulators = [
        {
            "row": f"simulator, {n} genes",
            "circuits_per_second": 100.0,
            "lsoda_per_second": 2.0,
            "speed_ratio": 50.0,
            "difference_median": 1e-7,
            "difference_99": 1e-5,
            "share_close": 1.0,
        }
        for n in (3, 5)
    ]
    worst = {"speed_ratio": 50.0, "difference_median": 1e-7, "share_close": 1.0}
    designs = {"row": "designs", "n_samples": 5, "oscillating": 1.0, "topologies_above": 1.0}
    return [
        {"row": "topologies", "n_topologies": 3325},
        *simulators,
        {"row": "simulator", **worst},
        {"row": "prior", "valid": 1.0, "unique": 0.9, "novel": 0.9, "oscillating": 0.02},
        {"row": "topologies of three genes", "fresh_anywhere": 0.01},
        {"row": "random circuits", "oscillating": 0.01},
        designs | {f"fresh_{name}": 0.4 for name in SPREADS},
    ]


def test_peer_integrates_a_free_gene_to_its_closed_form():
    kinetics = unpack(circuits_of(torch.zeros(1, 1, 1)))
    k, g = float(kinetics.degradation), float(kinetics.production)
    end = integrate(kinetics, torch.zeros(1, 1), t_end=2.0, rtol=1e-10, atol=1e-12)
    assert float(end) == pytest.approx(g / k * (1 - math.exp(-2 * k)), rel=1e-8)


def test_every_bar_names_a_number_of_the_rows():
    judged = judge_bars(problem_spec("gene-oscillator").bench.bars, rows())
    assert len(judged) == 10
    assert all(bar.holds for bar in judged)


def test_table_and_picture_show_the_rows():
    assert "| prior |" in BENCH.table(rows())
    figure = Figure()
    BENCH.draw(figure, rows())
    assert len(figure.axes) == 2
