"""Amplifiers of the Open Circuit Benchmark as designs of `sciadv.forward.AnalogAmplifier`.

Read from a text file in the format of the benchmark's own generator, under ``SCIADV_DATA``; nothing is
fetched. The published performances are not used: they come from another simulator and are not aligned with
circuits that anyone can generate.

References
----------
Dong and others, CktGNN: Circuit Graph Neural Network for Electronic Design Automation, ICLR 2023; the
repository zehao-dong/CktGNN (MIT).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from sciadv.data.circuit_files import circuit_file, has_circuit_file
from sciadv.files.reading import parsing
from sciadv.files.texts import read_gzip
from sciadv.forward.circuits.amplifier_slots import BRANCHES, ENDS, STAGES, Ranges, variables_of
from sciadv.forward.design.quantity import Variable

_FILE = "ocb_regenerated/circuit101_seed1.txt.gz"
_ADVICE = "copy it again"
#: The benchmark's types of stages of the signal's path, in the order of `STAGES`.
_STAGE_TYPES = {6: "+gm", 7: "-gm", 10: "C|+gm", 11: "C|-gm"}


@dataclass(frozen=True)
class Units:
    """What the whole numbers of the benchmark's values stand for.

    Parameters
    ----------
    gm, R, C
        [S], [ohm], [F].
    """

    gm: float = 1e-4
    R: float = 1e5
    C: float = 1e-14


@dataclass(frozen=True)
class _Slot:
    """A subgraph: its type, number and position, what comes before it, and its values by letter."""

    kind: int
    number: int
    position: int
    before: tuple[int, ...]
    values: Mapping[str, float] = field(default_factory=dict)


def benchmark_file() -> Path:
    """Return the file of the benchmark's circuits.

    Raises
    ------
    InputError
        ``SCIADV_DATA`` is not set, or has no such file.
    """
    return circuit_file(_FILE, what="amplifiers")


def has_benchmark() -> bool:
    """Whether the benchmark's circuits are there."""
    return has_circuit_file(_FILE)


def load_amplifiers(path: Path | None = None) -> Tensor:
    """Return the benchmark's amplifiers as designs ``(10000, variables)``; 20 in a row have one topology.

    Parameters
    ----------
    path
        Of a gzipped file in the benchmark's format; the one under ``SCIADV_DATA`` where None.

    Raises
    ------
    InputError
        There is no such file, or it has another format.
    """
    where = benchmark_file() if path is None else path
    raw = read_gzip(where, advice=_ADVICE)
    with parsing(where, "text of the Open Circuit Benchmark", _ADVICE):
        lines = [line.split() for line in raw.decode("ascii").splitlines() if line.strip()]
        return torch.tensor(list(designs_of(lines)), dtype=torch.float64)


def designs_of(lines: Sequence[Sequence[str]]) -> Iterator[list[float]]:
    """Yield the design of each circuit of the benchmark's lines, split at blanks.

    A circuit is a line of three numbers (subgraphs, devices, stages), a line a subgraph and a line a device.

    Raises
    ------
    ValueError, IndexError
        The lines have another format.
    """
    variables = variables_of(Ranges())
    at = 0
    while at < len(lines):
        n_slots, n_devices, n_stages = map(int, lines[at][:3])
        slots = [_slot(line) for line in lines[at + 1 : at + 1 + n_slots]]
        yield _design(slots, n_stages, variables)
        at += 1 + n_slots + n_devices


def _slot(line: Sequence[str]) -> _Slot:
    kind, number, position, n_before = map(int, line[:4])
    before = tuple(map(int, line[4 : 4 + n_before]))
    if kind < 2:
        return _Slot(kind, number, position, before)
    n_inside = int(line[4 + n_before])
    start = 5 + n_before + n_inside
    values = [float(word) for word in line[start + 1 : start + n_inside - 1]]
    return _Slot(kind, number, position, before, dict(zip(_value_letters(kind), values, strict=True)))


def _value_letters(kind: int) -> tuple[str, ...]:
    """Return what the values of a type are of, in the benchmark's order."""
    if kind in (4, 5):
        return ("R", "C")
    name = BRANCHES[kind - 2]
    return tuple(letter for letter in ("C", "R", "gm") if letter in name)


def _design(
    slots: Sequence[_Slot],
    n_stages: int,
    variables: Sequence[Variable],
) -> list[float]:
    found: dict[str, float] = {}
    nodes = {0: "in", 1: "out", 2: "n1", 3: "n2" if n_stages == 3 else "out", 4: "out"}
    after = {before: slot.number for slot in slots for before in slot.before}
    units = Units()
    for slot in slots[2:]:
        if slot.number < 2 + n_stages:
            name = f"stage_{slot.number - 1}"
            choice = float(STAGES.index(_STAGE_TYPES[slot.kind]) + (name == "stage_3"))
        else:
            name = {5: "branch_a", 6: "branch_b", 7: "branch_c"}[slot.position]
            choice = float(slot.kind - 1)
            ends = f"{nodes[slot.before[0]]} {nodes[after[slot.number]]}"
            choices = ("n1 out", "n2 out") if name == "branch_b" else ENDS
            found[f"{name}_between"] = float(choices.index(ends))
        found[name] = choice
        found |= {f"{name}_{letter}": value * getattr(units, letter) for letter, value in slot.values.items()}
    unused = {one.name: 0.0 if one.choices else (one.low * one.high) ** 0.5 for one in variables}
    return [(unused | found)[one.name] for one in variables]
