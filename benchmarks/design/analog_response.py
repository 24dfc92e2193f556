"""Responses of random linear circuits beside ngspice: how near, and how many a second."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.contract import Row, one_thread
from benchmarks.design.random_linear_circuits import KINDS, random_circuits
from sciadv.forward.circuits import ngspice
from sciadv.physics.small_signal.analysis import responses
from sciadv.physics.small_signal.netlist import Netlist
from sciadv.physics.small_signal.spice_writer import to_spice


@dataclass(frozen=True)
class Sweep:
    """101 frequencies from 1 Hz to 10 GHz."""

    lowest: float = 1.0
    highest: float = 1e10
    per_decade: int = 10


def response_row(n: int, seed: int, *, n_alone: int = 20) -> Row:
    """Compare `n` random circuits of every kind with ngspice; time both."""
    circuits = random_circuits(n, seed)
    out = ["out"] * n
    sweep = Sweep()
    started = time.perf_counter()
    f, wanted = ngspice.responses(
        circuits,
        out,
        lowest=sweep.lowest,
        highest=sweep.highest,
        per_decade=sweep.per_decade,
    )
    together = time.perf_counter() - started
    frequency = torch.from_numpy(f)
    seconds = []
    with one_thread():
        for _ in range(3):
            started = time.perf_counter()
            found = responses(circuits, out, frequency).numpy()
            seconds.append(time.perf_counter() - started)
    error = np.abs(found / wanted - 1).max(1)
    alone, start = _alone(circuits[:n_alone], sweep)
    ours = n / min(seconds)
    return {
        "row": f"responses, seed {seed}",
        "n_circuits": n,
        "largest_relative_error": float(error.max()),
        "median_relative_error": float(np.median(error)),
        **{f"error_{kind}": float(error[i :: len(KINDS)].max()) for i, kind in enumerate(KINDS)},
        "circuits_per_second": ours,
        "ngspice_per_second": 1 / alone,
        "ngspice_start_ms": 1e3 * start,
        "ngspice_one_process_per_second": n / together,
        "times_ngspice": ours * alone,
        "times_ngspice_one_process": ours * together / n,
    }


def _alone(circuits: Sequence[Netlist], sweep: Sweep) -> tuple[float, float]:
    """Return seconds of a circuit in a process of its own, and of a process that solves nothing."""
    command = f".ac dec {sweep.per_decade} {sweep.lowest:g} {sweep.highest:g}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.cir"
        seconds = []
        for text in [
            *(to_spice(one, (command,)) for one in circuits),
            "* nothing\n.control\nquit\n.endc\n.end\n",
        ]:
            path.write_text(text)
            started = time.perf_counter()
            command_line = ["ngspice", "-b", "-r", "one.raw", "one.cir"]
            subprocess.run(command_line, cwd=folder, capture_output=True, check=False)
            seconds.append(time.perf_counter() - started)
    return float(np.mean(seconds[:-1])), seconds[-1]
