"""Circuits that went out come back as the same tensors; other files say what they are not."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.exchange.kinetic.antimony_networks import network_from_antimony
from sciadv.domains.gene_circuits.exchange.kinetic.recognised import recognised_circuit
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_writing import network_to_sbml
from sciadv.domains.gene_circuits.exchange.load_circuit import load_circuit
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import unpack

pytest.importorskip("antimony", reason="Antimony is read and written by libantimony")
pytest.importorskip("libsbml", reason="libantimony speaks SBML, which python-libsbml reads")


@pytest.mark.parametrize("n_genes", [1, 3, 5])
def test_random_circuits_go_out_and_come_back_equal(n_genes):
    for circuit in random_circuits(3, n_genes, seed=5).double():
        found = recognised_circuit(network_from_antimony(to_antimony(circuit)))
        n = int(circuit[-1].diagonal().sum())
        torch.testing.assert_close(found.circuit, circuit[:, :n, :n], rtol=0, atol=1e-6)
        assert found.genes == tuple("ABCDE"[:n])


def test_initial_levels_come_back_with_the_names_of_genes():
    circuit = random_circuits(1, 3, seed=1).double()[0]
    largest = unpack(circuit[None]).largest[0]
    text = to_antimony(circuit, initial=0.25 * largest, genes=["lacI", "tetR", "cI"])
    found = recognised_circuit(network_from_antimony(text))
    assert found.genes == ("lacI", "tetR", "cI")
    torch.testing.assert_close(found.initial, 0.25 * largest)


OTHERWISE = """
function up(x, K, n) x^n / (K^n + x^n) end
model m()
  compartment c; c = 3; species A in c, B in c; A = 1; B = 2;
  f := 1/20 + 19/20 * up(B, 3.5, 2.5);
  make_A: => A; 30 * f * c / c;
  lose_A: A => ; A * 0.5;
  make_B: => B; (10 * (0.1 + 0.9 / (1 + A^2 / 16))) ;
  lose_B: B => ; kd * B; kd = 0.2;
end
"""


def test_how_a_hill_function_is_written_does_not_matter():
    found = recognised_circuit(network_from_antimony(OTHERWISE))
    kinetics = unpack(found.circuit[None])
    assert kinetics.sign[0].tolist() == [[0, -1], [1, 0]]
    np.testing.assert_allclose(kinetics.production[0], [30, 10], rtol=1e-9)
    np.testing.assert_allclose(kinetics.degradation[0], [0.5, 0.2], rtol=1e-9)
    np.testing.assert_allclose(kinetics.hill[0, [0, 1], [1, 0]], [2, 2.5], rtol=1e-7)
    np.testing.assert_allclose(kinetics.fold[0, [0, 1], [1, 0]], [10, 20], rtol=1e-7)
    levels = kinetics.threshold[0, [0, 1], [1, 0]] * kinetics.largest[0]
    np.testing.assert_allclose(levels, [4, 3.5], rtol=1e-7)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("A * 0.5", "A * A * 0.5", "degradation of A is not in proportion to A"),
        ("A^2 / 16", "exp(A)", "effect of A on B is no shifted Hill function"),
        ("0.1 + 0.9", "0.9", "fold of circuit 1 is .*, but its range is 1 to 100"),
        ("lose_A: A =>", "lose_A: A => B", "B has 2 reactions of production"),
        ("make_B: => B", "make_B: => 2 B", "turns other species over"),
        ("30 * f", "30 * (f + A)", "no product of one factor a regulator"),
        ("30 * f", "3e5 * f", "threshold of circuit 1 is 6.*, but its range"),
        ("end\n", "at time > 3: A = 1; end\n", "has events"),
    ],
)
def test_what_is_no_circuit_is_refused_in_words(old, new, words):
    text = OTHERWISE.replace(old, new) if old != "end\n" else OTHERWISE.rstrip()[:-3] + new
    with pytest.raises(InputError, match=words):
        recognised_circuit(network_from_antimony(text))


def test_every_suffix_gives_the_same_circuit(tmp_path):
    circuit = random_circuits(1, 3, seed=2).double()[0]
    text = to_antimony(circuit)
    (tmp_path / "c.ant").write_text(text)
    (tmp_path / "c.xml").write_text(network_to_sbml(network_from_antimony(text)))
    (tmp_path / "c.sbml.gz").write_bytes(gzip.compress((tmp_path / "c.xml").read_bytes()))
    signed = load_circuit(tmp_path / "c.ant").signed
    for name in ("c.ant", "c.xml", "c.sbml.gz"):
        found = load_circuit(tmp_path / name)
        torch.testing.assert_close(found.circuit, circuit, rtol=0, atol=1e-6)
        assert found.signed == signed
        assert "3 species and 6 reactions" in found.messages


def test_signs_alone_are_circuits_in_the_middle_of_their_ranges(tmp_path):
    files = {
        "c.bnet": "A, !B\nB, A\n",
        "c.aeon": "B -| A\nA -> B\n",
        "c.topo": "Source Target Type\nB A 2\nA B 1\n",
        "c.sif": "B -| A\nA -> B\n",
        "c.csv": "B,A,-\nA,B,+\n",
        "c.circuitree": "*AB::ABa_BAi",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        found = load_circuit(tmp_path / name)
        place = [found.signed.genes.index(gene) for gene in "AB"]
        assert found.signed.signs[np.ix_(place, place)].tolist() == [[0, 1], [-1, 0]]
        assert found.circuit.shape == (7, 2, 2)
        assert found.network is None
        assert "the middle of their ranges" in found.messages[-1]


def test_the_repressilator_of_biomodels_is_a_network_and_says_why_it_is_no_circuit_of_genes():
    folder = Path(os.environ.get("SCIADV_DATA", ".")) / "circuits/biomodels_repressilator"
    if not folder.is_dir():
        pytest.skip("BIOMD0000000012 is not under SCIADV_DATA")
    found = load_circuit(folder / "BIOMD0000000012.xml.gz")
    assert found.circuit is None
    assert len(found.network.species) == 6
    assert "no circuit of genes was recognised" in found.messages[-1]


def test_files_that_cannot_be_read_are_refused_in_words(tmp_path):
    (tmp_path / "c.doc").write_text("A")
    (tmp_path / "c.bnet.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError, match=r"end in .bnet, .aeon, .*, not from c.doc"):
        load_circuit(tmp_path / "c.doc")
    with pytest.raises(InputError, match="cannot be read as gzipped text"):
        load_circuit(tmp_path / "c.bnet.gz")
    with pytest.raises(InputError, match="does not exist"):
        load_circuit(tmp_path / "none.bnet")
