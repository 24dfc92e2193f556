"""Signed networks come in from Boolean rules, lines and texts and go out again; open signs are named."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciadv.domains.gene_circuits.exchange.signed.boolean_networks import (
    signed_from_aeon,
    signed_from_bnet,
    signed_to_aeon,
    signed_to_bnet,
)
from sciadv.domains.gene_circuits.exchange.signed.boolean_rules import parse_rule, rule_signs
from sciadv.domains.gene_circuits.exchange.signed.edge_lists import (
    signed_from_circuitree,
    signed_from_edge_list,
    signed_from_sif,
    signed_from_topo,
    signed_to_circuitree,
    signed_to_edge_list,
    signed_to_topo,
)
from sciadv.domains.gene_circuits.exchange.signed.sbml_qual import signed_from_sbml_qual, signed_to_sbml_qual
from sciadv.domains.gene_circuits.exchange.signed.signed_network import Edge, SignedNetwork
from sciadv.errors import InputError

DATA = Path(os.environ.get("SCIADV_DATA", ".")) / "circuits"
RING = SignedNetwork.of(
    "ABC", [Edge("A", "B", -1), Edge("B", "C", -1), Edge("C", "A", -1), Edge("A", "A", 1)]
)


def signs_of(network: SignedNetwork) -> dict[tuple[str, str], int]:
    return {(edge.source, edge.target): edge.sign for edge in network.edges}


names = st.sampled_from("abcd")
texts = st.recursive(
    names,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["&", "|", "^", "=>", "<=>"]), inner)
        | st.builds("!({})".format, inner)
    ),
    max_leaves=10,
)
#: The same operators in Python, whose own rules of precedence brackets make void.
PYTHON = (("<=>", "=="), ("=>", "<="), ("!", "1-"), ("|", " or "), ("&", " and "), ("^", "!="))


@given(texts)
def test_signs_are_those_of_all_values(text):
    python = text
    for ours, theirs in PYTHON:
        python = python.replace(ours, theirs)
    rule = parse_rule(text)
    code = compile(python, "rule", "eval")
    found = rule_signs(rule)
    for name in rule.names():
        changes = set()
        for values in np.ndindex(2, 2, 2, 2):
            low = dict(zip("abcd", values, strict=True)) | {name: 0}
            high = low | {name: 1}
            changes.add(int(bool(eval(code, {}, high))) - int(bool(eval(code, {}, low))))
        changes -= {0}
        assert (name in found) == bool(changes)
        if changes:
            assert found[name] == (changes.pop() if len(changes) == 1 else None)


@given(texts)
def test_the_form_of_a_function_never_contradicts_its_values(text):
    rule = parse_rule(text)
    by_form = rule_signs(rule, most=0)
    assert all(by_form[name] in (sign, None) for name, sign in rule_signs(rule).items())


def test_operators_bind_as_in_aeon():
    assert (
        parse_rule("a | b & !c ^ d => e <=> f").postfix
        == parse_rule("((a | ((b & (!c)) ^ d)) => e) <=> f").postfix
    )
    assert parse_rule("a and not b or 1").postfix == parse_rule("(a & !b) || 1").postfix


def test_a_rule_of_many_variables_and_deep_brackets_is_read():
    wide = " | ".join(f"x{k}" for k in range(50)) + " | !y"
    assert rule_signs(parse_rule(wide)) == {**{f"x{k}": 1 for k in range(50)}, "y": -1}
    assert rule_signs(parse_rule("(" * 5000 + "a" + ")" * 5000)) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a &", "ends where a name or a bracket was expected"),
        ("", "ends where a name or a bracket was expected"),
        ("a b", "has 'b' where & or | was expected"),
        ("(a | b", "a bracket that is not closed"),
        ("a | b)", "closes a bracket that is not open"),
        ("a & | b", "has '|' where a name"),
        ("a = b", "cannot be read from '= b' on"),
    ],
)
def test_what_is_no_formula_is_refused_in_words(text, words):
    with pytest.raises(InputError, match=words.replace("|", r"\|").replace(")", r"\)")):
        parse_rule(text)


def test_bnet_gives_signs_names_dual_ones_and_says_what_changes_nothing():
    network = signed_from_bnet(
        "# a model\ntargets, factors\nA, !C & A\nB, (A&!C) | (!A&C)\nC, B | (A & !A)\nD, 1\n"
    )
    assert network.genes == ("A", "B", "C", "D")
    assert signs_of(network) == {
        ("C", "A"): -1, ("A", "A"): 1, ("A", "B"): 0, ("C", "B"): 0, ("B", "C"): 1,
    }  # fmt: skip
    assert "the sign of A on B is not known (dual: it activates and represses)" in network.messages[1]
    assert network.notes == ("A stands in the rule of C and changes nothing there: no edge",)
    assert network.circuit().shape == (7, 4, 4)


def test_aeon_takes_open_signs_from_functions_where_there_are_some():
    network = signed_from_aeon("a -> b\nc -? b\nd -? b\ne -|? b\nc -? c\n$b: a & !c & f(d)\n#comment\n")
    assert signs_of(network)["c", "b"] == 0
    known = signed_from_aeon("a -> b\nc -? b\nd -?? b\n$b: a & !c & (d | !d)\n")
    assert signs_of(known) == {("a", "b"): 1, ("c", "b"): -1, ("d", "b"): 0}
    assert "the file leaves it open" in known.messages[1]


def test_topo_edge_lists_sif_and_circuitree_give_the_same_signs():
    edges = signs_of(RING)
    topo = signed_from_topo("Source Target Type\nA B 2\nB C 2\nC A 2\nA A 1\n")
    table = signed_from_edge_list("from,to,kind\nA,B,represses\nB,C,-\nC,A,inhibition\nA,A,+\n")
    sif = signed_from_sif("A -| B\nB inhibits C\nC -1 A\nA activates A\n")
    tree = signed_from_circuitree("*ABC::AAa_ABi_BCi_CAi")
    for network in (topo, table, sif, tree):
        assert signs_of(network) == edges
    assert signs_of(signed_from_circuitree("ABi_BCi_CAi_AAa")) == edges


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (signed_to_bnet, signed_from_bnet),
        (signed_to_aeon, signed_from_aeon),
        (signed_to_topo, signed_from_topo),
        (signed_to_edge_list, signed_from_edge_list),
        (signed_to_circuitree, signed_from_circuitree),
    ],
)
def test_a_network_goes_out_and_comes_in_with_the_same_signs(write, read):
    assert signs_of(read(write(RING))) == signs_of(RING)


def test_a_qualitative_model_goes_out_and_comes_in_with_the_same_signs():
    pytest.importorskip("libsbml", reason="SBML is read and written by python-libsbml")
    open_one = SignedNetwork.of("AB", [Edge("A", "B", 0, "open"), Edge("B", "A", -1)])
    for network in (RING, open_one):
        back = signed_from_sbml_qual(signed_to_sbml_qual(network))
        assert back.genes == network.genes
        assert signs_of(back) == signs_of(network)


def test_a_qualitative_model_without_signs_has_those_of_its_function_terms():
    pytest.importorskip("libsbml", reason="SBML is read and written by python-libsbml")
    text = signed_to_sbml_qual(SignedNetwork.of("ABC", [Edge(a, "C", 0, "open") for a in "AB"])).replace(
        "<qual:defaultTerm", FUNCTION_TERM + "<qual:defaultTerm"
    )
    assert signs_of(signed_from_sbml_qual(text)) == {("A", "C"): 1, ("B", "C"): -1}


FUNCTION_TERM = """<qual:functionTerm qual:resultLevel="1"><math xmlns="http://www.w3.org/1998/Math/MathML">
<apply><and/><apply><geq/><ci> A </ci><cn type="integer"> 1 </cn></apply>
<apply><lt/><ci> B </ci><cn type="integer"> 1 </cn></apply></apply></math></qual:functionTerm>"""


def test_contradictory_edges_are_one_of_unknown_sign():
    network = signed_from_topo("A B 1\nA B 2\nA C 1\nA C 1\nC A 4\n")
    assert signs_of(network) == {("A", "B"): 0, ("A", "C"): 1, ("C", "A"): 0}
    assert "type 4 of RACIPE" in network.messages[2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: signed_from_edge_list("A,B,+\nA,C,maybe\n"),
            "line 2: the sign 'maybe' is not known; signs are",
        ),
        (lambda: signed_from_edge_list("A,B\n"), "line 1: expected 3 columns"),
        (lambda: signed_from_topo("A B x\nA B y\n"), "line 2: the type is 1 or 2, but it is 'y'"),
        (lambda: signed_from_topo("\n"), "no gene in the network"),
        (lambda: signed_from_circuitree("ABx"), "no text of CircuiTree"),
        (lambda: signed_from_bnet("A, B\nA, C\n"), "line 2: gene A has a rule already"),
        (lambda: signed_from_bnet("A B\n"), "line 1: a rule is 'gene, formula'"),
        (lambda: signed_from_bnet("A, B &\n", file="m.bnet"), "m.bnet, rule of A ends where"),
        (lambda: signed_from_aeon("A => B\n"), "line 1: expected 'a -> b'"),
        (
            lambda: signed_to_circuitree(SignedNetwork.of(map(str, range(27)), [])),
            "single letters for genes, but the network has 27",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(call, words):
    with pytest.raises(InputError, match=words):
        call()


def models(name: str, every: int) -> list[dict[str, str]]:
    path = DATA / name / "models.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{name} is not under SCIADV_DATA")
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [json.loads(line) for line in lines[::every]]


def test_all_models_of_pyboolnet_are_read_and_go_out_and_in_equal():
    found = models("pyboolnet_repository", 1)
    assert len(found) == 30
    for model in found:
        network = signed_from_bnet(model["bnet"], file=model["name"])
        known = {pair: sign for pair, sign in signs_of(network).items() if sign}
        assert signs_of(signed_from_bnet(signed_to_bnet(network))) == known


def test_signs_of_biodivines_functions_are_those_that_its_graphs_state():
    for model in models("biodivine_boolean", 12):
        if "model.bnet" not in model:
            continue
        stated = {}
        if "model.inferred-graph.aeon" in model:
            stated = signs_of(signed_from_aeon(model["model.inferred-graph.aeon"]))
        found = signs_of(signed_from_bnet(model["model.bnet"]))
        assert found
        assert all(stated.get(pair, sign) == sign for pair, sign in found.items())
