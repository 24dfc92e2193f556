"""The space of operational amplifiers of two or three stages: what each slot may hold, as elements.

The stages, the branches and the ranges of their values are those of the Open Circuit Benchmark: a stage or a
branch is a transconductance with its own output resistance and capacitance, a resistor, a capacitor, or some
of them in parallel or in series.

References
----------
Dong and others, CktGNN: Circuit Graph Neural Network for Electronic Design Automation, ICLR 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.forward.design.quantity import Variable
from sciadv.physics.small_signal.elements import Elements, Kind

#: Numbers of the nodes: in, after the first and the second stage, out, and one inside of each branch.
NODES = ("in", "n1", "n2", "out", "ma", "mb", "mc")
#: Stages of the signal's path; "+" is the sign of the transconductance, so that "+gm" inverts.
STAGES = ("+gm", "-gm", "C|+gm", "C|-gm")
#: Passive branches.
PASSIVE = ("R", "C", "R-C", "R|C")
_ACTIVE = ("+gm", "-gm", "+gm back", "-gm back")
#: Branches, in the order of the benchmark's types 2 to 25; "back" drives the first of its two nodes.
BRANCHES = (
    *PASSIVE,
    *_ACTIVE,
    *(f"{passive}|{active}" for passive in ("C", "R", "C|R", "R-C") for active in _ACTIVE),
)
#: Pairs of nodes that a branch may be between.
ENDS = ("in n1", "in n2", "in out", "n1 n2", "n1 out", "n2 out")


@dataclass(frozen=True)
class Ranges:
    """Between which values are designed, and what every transconductance has at its output.

    Parameters
    ----------
    transconductance, resistance, capacitance
        [S], [ohm], [F]; those of the benchmark.
    output_resistance, output_capacitance
        [ohm], [F].
    scatter
        Standard deviation of every value as made, as a part of it.
    """

    transconductance: tuple[float, float] = (1e-4, 1.01e-2)
    resistance: tuple[float, float] = (1e5, 1.01e7)
    capacitance: tuple[float, float] = (1e-14, 1.01e-12)
    output_resistance: float = 1e6
    output_capacitance: float = 5e-14
    scatter: float = 0.0


def variables_of(ranges: Ranges) -> tuple[Variable, ...]:
    """Return the variables of an amplifier, slot by slot."""

    def values(names: str, slot: str) -> list[Variable]:
        known = {
            "gm": ("S", ranges.transconductance),
            "R": ("ohm", ranges.resistance),
            "C": ("F", ranges.capacitance),
        }
        return [
            Variable(
                f"{slot}_{name}",
                unit,
                *ends,
                is_log=True,
                scatter=ranges.scatter,
            )
            for name in names.split()
            for unit, ends in [known[name]]
        ]

    found: list[Variable] = []
    for i in (1, 2, 3):
        choices = STAGES if i < 3 else ("none", *STAGES)
        found += [Variable(f"stage_{i}", choices=choices), *values("gm C", f"stage_{i}")]
    for slot in ("branch_a", "branch_c"):
        found.append(Variable(slot, choices=("none", *BRANCHES)))
        found += [Variable(f"{slot}_between", choices=ENDS), *values("gm R C", slot)]
    found.append(Variable("branch_b", choices=("none", *PASSIVE)))
    found.append(Variable("branch_b_between", choices=("n1 out", "n2 out")))
    return (*found, *values("R C", "branch_b"))


@dataclass(frozen=True)
class Columns:
    """Where the slots are in a design: three stages of three, two branches of five, one of four.

    Parameters
    ----------
    stages, branches, last
        First column of each.
    n
        Columns of all.
    """

    stages: tuple[int, ...] = (0, 3, 6)
    branches: tuple[int, ...] = (9, 14)
    last: int = 19
    n: int = 23


#: The columns of every design.
COLUMNS = Columns()


def _made_of(
    branches: Sequence[str],
    choice: Tensor,
    letters: Sequence[str],
) -> dict[str, Tensor]:
    """Return by letter whether branches have such an element ``(batch,)``; 0 is the choice of none."""
    found = {}
    for letter in letters:
        table = [False, *(letter in _letters(name) for name in branches)]
        found[letter] = torch.tensor(table, device=choice.device)[choice]
    return found


def _letters(name: str) -> set[str]:
    """Return what a branch is made of: R, C, "series", "gm", "-" for a negative one, "back"."""
    found = {letter for letter in ("R", "C", "gm", "back") if letter in name}
    found |= {"series"} if "R-C" in name else set()
    return found | ({"-"} if "-gm" in name else set())


def elements_of_slots(x: Tensor, ranges: Ranges) -> Elements:
    """Return the elements of amplifiers ``(batch, variables)``; the input is node 1, without a source.

    A branch between two nodes that are one, since an amplifier has two stages, is left out.
    """
    has_third = x[:, COLUMNS.stages[2]].round() > 0
    node = torch.arange(1, 8, device=x.device).expand(len(x), -1)
    node = torch.where((node == 3) & ~has_third[:, None], 4, node)
    parts = []
    for i, column in enumerate(COLUMNS.stages):
        choice = x[:, column].round().long() + (0 if i == 2 else 1)
        before, after = node[:, i], node[:, i + 1]
        parts.append(_stage(x[:, column + 1 : column + 3], choice, before, after, ranges))
    for inside, column in zip((5, 7), COLUMNS.branches, strict=True):
        ends = _ends(x[:, column + 1], ENDS, node)
        parts.append(_branch(x, column, ends, torch.full_like(ends[0], inside), ranges))
    ends = _ends(x[:, COLUMNS.last + 1], ("n1 out", "n2 out"), node)
    choice = x[:, COLUMNS.last].round().long()
    values = x[:, COLUMNS.last + 2 :]
    parts.append(_passive(values, choice, PASSIVE, ends, torch.full_like(ends[0], 6)))
    kind, nodes, value = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    return Elements(kind, nodes, value, n_nodes=len(NODES))


#: Kinds ``(batch, elements)``, nodes ``(batch, elements, 4)`` and values of a slot.
_Rows = tuple[Tensor, Tensor, Tensor]


def _ends(
    choice: Tensor,
    pairs: Sequence[str],
    node: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the numbers of both nodes of a branch ``(batch,)``."""
    table = torch.tensor([[NODES.index(end) for end in pair.split()] for pair in pairs], device=node.device)
    first, second = table[choice.round().long()].unbind(1)
    at = torch.arange(len(node), device=node.device)
    return node[at, first], node[at, second]


