"""Elements of linear circuits as a table, and their equations by modified nodal analysis.

A batch of circuits is one padded table: the circuits may differ in everything. The equations of each are
``(G + s C) x = b`` with the voltages of the nodes and the currents of voltage sources and inductors as
unknowns x. Node 0 is ground; currents flow from the first node of an element through it to the second.

References
----------
Ho, Ruehli and Brennan, The modified nodal approach to network analysis, IEEE Trans. Circuits Syst. 22, 1975,
504-509. Vlach and Singhal, Computer Methods for Circuit Analysis and Design, 2nd edition, 1994, section 4.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor


class Kind(IntEnum):
    """What an element is; the unit of its value."""

    NONE = 0
    RESISTOR = 1  # ohm
    CAPACITOR = 2  # F
    INDUCTOR = 3  # H
    TRANSCONDUCTANCE = 4  # S, a voltage-controlled current source
    GAIN = 5  # a voltage-controlled voltage source
    VOLTAGE_SOURCE = 6  # V
    CURRENT_SOURCE = 7  # A


@dataclass(frozen=True, eq=False)
class Elements:
    """The elements of many circuits; what a circuit has fewer of is of kind `Kind.NONE`.

    Parameters
    ----------
    kind
        Of each element, numbers of `Kind` ``(batch, elements)``.
    nodes
        From, to, and the two that control it ``(batch, elements, 4)``; 0 is ground.
    value
        In SI units ``(batch, elements)``; amplitudes of sources are real.
    n_nodes
        The largest number of a node in any of the circuits.
    """

    kind: Tensor
    nodes: Tensor
    value: Tensor
    n_nodes: int


@dataclass(frozen=True, eq=False)
class System:
    """The equations ``(G + s C) x = b + s d`` of many circuits.

    Parameters
    ----------
    conductance
        G ``(batch, unknowns, unknowns)``.
    susceptance
        C, what is multiplied by s ``(batch, unknowns, unknowns)``.
    source
        b ``(batch, unknowns)``.
    source_rate
        d, the part of the source that grows with s ``(batch, unknowns)``.
    """

    conductance: Tensor
    susceptance: Tensor
    source: Tensor
    source_rate: Tensor

    def take(self, rows: Tensor | slice) -> System:
        """Return the equations of some of the circuits."""
        parts = (self.conductance, self.susceptance, self.source, self.source_rate)
        return System(*(part[rows] for part in parts))

    def driven(self, node: int | Tensor) -> System:
        """Return the equations without a node, which is held at 1 V instead of what sources there are.

        One unknown fewer, and the current of a source as another one is spared.

        Parameters
        ----------
        node
            Its number, the same in all circuits or one each ``(batch,)``.
        """
        batch, n = self.source.shape
        at = torch.as_tensor(node, device=self.source.device).expand(batch)[:, None] - 1
        others = torch.arange(n - 1, device=at.device).expand(batch, -1)
        rest = others + (others >= at)
        to_rows = rest[:, :, None].expand(-1, -1, n)
        to_columns = rest[:, None].expand(-1, n - 1, -1)
        column = at[:, None].expand(-1, n - 1, 1)
        G, C = (part.gather(1, to_rows) for part in (self.conductance, self.susceptance))
        sources = (-part.gather(2, column)[:, :, 0] for part in (G, C))
        return System(G.gather(2, to_columns), C.gather(2, to_columns), *sources)


def assemble(elements: Elements) -> System:
    """Return the equations of circuits, differentiable in the elements' values.

    Unknowns that a circuit does not have, because others are larger, are 0 by an equation of their own.

    Examples
    --------
    A source of 1 V, a resistor of 2 ohm and a capacitor of 3 F, ``v2 = 1 / (1 + 6 s)``:

    >>> kind = torch.tensor([[Kind.VOLTAGE_SOURCE, Kind.RESISTOR, Kind.CAPACITOR]])
    >>> nodes = torch.tensor([[[1, 0, 0, 0], [1, 2, 0, 0], [2, 0, 0, 0]]])
    >>> value = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    >>> system = assemble(Elements(kind, nodes, value, n_nodes=2))
    >>> at = system.conductance + 0.5 * system.susceptance
    >>> round(float(torch.linalg.solve(at, system.source)[0, 1]), 6)
    0.25
    """
    kind, value = elements.kind, elements.value
    has_current = (kind == Kind.VOLTAGE_SOURCE) | (kind == Kind.GAIN) | (kind == Kind.INDUCTOR)
    rank = has_current.cumsum(1)
    n = 1 + elements.n_nodes + int(rank[:, -1].max())
    branch = torch.where(has_current, elements.n_nodes + rank, 0)
    places = _places(elements.nodes, branch, n)
    conductance, susceptance = _coefficients(kind, value, has_current)
    G = _summed(conductance, places, n)
    C = _summed(susceptance, places, n)
    G = G + torch.diag_embed(_unused(elements, branch, n).to(G))
    b = _source(elements, branch, n)
    return System(G, C, b, torch.zeros_like(b))


def _places(nodes: Tensor, branch: Tensor, n: int) -> Tensor:
    """Return the flat places of the 15 entries that an element may have ``(batch, elements, 15)``."""
    p, q, a, b = nodes.unbind(2)
    rows = [p, q, p, q, p, p, q, q, branch, branch, p, q, branch, branch, branch]
    columns = [p, q, q, p, a, b, a, b, p, q, branch, branch, a, b, branch]
    return torch.stack(rows, 2) * n + torch.stack(columns, 2)


def _unused(elements: Elements, branch: Tensor, n: int) -> Tensor:
    """Return which unknowns no element of a circuit has ``(batch, n - 1)``."""
    there = elements.kind != Kind.NONE
    places = torch.cat([torch.where(there[:, :, None], elements.nodes, 0), branch[:, :, None]], 2)
    unused = torch.ones(len(places), n, dtype=torch.bool, device=places.device)
    return unused.scatter(1, places.flatten(1), False)[:, 1:]  # torch's signature


def _coefficients(
    kind: Tensor,
    value: Tensor,
    has_current: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the entries of G and C at `_places` ``(batch, elements, 15)``."""
    none = torch.zeros_like(value)
    is_resistor = kind == Kind.RESISTOR
    conductance = torch.where(is_resistor, 1 / torch.where(is_resistor, value, 1.0), none)
    transfer = torch.where(kind == Kind.TRANSCONDUCTANCE, value, none)
    gain = torch.where(kind == Kind.GAIN, value, none)
    unit = has_current.to(value)
    entries = [conductance, conductance, -conductance, -conductance]
    entries += [transfer, -transfer, -transfer, transfer]
    entries += [unit, -unit, unit, -unit, -gain, gain, none]
    capacitance = torch.where(kind == Kind.CAPACITOR, value, none)
    inductance = torch.where(kind == Kind.INDUCTOR, value, none)
    reactive = [capacitance, capacitance, -capacitance, -capacitance, *[none] * 10, -inductance]
    return torch.stack(entries, 2), torch.stack(reactive, 2)


def _summed(entries: Tensor, places: Tensor, n: int) -> Tensor:
    """Return matrices of summed entries, without ground ``(batch, n - 1, n - 1)``."""
    flat = entries.new_zeros(len(entries), n * n)
    summed = flat.scatter_add(1, places.flatten(1), entries.flatten(1))
    return summed.reshape(-1, n, n)[:, 1:, 1:]


def _source(elements: Elements, branch: Tensor, n: int) -> Tensor:
    """Return the right-hand sides ``(batch, n - 1)``."""
    kind, value = elements.kind, elements.value
    voltage = torch.where(kind == Kind.VOLTAGE_SOURCE, value, 0.0)
    current = torch.where(kind == Kind.CURRENT_SOURCE, value, 0.0)
    places = torch.cat(
        [branch, elements.nodes[:, :, 0], elements.nodes[:, :, 1]],
        1,
    )
    entries = torch.cat([voltage, -current, current], 1)
    return value.new_zeros(len(value), n).scatter_add(1, places, entries)[:, 1:]
