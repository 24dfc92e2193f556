"""Names in exported models are ones that Antimony and SBML take, and what changed is said."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.domains.gene_circuits.exchange.antimony import to_antimony
from sciadv.domains.gene_circuits.exchange.safe_names import (
    ANTIMONY_WORDS,
    renamed_words,
    safe_name,
    safe_names,
)
from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import circuits_of

FREE = (
    "e",
    "E",
    "I",
    "PI",
    "Time",
    "lacI",
    "x1",
    "_x",
    "sign",
    "self",
    "lambda",
    "mole",
    "item",
    "rate",
    "persistent",
)
PLACES = {
    "model": "model {}()\n k = 1;\nend\n",
    "species": "model m_9()\n compartment c_9 = 1; species {0} in c_9; J_9: => {0}; 2*{0}; {0} = 1;\nend\n",
    "parameter": "model m_9()\n compartment c_9 = 1; species S_9 in c_9; J_9: => S_9; {0}*S_9; {0}=2;\nend\n",
    "compartment": "model m_9()\n compartment {0} = 1; species S_9 in {0}; J_9: => S_9; 2*S_9;\nend\n",
    "reaction": "model m_9()\n compartment c_9 = 1; species S_9 in c_9; {0}: => S_9; 2*S_9;\nend\n",
}


def takes(antimony, word: str, place: str) -> bool:
    """Whether libantimony loads a model with the word as a name, and the name is in the SBML."""
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(PLACES[place].format(word)) < 0:
        return False
    sbml = antimony.getSBMLString(word if place == "model" else "m_9") or ""
    is_read = place not in ("species", "parameter") or f"<ci> {word} </ci>" in sbml
    return f'id="{word}"' in sbml and is_read


def two_genes() -> torch.Tensor:
    return circuits_of(torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]]))[0]


def test_antimony_refuses_every_reserved_word_somewhere_and_takes_its_safe_name_everywhere():
    antimony = pytest.importorskip("antimony", reason="libantimony is the judge of its names")
    for word in sorted(ANTIMONY_WORDS):
        assert not all(takes(antimony, word, place) for place in PLACES), word
        assert all(takes(antimony, safe_name(word), place) for place in PLACES), word


def test_antimony_takes_the_names_that_stay():
    antimony = pytest.importorskip("antimony", reason="libantimony is the judge of its names")
    for word in (*FREE, safe_name("of_truncatedNormal_kind")):
        assert safe_name(word) == word
        assert all(takes(antimony, word, place) for place in PLACES), word


@pytest.mark.parametrize("word", ["model", "time", "pi", "end", "in", "at", "species"])
def test_a_circuit_with_reserved_names_loads_and_says_what_was_renamed(word):
    antimony = pytest.importorskip("antimony", reason="libantimony is the judge of its names")
    text = to_antimony(two_genes(), name=word, genes=["sin", "gamma"])
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    sbml = antimony.getSBMLString(f"{word}_")
    assert 'id="sin_"' in sbml
    assert 'id="gamma_"' in sbml
    for name in (word, "sin", "gamma"):
        assert f"'{name}' is called {name}_ here: it is reserved in Antimony" in text


def test_names_of_genes_never_meet_those_of_parameters():
    antimony = pytest.importorskip("antimony", reason="libantimony is the judge of its names")
    antimony.clearPreviousLoads()
    text = to_antimony(two_genes(), genes=["A", "g_A"])
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    assert "species g_A_ in cell" in text
    assert "'g_A' is called g_A_ here: the name is taken" in text


@given(st.lists(st.text(max_size=6) | st.sampled_from(sorted(ANTIMONY_WORDS)), unique=True, max_size=8))
def test_safe_names_are_identifiers_different_and_final(names):
    found = safe_names(names)
    assert list(found) == names
    assert len({*found.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) for name in found.values())
    assert safe_names([*found.values()]) == {name: name for name in found.values()}
    assert len(renamed_words(found)) == sum(old != new for old, new in found.items())


@pytest.mark.parametrize("genes", [["a"], ["a", "a"], ["a", "b", "c"]])
def test_names_that_are_not_one_a_gene_are_refused(genes):
    with pytest.raises(InputError, match="2 different names, one a gene"):
        to_antimony(two_genes(), genes=genes)