def _rows(
    parts: Sequence[tuple[Kind, Tensor, Sequence[Tensor], Tensor]],
) -> _Rows:
    """Return a row of each part: kind, where it is at all, nodes and value."""
    none = torch.zeros_like(parts[0][2][0])
    kind = torch.stack([torch.where(there, int(what), 0) for what, there, _, _ in parts], 1)
    ends = [torch.stack([*nodes, *[none] * (4 - len(nodes))], 1) for _, _, nodes, _ in parts]
    value = torch.stack([value for _, _, _, value in parts], 1)
    return kind, torch.stack(ends, 1), value


def _driver(
    gm: Tensor, there: Tensor, nodes: tuple[Tensor, Tensor], ranges: Ranges
) -> list[tuple[Kind, Tensor, Sequence[Tensor], Tensor]]:
    """Return a transconductance from one node into another one, with what it has at its output."""
    control, driven = nodes
    ground = torch.zeros_like(driven)
    resistance = torch.full_like(gm, ranges.output_resistance)
    capacitance = torch.full_like(gm, ranges.output_capacitance)
    return [
        (Kind.TRANSCONDUCTANCE, there, (driven, ground, control, ground), gm),
        (Kind.RESISTOR, there, (driven, ground), resistance),
        (Kind.CAPACITOR, there, (driven, ground), capacitance),
    ]


def _stage(
    values: Tensor,
    choice: Tensor,
    before: Tensor,
    after: Tensor,
    ranges: Ranges,
) -> _Rows:
    there = choice > 0
    sign = torch.where((choice == 2) | (choice == 4), -1.0, 1.0)
    parts = _driver(sign * values[:, 0], there, (before, after), ranges)
    return _rows([*parts, (Kind.CAPACITOR, choice > 2, (before, after), values[:, 1])])


