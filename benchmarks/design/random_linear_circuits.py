"""Random linear circuits of several kinds, for comparisons of simulators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sciadv.physics.small_signal.netlist import Netlist
from sciadv.physics.small_signal.spice_reader import read_spice

#: Makes the lines of a circuit with nodes "in" and "out".
Lines = Callable[[np.random.Generator], list[str]]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a number that is even in the logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def ladder(rng: np.random.Generator) -> list[str]:
    """Return a ladder of resistors or inductors and capacitors, of 2 to 6 sections."""
    n = int(rng.integers(2, 7))
    nodes = ["in", *(f"n{i}" for i in range(1, n)), "out"]
    lines = []
    for i in range(n):
        if rng.random() < 0.3:
            lines.append(f"L{i} {nodes[i]} m{i} {between(rng, 1e-7, 1e-4)!r}")
            lines.append(f"Rl{i} m{i} {nodes[i + 1]} {between(rng, 1, 1e3)!r}")
        else:
            lines.append(f"R{i} {nodes[i]} {nodes[i + 1]} {between(rng, 1e2, 1e5)!r}")
        lines.append(f"C{i} {nodes[i + 1]} 0 {between(rng, 1e-12, 1e-8)!r}")
    return [*lines, f"Rload out 0 {between(rng, 1e3, 1e6)!r}"]


def amplifier(rng: np.random.Generator) -> list[str]:
    """Return transconductance stages with random branches between their nodes."""
    n = int(rng.integers(2, 4))
    nodes = ["in", *(f"n{i}" for i in range(1, n)), "out"]
    lines = []
    for i in range(n):
        sign = 1 - 2 * int(rng.integers(2))
        lines += [
            f"G{i} {nodes[i + 1]} 0 {nodes[i]} 0 {sign * between(rng, 1e-4, 1e-2)!r}",
            f"Rg{i} {nodes[i + 1]} 0 1meg",
            f"Cg{i} {nodes[i + 1]} 0 50f",
        ]
    for i in range(4):
        a, b = rng.choice(len(nodes), 2, replace=False)
        middle = nodes[b] if rng.random() < 0.5 else f"b{i}"
        lines.append(f"Rb{i} {nodes[a]} {middle} {between(rng, 1e5, 1e7)!r}")
        lines.append(f"Cb{i} {middle} {nodes[b] if middle != nodes[b] else nodes[a]} 100f")
    return lines


def transistors(rng: np.random.Generator) -> list[str]:
    """Return a cascade of common-source, source-follower and common-gate transistors."""
    lines: list[str] = []
    at = "in"
    n = int(rng.integers(1, 5))
    for i in range(n):
        after = "out" if i == n - 1 else f"d{i}"
        wiring = (f"{after} {at} 0 0", f"0 {at} {after} 0", f"{after} 0 {at} 0")[int(rng.integers(3))]
        gm = between(rng, 1e-4, 1e-2)
        cgs = between(rng, 1e-14, 1e-12)
        sizes = f"gm={gm!r} gmb={0.2 * gm!r} gds={0.02 * gm!r} cgs={cgs!r} cgd=20f cdb=30f"
        lines += [f"M{i} {wiring} {sizes}", f"Rd{i} {after} 0 {between(rng, 1e3, 1e5)!r}"]
        at = after
    return lines


def filters(rng: np.random.Generator) -> list[str]:
    """Return Sallen-Key low-pass filters in a row, with amplifiers of a few poles."""
    lines: list[str] = []
    at = "in"
    n = int(rng.integers(1, 3))
    for i in range(n):
        after = "out" if i == n - 1 else f"o{i}"
        lines += [
            f"R{i}a {at} x{i} {between(rng, 1e3, 1e5)!r}",
            f"R{i}b x{i} y{i} {between(rng, 1e3, 1e5)!r}",
            f"C{i}a x{i} {after} {between(rng, 1e-11, 1e-8)!r}",
            f"C{i}b y{i} 0 {between(rng, 1e-11, 1e-8)!r}",
            f"E{i} {after} 0 y{i} 0 {float(rng.uniform(1, 2.8))!r}",
        ]
        at = after
    return [*lines, "Rload out 0 10k"]


KINDS: dict[str, Lines] = {
    "ladders": ladder,
    "amplifiers": amplifier,
    "transistors": transistors,
    "filters": filters,
}


def random_circuits(n: int, seed: int) -> list[Netlist]:
    """Return `n` circuits, of each kind in turn, with a source of 1 V at "in"."""
    rng = np.random.default_rng(seed)
    names = list(KINDS)
    made = []
    for i in range(n):
        name = names[i % len(names)]
        lines = [f"* {name}", "V1 in 0 dc 0 ac 1", *KINDS[name](rng), ".end"]
        made.append(read_spice("\n".join(lines)))
    return made
