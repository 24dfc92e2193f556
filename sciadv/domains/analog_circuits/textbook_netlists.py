"""Textbook circuits of transistors as topologies: the netlists of AnalogGenie, which have no sizes.

Read from ``circuits/analoggenie`` under ``SCIADV_DATA``; nothing is fetched. What a line says that is not
understood is named, not guessed.

References
----------
Gao and others, AnalogGenie: a generative engine for automatic discovery of analog circuit topologies, ICLR
2025; the repository xz-group/AnalogGenie (MIT).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sciadv.data.circuit_files import circuit_file, has_circuit_file
from sciadv.errors import InputError
from sciadv.files.texts import parse_json, read_gzip
from sciadv.physics.small_signal.elements import Kind
from sciadv.physics.small_signal.netlist import GROUND, Netlist
from sciadv.physics.small_signal.spice_reader import read_spice

_FILE = "analoggenie/netlists.jsonl.gz"
_LINE = re.compile(r"\s*(\S+)\s*\(([^)]*)\)\s*(\S+)\s*")
#: Terminals by kind of device.
TERMINALS = {
    "nmos4": ("drain", "gate", "source", "bulk"),
    "pmos4": ("drain", "gate", "source", "bulk"),
    "npn": ("collector", "base", "emitter", "substrate"),
    "pnp": ("collector", "base", "emitter", "substrate"),
    "resistor": ("one", "other"),
    "capacitor": ("one", "other"),
    "inductor": ("one", "other"),
    "diode": ("anode", "cathode"),
}
#: Nodes that do not move with a small signal.
_SUPPLIES = ("VDD", "VSS", "GND", "0")


@dataclass(frozen=True)
class Device:
    """A device without a size: its name, its kind and the names of its nodes."""

    name: str
    kind: str
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    """A circuit of devices.

    Parameters
    ----------
    name
        Of the circuit.
    devices
        In their order.
    ports
        Nodes that the outside is at.
    not_understood
        Lines that are left out, with their numbers.
    """

    name: str
    devices: tuple[Device, ...]
    ports: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()


def read_topology(text: str, name: str, *, ports: str = "") -> Topology:
    r"""Return the devices of lines ``name (nodes) kind``.

    Examples
    --------
    >>> found = read_topology("M0 (out in VSS VSS) nmos4\nX1 (a b) black_box", "stage", ports="in out")
    >>> found.devices[0].nodes, found.not_understood
    (('out', 'in', 'VSS', 'VSS'), ("line 2: 'X1 (a b) black_box'",))
    """
    devices, unknown = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.strip().startswith("//"):
            continue
        found = _LINE.fullmatch(line)
        nodes = tuple(found[2].split()) if found else ()
        if found is None or len(nodes) != len(TERMINALS.get(found[3], ())):
            unknown.append(f"line {number}: {line.strip()!r}")
        else:
            devices.append(Device(found[1], found[3], nodes))
    return Topology(name, tuple(devices), tuple(ports.split()), tuple(unknown))


def has_topologies() -> bool:
    """Whether the textbook circuits are there."""
    return has_circuit_file(_FILE)


def load_topologies() -> list[Topology]:
    """Return the 3,350 textbook circuits.

    Raises
    ------
    InputError
        ``SCIADV_DATA`` is not set, or has no such file.
    """
    path = circuit_file(_FILE, what="textbook circuits")
    lines = read_gzip(path, advice="copy it again").decode("utf-8").splitlines()
    found = []
    for line in lines:
        row = parse_json(line, file=str(path), advice="copy it again")
        name, files = row["id"], row["files"]
        found.append(read_topology(files[f"{name}.cir"], name, ports=files.get(f"Port{name}.txt", "")))
    return found


def statistics(topologies: Sequence[Topology]) -> dict[str, object]:
    """Return how many circuits and devices there are, of which kinds, and what was not understood."""
    sizes = sorted(len(one.devices) for one in topologies)
    kinds = Counter(device.kind for one in topologies for device in one.devices)
    unknown = Counter(said.rstrip("'\"").split()[-1] for one in topologies for said in one.not_understood)
    return {
        "n_circuits": len(topologies),
        "n_understood": sum(not one.not_understood for one in topologies),
        "median_devices": sizes[len(sizes) // 2],
        "most_devices": sizes[-1],
        "devices": dict(kinds.most_common()),
        "not_understood": dict(unknown.most_common()),
    }


@dataclass(frozen=True)
class Sizes:
    """Values of every device of a kind, as SPICE writes them.

    Parameters
    ----------
    mosfet, bipolar
        Parameters of small-signal transistors.
    resistor, capacitor, inductor
        [ohm], [F], [H].
    """

    mosfet: str = "gm=1m gds=10u cgs=100f cgd=20f"
    bipolar: str = "gm=40m rpi=2.5k ro=100k cpi=1p cmu=100f"
    resistor: str = "10k"
    capacitor: str = "1p"
    inductor: str = "1n"


def small_signal(topology: Topology, sizes: Sizes | None = None) -> Netlist:
    """Return a circuit with one size for all devices of a kind.

    Supplies do not move with a small signal. No operating point is found: the netlist says how a topology
    is wired, not how the circuit works. It has no source.

    Parameters
    ----------
    topology
        Its devices are all understood, and none is a diode.
    sizes
        Of its devices.

    Raises
    ------
    InputError
        A line was not understood, or a device has no small-signal values here.
    """
    if topology.not_understood:
        raise InputError(f"{topology.name} has lines that are not understood: {topology.not_understood[0]}")
    values = Sizes() if sizes is None else sizes
    name = topology.name
    lines = [_sized(i, one, values, name) for i, one in enumerate(topology.devices)]
    found = read_spice("\n".join(lines), title=name)
    # What is between a node and itself does nothing: the capacitance of a diode-connected transistor.
    sized = [
        one for one in found.components if one.kind == Kind.TRANSCONDUCTANCE or one.nodes[0] != one.nodes[1]
    ]
    return replace(found, components=tuple(sized))


def _sized(number: int, one: Device, sizes: Sizes, name: str) -> str:
    """Return the line of a device; with a number, since some circuits have a name twice."""
    nodes = [GROUND if node in _SUPPLIES else node for node in one.nodes]
    if one.kind in ("nmos4", "pmos4"):
        return " ".join([f"M{number}", *nodes, sizes.mosfet])
    if one.kind in ("npn", "pnp"):
        return " ".join([f"Q{number}", *nodes[:3], sizes.bipolar])
    passive = {"resistor": "R", "capacitor": "C", "inductor": "L"}
    if one.kind not in passive:
        raise InputError(f"{name}: {one.name} is a {one.kind}, which has no small-signal values here")
    return " ".join([f"{passive[one.kind]}{number}", *nodes, getattr(sizes, one.kind)])
