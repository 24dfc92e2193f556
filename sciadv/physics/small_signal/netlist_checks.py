"""What is wrong with a netlist, in words: before its equations are solved, and where they are singular."""

from __future__ import annotations

import math
from collections import Counter

import torch

from sciadv.errors import InputError
from sciadv.physics.small_signal.elements import Kind, System, assemble
from sciadv.physics.small_signal.netlist import GROUND, Component, Netlist, elements_of

_TWO_ENDED = (
    Kind.RESISTOR,
    Kind.CAPACITOR,
    Kind.INDUCTOR,
    Kind.VOLTAGE_SOURCE,
    Kind.GAIN,
)
_FIXES_VOLTAGE = (Kind.VOLTAGE_SOURCE, Kind.GAIN)


def checked_netlist(netlist: Netlist) -> Netlist:
    """Return a netlist that can be solved.

    Raises
    ------
    InputError
        It is empty, has no ground or no source, has a name twice, an impossible value, a short, a loop of
        voltage sources or a floating node, or its equations are singular.

    Examples
    --------
    >>> alone = Component("R1", Kind.RESISTOR, ("a", "b"), 1.0)
    >>> checked_netlist(Netlist("bad", (alone,)))
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: bad has no ground: connect one node to 0
    """
    name = netlist.title or "the netlist"
    if not netlist.components:
        raise InputError(f"{name} has no components")
    if all(GROUND not in one.nodes for one in netlist.components):
        raise InputError(f"{name} has no ground: connect one node to {GROUND}")
    _check_names(netlist, name)
    for one in netlist.components:
        _check_value(one, name)
    _check_loops(netlist, name)
    _check_floating(netlist, name)
    _check_singular(netlist, name)
    return netlist


def _where(one: Component) -> str:
    return f"{one.name} (line {one.line})" if one.line else one.name


def _check_names(netlist: Netlist, name: str) -> None:
    counted = Counter(one.name.lower() for one in netlist.components)
    twice = [_where(one) for one in netlist.components if counted[one.name.lower()] > 1]
    if twice:
        raise InputError(f"{name} has two components of one name: {', '.join(twice)}; rename one")


def _check_value(one: Component, name: str) -> None:
    if not math.isfinite(one.value):
        raise InputError(f"{name}: {_where(one)} has the value {one.value}, which is not finite")
    if one.kind in (Kind.RESISTOR, Kind.INDUCTOR) and one.value == 0:
        raise InputError(f"{name}: {_where(one)} is 0, a short between {' and '.join(one.nodes)}; join them")
    if one.kind in _FIXES_VOLTAGE and one.nodes[0] == one.nodes[1]:
        raise InputError(f"{name}: {_where(one)} is shorted: both of its ends are at {one.nodes[0]}")


class _Groups:
    """Nodes that are connected; union by the representative of each."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def find(self, node: str) -> str:
        """Return the representative of a node's group."""
        while (above := self._parent.get(node, node)) != node:
            node = above
        return node

    def join(self, one: str, other: str) -> bool:
        """Join two groups; return whether they were one before."""
        first, second = self.find(one), self.find(other)
        self._parent[first] = second
        return first == second


def _check_loops(netlist: Netlist, name: str) -> None:
    groups = _Groups()
    for one in netlist.components:
        if one.kind in _FIXES_VOLTAGE and groups.join(one.nodes[0], one.nodes[1]):
            raise InputError(
                f"{name}: {_where(one)} closes a loop of voltage sources, a short between "
                f"{' and '.join(one.nodes[:2])}; put a resistor in series"
            )


def _check_floating(netlist: Netlist, name: str) -> None:
    groups = _Groups()
    for one in netlist.components:
        if one.kind in _TWO_ENDED:
            groups.join(one.nodes[0], one.nodes[1])
    ground = groups.find(GROUND)
    floating = [node for node in netlist.nodes if groups.find(node) != ground]
    if floating:
        users = [_where(one) for one in netlist.components if floating[0] in one.nodes]
        raise InputError(
            f"{name} has a floating node: {', '.join(floating)} has no resistor, capacitor, inductor or "
            f"voltage source on a way to ground (it is used by {', '.join(users)})"
        )


def _check_singular(
    netlist: Netlist,
    name: str,
    *,
    rate: float = 1.7e5,
) -> None:
    """Refuse equations that are singular at a frequency that is nobody's pole."""
    equations = assemble(elements_of([netlist]))
    matrix = _balanced(equations, rate)
    _, sizes, directions = torch.linalg.svd(matrix)
    smallest = float(sizes[-1] / sizes[0])
    if smallest < 1e-15:
        weights = directions[-1].abs()
        names = [what for what, w in zip(netlist.unknowns(), weights.tolist(), strict=True) if w > 0.1]
        raise InputError(
            f"{name} has singular equations: nothing fixes {', '.join(names)}; look for controlled sources "
            f"that cancel each other, or for a node that only current sources reach"
        )


def _balanced(equations: System, rate: float) -> torch.Tensor:
    """Return ``G + s C`` with rows and columns of like size."""
    matrix = equations.conductance[0] + rate * (0.6 + 0.8j) * equations.susceptance[0]
    for _ in range(4):
        matrix = matrix / matrix.abs().amax(1, keepdim=True).clamp_min(1e-300).sqrt()
        matrix = matrix / matrix.abs().amax(0, keepdim=True).clamp_min(1e-300).sqrt()
    return matrix
