"""Netlists in and out, and what is wrong with one in words."""

import pytest
import torch

from benchmarks.design.random_linear_circuits import random_circuits
from sciadv.errors import InputError
from sciadv.physics.small_signal.analysis import responses
from sciadv.physics.small_signal.elements import Kind
from sciadv.physics.small_signal.netlist_checks import checked_netlist
from sciadv.physics.small_signal.spice_reader import read_spice
from sciadv.physics.small_signal.spice_values import spice_number
from sciadv.physics.small_signal.spice_writer import to_spice


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4.7k", 4700.0),
        ("10pF", 1e-11),
        ("1MEG", 1e6),
        ("3m", 3e-3),
        ("2.2e-6", 2.2e-6),
        (".5u", 5e-7),
        ("1e3ohm", 1e3),
        ("-2G", -2e9),
        ("1mil", 25.4e-6),
        ("7f", 7e-15),
    ],
)
def test_numbers_are_read_with_their_suffixes(text, value):
    assert spice_number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("text", ["", "k", "1..2", "four", "1e-"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError, match="no number of SPICE"):
        spice_number(text)


def test_random_circuits_come_back_the_same():
    for one in random_circuits(12, seed=3):
        again = read_spice(to_spice(one))
        parts = [(part.name, part.kind, part.nodes, part.value) for part in again.components]
        assert parts == [(part.name, part.kind, part.nodes, part.value) for part in one.components]


def test_a_subcircuit_within_another_one_is_what_it_stands_for():
    text = """nested
.subckt half a b
R1 a m 1k
R2 m b 1k
.ends
.subckt whole x y
X1 x y half
.ends
V1 in 0 ac 1
X1 in out whole
RL out gnd 2k ; the load
.op
.end
ignored"""
    found = read_spice(text)
    assert found.left_out == ("line 12, .op",)
    answer = responses([checked_netlist(found)], ["out"], torch.ones(1, dtype=torch.float64))
    assert answer.real.item() == pytest.approx(0.5)


def test_a_small_signal_transistor_is_its_elements():
    text = "common source\nVin g 0 ac 1\nM1 d g 0 0 gm=1m gds=10u cgs=1p\n+ cgd=0.1p\nRd d 0 10k"
    found = read_spice(text)
    assert [one.kind for one in found.components[1:5]] == [
        Kind.TRANSCONDUCTANCE,
        Kind.RESISTOR,
        Kind.CAPACITOR,
        Kind.CAPACITOR,
    ]
    answer = responses([found], ["d"], torch.full((1,), 1e-3, dtype=torch.float64))
    assert answer.real.item() == pytest.approx(-1e-3 / (1e-5 + 1e-4))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("V1 a 0 ac 1\nD1 a 0 fast", "line 3, 'd1 a 0 fast': elements are R, C, L"),
        ("V1 a 0 ac 1\nR1 a 0 four", "line 3.*no number of SPICE"),
        ("V1 a 0 ac 1\nR1 a 0", "expected a name, 2 nodes and a value"),
        ("V1 a 0 ac 1\nR1 a 0 1k tc=1", "'tc=1' is not understood"),
        ("V1 a 0 ac 1 90\nR1 a 0 1k", "a phase of a source"),
        ("V1 a 0 ac 1\nM1 a a 0 0 nmos w=1u", "small-signal here, without a model"),
        ("V1 a 0 ac 1\nX1 a 0 amp", "no subcircuit 'amp'; there are: none"),
        (".subckt s a b\nR1 a b 1\nV1 a 0 ac 1", "has no .ends"),
        (".param x=1\nR1 a 0 1", "line 2.*this command is not understood"),
        (".subckt s a\nX1 a s\n.ends\nX1 a s", "inside itself"),
    ],
)
def test_what_is_not_understood_is_named_with_its_line(lines, words):
    with pytest.raises(InputError, match=words):
        read_spice("title\n" + lines)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("* nothing", "has no components"),
        ("V1 a b ac 1\nR1 a b 1k", "has no ground"),
        ("V1 a 0 ac 1\nR1 a 0 1k\nR1 a 0 2k", r"two components of one name: r1 \(line 3\), r1 \(line 4\)"),
        ("V1 a 0 ac 1\nR1 a 0 0", "r1 .*a short between a and 0"),
        ("V1 a a ac 1\nR1 a 0 1", "v1 .*shorted"),
        ("V1 a 0 ac 1\nV2 a 0 ac 1\nR1 a 0 1", r"v2 \(line 3\) closes a loop of voltage sources"),
        ("V1 a 0 ac 1\nR1 a 0 1\nR2 b c 1", "floating node: b, c"),
        ("V1 a 0 ac 1\nR1 a 0 1\nG1 0 b a 0 1m", "floating node: b"),
        ("V1 a 0 ac 1\nR1 b 0 1\nG1 b 0 b 0 -1", "singular equations: nothing fixes node b"),
    ],
)
def test_what_cannot_be_solved_is_said_in_words(lines, words):
    with pytest.raises(InputError, match=words):
        checked_netlist(read_spice("bad\n" + lines))


def test_random_circuits_can_be_solved():
    for one in random_circuits(40, seed=9):
        checked_netlist(one)
