"""Circuits of more genes than the alphabet has letters are described, drawn and written like small ones."""

import re

import pytest
import torch

from sciadv.domains.gene_circuits.behaviours.oscillation import Oscillation
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_plot import gene_name, plot_circuits
from sciadv.domains.gene_circuits.circuit_set import RobustnessSettings, circuit_set, topology_text
from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.forward import GeneCircuit
from sciadv.physics.regulation.circuit_model import CircuitModel, Range, Ranges
from sciadv.physics.regulation.kinetics import circuits_of

SHORT = CircuitAim("oscillation", Oscillation(t_end=20.0, n_kept=40, n_extensions=0))
QUICK = RobustnessSettings(n_sets=2)


def rings(n_genes: int) -> torch.Tensor:
    """A ring of repressions twice, the second relabelled, and one with a chord."""
    ring = -torch.eye(n_genes).roll(1, 1)
    order = torch.randperm(n_genes, generator=torch.Generator().manual_seed(0))
    chord = ring.clone()
    chord[0, n_genes // 2] = 1
    return circuits_of(torch.stack([ring, ring[order][:, order], chord]))


@pytest.mark.parametrize("n_genes", [7, 10, 30])
def test_a_set_of_large_circuits_has_messages_a_summary_and_files(n_genes, tmp_path):
    found = circuit_set(rings(n_genes), SHORT, settings=QUICK)
    assert "2 topologies are different" in found.messages[0]
    assert found.facts["n_different_topologies"] == 2
    assert found.summary()
    found.save(tmp_path / "out")
    assert (tmp_path / "out" / "circuit-003.ant").is_file()


def test_thirty_genes_are_drawn():
    figure = plot_circuits(rings(30), n_columns=3)
    figure.draw_without_rendering()
    assert {text.get_text() for text in figure.axes[0].texts} >= {"A", "Z", "A1", "D1"}


def test_names_are_different_identifiers_and_stay_apart_side_by_side():
    names = [gene_name(index) for index in range(100)]
    assert len(set(names)) == 100
    assert all(re.fullmatch(r"[A-Z][0-9]*", name) for name in names)
    assert len({one + other for one in names for other in names}) == 100**2


def test_the_names_in_a_topology_are_those_of_thirty_genes():
    assert "D1Ai" in topology_text(rings(30)[0, 0]).split("_")


def test_thirty_genes_are_a_model_that_antimony_reads():
    antimony = pytest.importorskip("antimony", reason="antimony is not installed (extra circuits)")
    text = to_antimony(rings(30)[2], name="thirty")
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) > 0, antimony.getLastError()
    assert "A1" in antimony.getSymbolNamesOfType("thirty", 1)


@pytest.mark.slow
def test_trajectories_are_drawn_in_the_circuits_model():
    ranges = Ranges(degradation=Range(0.01, 0.1))
    model = CircuitModel(expression="mrna", ranges=ranges, time_unit="min")
    figure = plot_circuits(rings(3)[:1], n_columns=1, model=model)
    line = figure.axes[1].lines[0]
    assert line.get_xdata()[-1] == pytest.approx(150 * model.slowness)
    assert 0 <= min(line.get_ydata()) <= max(line.get_ydata()) <= 1.01


def test_seventy_genes_are_screened():
    A = GeneCircuit((7, 70, 70), "stability", n_sets=2)
    assert bool(A(rings(70)[:1]).isfinite().all())
