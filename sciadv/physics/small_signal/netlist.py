"""Netlists: named components between named nodes, and the table of numbers that the equations are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sciadv.errors import UnknownNameError
from sciadv.physics.small_signal.elements import Elements, Kind

#: The name of ground.
GROUND = "0"
#: Names that mean ground, too.
GROUNDS = (GROUND, "gnd")


@dataclass(frozen=True)
class Component:
    """One element of a netlist.

    Parameters
    ----------
    name
        Its letter says what it is, as in SPICE: ``R1``, ``Cload``, ``G2``.
    kind
        What it is.
    nodes
        From, to, and the two that control it, where it is controlled.
    value
        In the SI unit of its kind; the small-signal amplitude of a source.
    line
        Of the file that it was read from; 0 for none.
    """

    name: str
    kind: Kind
    nodes: tuple[str, ...]
    value: float
    line: int = 0


@dataclass(frozen=True)
class Netlist:
    """A circuit.

    Parameters
    ----------
    title
        In words.
    components
        In their order.
    left_out
        What a reader left out because it does not change the circuit, in words.
    """

    title: str
    components: tuple[Component, ...]
    left_out: tuple[str, ...] = ()

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Names of the nodes without ground, in the order in which they come."""
        every = dict.fromkeys(node for one in self.components for node in one.nodes)
        return tuple(node for node in every if node != GROUND)

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the nodes by name; 0 for ground."""
        return {GROUND: 0} | {name: 1 + i for i, name in enumerate(self.nodes)}

    def number(self, node: str) -> int:
        """Return the number of a node; 0 for ground.

        Raises
        ------
        UnknownNameError
            There is no such node.
        """
        if node not in self.numbers:
            raise UnknownNameError(
                f"node of {self.title or 'the netlist'}",
                node,
                self.nodes,
            )
        return self.numbers[node]

    def unknowns(self) -> tuple[str, ...]:
        """Return what the unknowns of the equations are: nodes, then currents, in words."""
        with_current = (Kind.VOLTAGE_SOURCE, Kind.GAIN, Kind.INDUCTOR)
        currents = [f"current of {one.name}" for one in self.components if one.kind in with_current]
        return (*(f"node {node}" for node in self.nodes), *currents)


def elements_of(
    netlists: Sequence[Netlist],
    *,
    numbers: Sequence[dict[str, int]] | None = None,
) -> Elements:
    """Return the table of circuits that may differ in everything.

    Parameters
    ----------
    netlists
        The circuits.
    numbers
        Of the nodes of each by name; in the order in which they come where None.

    Examples
    --------
    >>> divider = Netlist("divider", (
    ...     Component("V1", Kind.VOLTAGE_SOURCE, ("a", "0"), 1.0),
    ...     Component("R1", Kind.RESISTOR, ("a", "b"), 1e3),
    ...     Component("R2", Kind.RESISTOR, ("b", "0"), 1e3),
    ... ))
    >>> table = elements_of([divider])
    >>> table.n_nodes, table.nodes[0, 1].tolist()
    (2, [1, 2, 0, 0])
    """
    longest = max(len(one.components) for one in netlists)
    known = [one.numbers for one in netlists] if numbers is None else numbers
    none: list[tuple[float, ...]] = [(0, 0.0, 0, 0, 0, 0)]
    rows = []
    for one, number in zip(netlists, known, strict=True):
        made = [_row(part, number) for part in one.components]
        rows.append(made + none * (longest - len(made)))
    table = torch.tensor(rows, dtype=torch.float64)
    whole = table[:, :, [0, 2, 3, 4, 5]].long()
    return Elements(whole[:, :, 0], whole[:, :, 1:], table[:, :, 1], max(map(len, known)) - 1)


def _row(part: Component, number: dict[str, int]) -> tuple[float, ...]:
    """Return kind, value and the numbers of four nodes."""
    nodes = [number[node] for node in part.nodes]
    return (int(part.kind), part.value, *nodes, *(0,) * (4 - len(nodes)))


def output_of(
    netlists: Sequence[Netlist],
    node: str,
    n_unknowns: int,
) -> Tensor:
    """Return the weights of one node's voltage in each of the circuits ``(batch, unknowns)``.

    Raises
    ------
    UnknownNameError
        One has no such node.
    """
    weights = torch.zeros(len(netlists), n_unknowns, dtype=torch.float64)
    for i, one in enumerate(netlists):
        number = one.number(node)
        if number:
            weights[i, number - 1] = 1
    return weights
