"""Netlists of SPICE into components: resistors to sources, small-signal transistors, subcircuits.

Analyses and options are left out and named. What would change the circuit and is not understood is refused,
with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sciadv.errors import InputError
from sciadv.physics.small_signal.elements import Kind
from sciadv.physics.small_signal.netlist import GROUND, GROUNDS, Component, Netlist
from sciadv.physics.small_signal.spice_values import spice_number

#: Kinds by the letter of a name.
_LETTERS = {
    "r": Kind.RESISTOR,
    "c": Kind.CAPACITOR,
    "l": Kind.INDUCTOR,
    "g": Kind.TRANSCONDUCTANCE,
    "e": Kind.GAIN,
    "v": Kind.VOLTAGE_SOURCE,
    "i": Kind.CURRENT_SOURCE,
}
_SOURCES = (Kind.VOLTAGE_SOURCE, Kind.CURRENT_SOURCE)
_CONTROLLED = (Kind.TRANSCONDUCTANCE, Kind.GAIN)
#: Commands that change no linear circuit.
_ANALYSES = (
    ".ac",
    ".tran",
    ".noise",
    ".op",
    ".dc",
    ".tf",
    ".pz",
    ".print",
    ".plot",
    ".probe",
    ".save",
    ".meas",
    ".measure",
    ".option",
    ".options",
    ".temp",
    ".title",
    ".global",
    ".width",
)
#: Small-signal transistors: what a parameter is, between which terminals, controlled by which.
_MOSFET: Mapping[str, tuple[str, str]] = {
    "gm": ("g", "dsgs"),
    "gmb": ("g", "dsbs"),
    "gds": ("conductance", "ds"),
    "cgs": ("c", "gs"),
    "cgd": ("c", "gd"),
    "cgb": ("c", "gb"),
    "cdb": ("c", "db"),
    "csb": ("c", "sb"),
}
_BIPOLAR: Mapping[str, tuple[str, str]] = {
    "gm": ("g", "cebe"),
    "rpi": ("r", "be"),
    "ro": ("r", "ce"),
    "cpi": ("c", "be"),
    "cmu": ("c", "bc"),
}
_TRANSISTORS = {"m": ("dgsb", _MOSFET), "q": ("cbe", _BIPOLAR)}


@dataclass(frozen=True)
class _Line:
    """A line with its continuations: its number and its words."""

    number: int
    words: tuple[str, ...]

    def refuse(self, reason: str) -> InputError:
        """Return the error that names the line."""
        return InputError(f"line {self.number}, {' '.join(self.words)!r}: {reason}")


@dataclass(frozen=True)
class _Subcircuit:
    ports: tuple[str, ...]
    lines: list[_Line] = field(default_factory=list)


def read_spice(text: str, *, title: str | None = None) -> Netlist:
    r"""Return the circuit of a netlist; names and nodes in small letters, as SPICE takes them.

    Parameters
    ----------
    text
        Of the file; its first line is a title.
    title
        Of the circuit, where the text has none: then its first line is part of the circuit.

    Raises
    ------
    InputError
        A line is not understood, a number is none, or a subcircuit is unknown, wrongly used or never ends.

    Examples
    --------
    >>> found = read_spice("low pass\nV1 in 0 ac 1\nR1 in out 1k\nC1 out 0 1n\n.ac dec 10 1 1meg\n.end")
    >>> [(one.name, one.value) for one in found.components]
    [('v1', 1.0), ('r1', 1000.0), ('c1', 1e-09)]
    >>> found.left_out
    ('line 5, .ac',)
    """
    rows = text.splitlines()
    first = rows[0] if title is None and rows else (title or "")
    skipped = 1 if title is None else 0
    left_out: list[str] = []
    plain, known = _sorted(list(_joined(rows, skipped)), left_out)
    components = tuple(part for line in plain for part in _parts(line, known, ()))
    return Netlist(first.strip(" *\t"), components, tuple(left_out))


def _joined(rows: list[str], skipped: int) -> Iterator[_Line]:
    """Yield lines with their continuations, without comments."""
    held: _Line | None = None
    in_control = False
    for number, row in enumerate(rows[skipped:], skipped + 1):
        words = tuple(re.split(r"[;$]", row.lower())[0].replace("(", " ").replace(")", " ").split())
        if in_control or (words and words[0] == ".control"):
            in_control = not words or words[0] != ".endc"
            continue
        if not words or words[0].startswith("*"):
            continue
        if words[0].startswith("+"):
            more = tuple(word for word in (words[0][1:], *words[1:]) if word)
            held = None if held is None else replace(held, words=held.words + more)
            continue
        if held is not None:
            yield held
        held = _Line(number, words)
    if held is not None:
        yield held


def _sorted(
    lines: list[_Line],
    left_out: list[str],
) -> tuple[list[_Line], dict[str, _Subcircuit]]:
    """Return the lines of the circuit itself, and subcircuits by name."""
    plain: list[_Line] = []
    known: dict[str, _Subcircuit] = {}
    opened: _Line | None = None
    for line in lines:
        command = line.words[0]
        if command == ".end":
            break
        if command == ".subckt":
            if opened is not None or len(line.words) < 3:
                raise line.refuse("a subcircuit has a name and ports, and is not inside another one")
            opened = line
            known[line.words[1]] = _Subcircuit(tuple(map(_node, line.words[2:])))
        elif command == ".ends":
            opened = None
        elif command.startswith("."):
            if command not in _ANALYSES:
                raise line.refuse("this command is not understood, and may change the circuit")
            left_out.append(f"line {line.number}, {command}")
        else:
            (plain if opened is None else known[opened.words[1]].lines).append(line)
    if opened is not None:
        raise opened.refuse("this subcircuit has no .ends")
    return plain, known


def _node(name: str) -> str:
    return GROUND if name in GROUNDS else name


def _parts(
    line: _Line,
    known: Mapping[str, _Subcircuit],
    inside: tuple[str, ...],
) -> list[Component]:
    """Return the components that a line stands for."""
    letter = line.words[0][0]
    if letter == "x":
        return _expanded(line, known, inside)
    if letter in _TRANSISTORS:
        return _transistor(line, *_TRANSISTORS[letter])
    if letter not in _LETTERS:
        raise line.refuse(
            f"elements are R, C, L, G, E, V, I, X and small-signal M and Q, and {line.words[0]!r} is none"
        )
    kind = _LETTERS[letter]
    n_nodes = 4 if kind in _CONTROLLED else 2
    if len(line.words) < n_nodes + 1 + (kind not in _SOURCES):
        raise line.refuse(f"expected a name, {n_nodes} nodes and a value")
    nodes = tuple(map(_node, line.words[1 : n_nodes + 1]))
    rest = line.words[n_nodes + 1 :]
    value = _amplitude(line, rest) if kind in _SOURCES else _plain_value(line, rest)
    return [Component(line.words[0], kind, nodes, value, line.number)]


def _number(line: _Line, text: str) -> float:
    try:
        return spice_number(text)
    except InputError as error:
        raise line.refuse(str(error)) from error


def _plain_value(line: _Line, rest: tuple[str, ...]) -> float:
    """Return the value of a resistor, capacitor, inductor or controlled source."""
    if len(rest) > 1:
        raise line.refuse(f"{' '.join(rest[1:])!r} is not understood: one value was expected")
    letter, equals, value = rest[0].partition("=")
    if equals and letter not in ("r", "c", "l", "gm", "gain", "value"):
        raise line.refuse(f"the parameter {letter!r} is not understood")
    return _number(line, value if equals else rest[0])


def _amplitude(line: _Line, rest: tuple[str, ...]) -> float:
    """Return the small-signal amplitude of a source: 1 after a bare ``ac``, 0 without one."""
    if "ac" not in rest:
        return 0.0
    after = rest[rest.index("ac") + 1 :]
    numbers = [word for word in after[:2] if re.match(r"[-+.\d]", word)]
    if len(numbers) == 2 and _number(line, numbers[1]) != 0:
        raise line.refuse("a phase of a source is not understood here: turn its nodes, or use amplitude")
    return _number(line, numbers[0]) if numbers else 1.0


def _transistor(
    line: _Line,
    terminals: str,
    table: Mapping[str, tuple[str, str]],
) -> list[Component]:
    """Return the elements that a small-signal transistor stands for."""
    plain = [word for word in line.words[1:] if "=" not in word]
    named = dict(word.split("=", 1) for word in line.words[1:] if "=" in word)
    unknown = sorted(set(named) - set(table))
    if len(plain) != len(terminals) or unknown or "gm" not in named:
        said = f"; not understood: {', '.join(unknown)}" if unknown else ""
        raise line.refuse(
            f"a transistor is small-signal here, without a model: {len(terminals)} nodes "
            f"({', '.join(terminals)}) and gm=..., with any of {', '.join(table)}{said}"
        )
    at = dict(zip(terminals, map(_node, plain), strict=True))
    return [_of_parameter(line, key, table[key], at, _number(line, text)) for key, text in named.items()]


def _of_parameter(
    line: _Line, key: str, what: tuple[str, str], at: Mapping[str, str], value: float
) -> Component:
    letter, ends = what
    nodes = tuple(at[end] for end in ends)
    name = f"{'r' if letter == 'conductance' else letter}.{line.words[0]}.{key}"
    if letter == "conductance":
        if value == 0:
            raise line.refuse(f"{key} is 0; leave it out")
        return Component(name, Kind.RESISTOR, nodes, 1 / value, line.number)
    return Component(name, _LETTERS[letter], nodes, value, line.number)


def _expanded(
    line: _Line,
    known: Mapping[str, _Subcircuit],
    inside: tuple[str, ...],
) -> list[Component]:
    """Return the components of a subcircuit that is used."""
    name, *nodes, kind = line.words
    if kind not in known:
        there = ", ".join(sorted(known)) or "none"
        raise line.refuse(f"there is no subcircuit {kind!r}; there are: {there}")
    if kind in inside:
        raise line.refuse(f"the subcircuit {kind!r} is inside itself")
    ports = known[kind].ports
    if len(nodes) != len(ports):
        raise line.refuse(f"{kind!r} has {len(ports)} ports, and {len(nodes)} nodes are given")
    outside = {**dict(zip(ports, map(_node, nodes), strict=True)), GROUND: GROUND}
    found = []
    for inner in known[kind].lines:
        for part in _parts(inner, known, (*inside, kind)):
            renamed = tuple(outside.get(node, f"{name}.{node}") for node in part.nodes)
            letter = part.name[0]
            found.append(replace(part, name=f"{letter}.{name}.{part.name}", nodes=renamed))
    return found
