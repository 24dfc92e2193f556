"""The bench of gene oscillators: its peer is right, its tables and bars name what its rows have."""

import math

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks.contract import judge_bars
from benchmarks.design.gene_oscillator import BENCH, DESIGNS, GENERATORS, METHODS
from benchmarks.design.gene_rivals import elite_mutation, energies, oscillates_by_cvode
from benchmarks.design.peer_lsoda import integrate
from sciadv.catalogue import load_problem, problem_spec
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import circuits_of, unpack


def rows():
    """Give one row of each kind, with all numbers that the bars name."""
    numbers = dict.fromkeys(DESIGNS, 0.5)
    compared = {
        "anywhere_over_rival": 0.1,
        "cores_over_rival": 2.0,
        "oscillating_least": 1.0,
        "confirmed_least": 1.0,
    }
    generator = dict.fromkeys(GENERATORS, 1.0)
    better = {
        "unique_over_random": 0.1,
        "novel_over_random": 0.1,
        "motif_ratio": 1.0,
        "motif_over_best_rival": -0.1,
        "loops_off": 0.01,
    }
    return [
        *({"row": method} | numbers for method in METHODS),
        {"row": "random circuits", "oscillating": 0.01},
        {"row": "designs, compared"} | compared,
        {"row": "generator"} | generator,
        {"row": "generator, compared"} | better,
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
    assert "| generator |" in BENCH.table(rows())
    figure = Figure()
    BENCH.draw(figure, rows())
    assert len(figure.axes) == 2


def test_cvode_confirms_an_oscillator_and_no_circuit_at_rest():
    pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    pytest.importorskip("antimony", reason="antimony is not installed")
    ring = circuits_of(-torch.eye(3).roll(1, 1)[None], places=0.5)[0]
    assert oscillates_by_cvode(ring, t_end=600.0)
    assert not oscillates_by_cvode(circuits_of(torch.zeros(1, 2, 2))[0], t_end=600.0)


def test_elite_mutation_gets_better_with_time_and_keeps_each_topology_once():
    problem = load_problem("gene-oscillator")
    few, more = (
        elite_mutation(problem, seconds=seconds, seed=0, n_first=60, n_children=40) for seconds in (0.0, 2.0)
    )
    assert float(energies(problem, more[:5]).mean()) <= float(energies(problem, few[:5]).mean())
    keys = canonical_keys(*signs_and_presence(more))
    assert len(set(keys)) == len(keys)