def _branch(
    x: Tensor,
    column: int,
    ends: tuple[Tensor, Tensor],
    inside: Tensor,
    ranges: Ranges,
) -> _Rows:
    choice = x[:, column].round().long()
    gm, others = x[:, column + 2], x[:, column + 3 : column + 5]
    passive = _passive(others, choice, BRANCHES, ends, inside)
    of = _made_of(BRANCHES, choice, ("gm", "-", "back"))
    control = torch.where(of["back"], ends[1], ends[0])
    driven = torch.where(of["back"], ends[0], ends[1])
    there = of["gm"] & (ends[0] != ends[1])
    active = _rows(_driver(torch.where(of["-"], -gm, gm), there, (control, driven), ranges))
    kind, nodes, value = (torch.cat(pair, 1) for pair in zip(passive, active, strict=True))
    return kind, nodes, value


def _passive(
    values: Tensor,
    choice: Tensor,
    branches: Sequence[str],
    ends: tuple[Tensor, Tensor],
    inside: Tensor,
) -> _Rows:
    """Return the resistor and the capacitor of a branch, in series or in parallel."""
    of = _made_of(branches, choice, ("R", "C", "series"))
    there = ends[0] != ends[1]
    after_resistor = torch.where(of["series"], inside, ends[1])
    before_capacitor = torch.where(of["series"], inside, ends[0])
    return _rows(
        [
            (Kind.RESISTOR, of["R"] & there, (ends[0], after_resistor), values[:, 0]),
            (Kind.CAPACITOR, of["C"] & there, (before_capacitor, ends[1]), values[:, 1]),
        ]
    )


def canonical_slots(x: Tensor, middle: Tensor) -> Tensor:
    """Return the same design of all that have the same elements ``(batch, variables)``.

    What a slot does not use gets the value of `middle`, ends that are one with others in an amplifier of two
    stages are named alike, and of the two free branches the one with the lower number comes first.

    Parameters
    ----------
    x
        Designs.
    middle
        A value of each variable ``(variables,)``.
    """
    x = x.clone()
    is_two = x[:, COLUMNS.stages[2]].round() == 0
    for column in COLUMNS.branches:
        ends = x[:, column + 1].round()
        ends = torch.where(is_two & (ends == ENDS.index("in n2")), float(ENDS.index("in out")), ends)
        ends = torch.where(is_two & (ends == ENDS.index("n1 n2")), float(ENDS.index("n1 out")), ends)
        shorted = is_two & (ends == ENDS.index("n2 out"))
        x[:, column + 1] = ends
        x[:, column] = torch.where(shorted, 0.0, x[:, column])
    x[:, COLUMNS.last] = torch.where(is_two & (x[:, COLUMNS.last + 1].round() == 1), 0.0, x[:, COLUMNS.last])
    x = torch.where(used_variables(x), x, middle)
    first, second = (x[:, column : column + 5] for column in COLUMNS.branches)
    swap = (first[:, 0] + 100 * first[:, 1] > second[:, 0] + 100 * second[:, 1])[:, None]
    ordered = [torch.where(swap, second, first), torch.where(swap, first, second)]
    return torch.cat(
        [x[:, : COLUMNS.branches[0]], *ordered, x[:, COLUMNS.last :]],
        1,
    )


def used_variables(x: Tensor) -> Tensor:
    """Return which variables of designs are of an element that is there ``(batch, variables)``."""
    used = torch.ones_like(x, dtype=torch.bool)
    for i, column in enumerate(COLUMNS.stages):
        choice = x[:, column].round() + (0 if i == 2 else 1)
        used[:, column + 1] = choice > 0
        used[:, column + 2] = choice > 2
    slots = [(column, BRANCHES, ("gm", "R", "C")) for column in COLUMNS.branches]
    for column, branches, letters in [*slots, (COLUMNS.last, PASSIVE, ("R", "C"))]:
        choice = x[:, column].round().long()
        used[:, column + 1] = choice > 0
        of = _made_of(branches, choice, letters)
        for i, letter in enumerate(letters, column + 2):
            used[:, i] = of[letter]
    return used
