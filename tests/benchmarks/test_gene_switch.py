"""The bench of gene switches: its rivals make circuits, its tables and bars name what its rows have."""

import pytest
import torch
from matplotlib.figure import Figure

from benchmarks import BENCHES
from benchmarks.contract import Settings, judge_bars
from benchmarks.design import gene_switch
from benchmarks.design.gene_switch import BENCH
from sciadv.catalogue import load_problem, problem_spec
from sciadv.metrics.graph import are_connected
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits
from sciadv.types import as_generator

TESTED = {
    "n_samples": 4,
    "topologies": 4,
    "edges": 8.0,
    "two_states": 1.0,
    "fair_shares": 1.0,
    "switches": 1.0,
    "lsoda_two": 1.0,
    "lsoda_same": 1.0,
    "hysteresis": 1.0,
    "width": 1.0,
    "robust_near": 0.6,
    "robust_anywhere": 0.2,
    "cpu_seconds": 9.0,
}


def rows():
    names = ["designs, seed 0", "designs, seed 1", "random graphs, filtered"]
    tested = [{"row": name} | TESTED for name in names]
    tested[1] |= {"two_states": 0.92}
    return [gene_switch._worst(tested[:2]), *tested]


def test_bars_are_held_against_the_worst_seed():
    assert BENCHES["gene-bistable-switch"] is BENCH
    judged = judge_bars(problem_spec("gene-bistable-switch").bench.bars, rows())
    assert [bar.bound for bar in judged] == [0.9] * 4
    assert judged[0].value == pytest.approx(0.92)
    assert all(bar.holds for bar in judged)


def test_table_and_picture_show_the_rows():
    assert "| random graphs, filtered | 4 |" in BENCH.table(rows())
    figure = Figure()
    BENCH.draw(figure, rows())
    assert len(figure.axes) == 3


def test_random_graphs_are_connected_circuits_of_the_same_density():
    x = gene_switch.random_graphs(200, 5, generator=as_generator(0))
    check_circuits(x)
    assert bool(are_connected(*signs_and_presence(x)).all())
    assert float(x[:, 0].abs().sum((1, 2)).mean()) == pytest.approx(8.6, abs=1.0)


def test_elite_mutation_lowers_the_energy_of_random_graphs():
    problem = load_problem("gene-bistable-switch")
    first = gene_switch.elite_mutation(problem, 10, 0.0, 0)
    later = gene_switch.elite_mutation(problem, 10, 6.0, 0)
    check_circuits(later)
    energies = [gene_switch._energy(problem, x).mean() for x in (later, first)]
    assert float(energies[0]) < float(energies[1])


def test_filtered_toggles_are_switches_by_lsoda():
    x = gene_switch.toggles_filtered(load_problem("gene-bistable-switch"), 3, 20.0, 0)
    assert len(x) == 3
    tested = gene_switch._tested(x, Settings(quick=True))
    assert tested["two_states"] == tested["lsoda_same"] == 1
    assert tested["topologies"] == 1
    assert torch.is_tensor(x)
