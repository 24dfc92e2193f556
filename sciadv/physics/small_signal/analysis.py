"""Responses of netlists: circuits of one size are solved together, whatever their topologies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.physics.small_signal.adjoint_solution import solution
from sciadv.physics.small_signal.elements import Kind, System, assemble
from sciadv.physics.small_signal.netlist import GROUND, Component, Netlist, elements_of

_WITH_CURRENT = (Kind.VOLTAGE_SOURCE, Kind.GAIN, Kind.INDUCTOR)
_SOURCES = (Kind.VOLTAGE_SOURCE, Kind.CURRENT_SOURCE)


@dataclass(frozen=True, eq=False)
class SizeGroup:
    """Circuits of one size with their equations.

    Parameters
    ----------
    rows
        Their numbers among all circuits ``(circuits,)``.
    system
        Their equations.
    output
        Weights of the unknowns ``(circuits, unknowns)``.
    """

    rows: Tensor
    system: System
    output: Tensor


def grouped(
    netlists: Sequence[Netlist],
    outputs: Sequence[str],
) -> list[SizeGroup]:
    """Return circuits by their number of unknowns.

    A grounded voltage source that is the only source is not solved for: its node is held.

    Parameters
    ----------
    netlists
        Circuits that can be solved; see `checked_netlist`.
    outputs
        Name of a node of each.

    Raises
    ------
    UnknownNameError
        A circuit has no such node.
    """
    by_size: dict[tuple[int, int, bool], list[_Circuit]] = defaultdict(list)
    for i, (one, output) in enumerate(zip(netlists, outputs, strict=True)):
        circuit = _Circuit(i, one, one.number(output), _held(one))
        by_size[circuit.size].append(circuit)
    return [_group(circuits) for circuits in by_size.values()]


def responses(
    netlists: Sequence[Netlist],
    outputs: Sequence[str],
    frequency: Tensor,
) -> Tensor:
    r"""Return the voltages of one node of each circuit ``(circuits, frequencies)``.

    Parameters
    ----------
    netlists, outputs
        As for `grouped`.
    frequency
        [Hz], ``(frequencies,)``.

    Examples
    --------
    >>> from sciadv.physics.small_signal.spice_reader import read_spice
    >>> divider = read_spice("divider\nV1 a 0 ac 1\nR1 a b 1k\nR2 b 0 3k")
    >>> responses([divider], ["b"], torch.ones(1, dtype=torch.float64)).real.tolist()
    [[0.75]]
    """
    s = 2j * torch.pi * frequency.double()
    found = torch.empty(len(netlists), len(frequency), dtype=torch.complex128)
    for group in grouped(netlists, outputs):
        x = solution(group.system, s)
        found[group.rows] = torch.einsum("bfn,bn->bf", x, group.output.to(x.dtype))
    return found


@dataclass(frozen=True)
class _Circuit:
    """A circuit with its number, the number of its output, and the source whose node is held."""

    row: int
    netlist: Netlist
    output: int
    held: Component | None

    @property
    def components(self) -> tuple[Component, ...]:
        """All but the source whose node is held."""
        return tuple(one for one in self.netlist.components if one is not self.held)

    @property
    def size(self) -> tuple[int, int, bool]:
        """Number of nodes and of currents, and whether a node is held."""
        n_currents = sum(one.kind in _WITH_CURRENT for one in self.components)
        return len(self.netlist.nodes), n_currents, self.held is not None


def _held(netlist: Netlist) -> Component | None:
    """Return the only source, where it is a voltage from a node to ground."""
    sources = [one for one in netlist.components if one.kind in _SOURCES and one.value != 0]
    one = sources[0] if len(sources) == 1 else None
    if one is None or one.kind != Kind.VOLTAGE_SOURCE:
        return None
    return one if one.nodes[0] != GROUND and one.nodes[1] == GROUND else None


def _group(circuits: list[_Circuit]) -> SizeGroup:
    rows = torch.tensor([one.row for one in circuits])
    kept = [Netlist(one.netlist.title, one.components) for one in circuits]
    system = assemble(elements_of(kept, numbers=[one.netlist.numbers for one in circuits]))
    at = torch.tensor([one.output for one in circuits])
    n = system.source.shape[1]
    output = torch.nn.functional.one_hot(at, n + 1)[:, 1:].double()
    held = [(one.netlist.number(one.held.nodes[0]), one.held.value) for one in circuits if one.held]
    if not held:
        return SizeGroup(rows, system, output)
    node, value = torch.tensor(held, dtype=torch.float64).unbind(1)
    return _driven(SizeGroup(rows, system, output), node.long(), value)


def _driven(group: SizeGroup, node: Tensor, value: Tensor) -> SizeGroup:
    """Return circuits whose nodes ``(circuits,)`` are held at a voltage ``(circuits,)``."""
    system = group.system.driven(node)
    source = system.source * value[:, None]
    rate = system.source_rate * value[:, None]
    others = torch.arange(source.shape[1]).expand(len(node), -1)
    output = group.output.gather(1, others + (others >= node[:, None] - 1))
    return SizeGroup(group.rows, replace(system, source=source, source_rate=rate), output)
