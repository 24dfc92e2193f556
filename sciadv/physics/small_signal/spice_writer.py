"""Components into a netlist of SPICE, with full digits, as ngspice and other simulators read it."""

from __future__ import annotations

from collections.abc import Sequence

from sciadv.physics.small_signal.elements import Kind
from sciadv.physics.small_signal.netlist import Component, Netlist

_SOURCES = (Kind.VOLTAGE_SOURCE, Kind.CURRENT_SOURCE)


def to_spice(netlist: Netlist, commands: Sequence[str] = ()) -> str:
    """Return the text of a netlist; `read_spice` gives the same circuit back.

    Parameters
    ----------
    netlist
        A circuit.
    commands
        Lines before the end: ``.ac dec 10 1 1e9``.

    Examples
    --------
    >>> one = Component("R1", Kind.RESISTOR, ("a", "0"), 4700.0)
    >>> to_spice(Netlist("load", (one,))).splitlines()
    ['* load', 'R1 a 0 4700', '.end']
    """
    lines = [f"* {netlist.title}", *(_line(one) for one in netlist.components), *commands, ".end"]
    return "\n".join(lines) + "\n"


def _line(one: Component) -> str:
    value = f"{one.value:.17g}"
    shortest = repr(one.value).removesuffix(".0")
    number = shortest if float(shortest) == one.value else value
    words = ["dc 0 ac", number] if one.kind in _SOURCES else [number]
    return " ".join([one.name, *one.nodes, *words])
