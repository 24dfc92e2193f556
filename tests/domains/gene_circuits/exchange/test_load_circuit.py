"""A circuit is read by its file's suffix, and what was read is said in a line."""

import pytest

from sciadv.domains.gene_circuits.exchange.load_circuit import load_circuit
from sciadv.errors import InputError


def test_what_was_read_is_said_in_a_line(tmp_path):
    (tmp_path / "toggle.topo").write_text("Source Target Type\nA B 2\nB A 2\n")
    said = repr(load_circuit(tmp_path / "toggle.topo"))
    assert said.startswith("LoadedCircuit(2 genes and 2 edges of known sign")
    assert len(said) < 200


def test_an_edge_of_unknown_sign_is_left_out_and_named(tmp_path):
    (tmp_path / "dual.topo").write_text("Source Target Type\nA B 3\n")
    found = load_circuit(tmp_path / "dual.topo")
    assert any("the sign of A on B is not known" in message for message in found.messages)


def test_a_parameter_without_a_value_is_named(tmp_path):
    pytest.importorskip("antimony", reason="antimony is not installed")
    (tmp_path / "decay.ant").write_text("model m\n  A -> ; k*A\n  A = 1\nend\n")
    messages = load_circuit(tmp_path / "decay.ant").messages
    assert "k has no value in the file and counts as 0; give it one" in messages
    (tmp_path / "decay.ant").write_text("model m\n  A -> ; k*A\n  A = 1; k = 1\nend\n")
    assert not any("has no value" in one for one in load_circuit(tmp_path / "decay.ant").messages)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("circuit.xml", "hello", "it is not XML"),
        ("circuit.bnet", "A, B & !\n", "ends where a name or a bracket was expected"),
        ("circuit.docx", "A", "docx"),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path, name, text, words):
    pytest.importorskip("libsbml", reason="python-libsbml is not installed")
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        load_circuit(tmp_path / name)
