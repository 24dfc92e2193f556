"""Responses of random linear circuits beside ngspice: how near, and how many a second of CPU time."""

from __future__ import annotations

import subprocess
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


def cpu_time() -> float:
    """Return the CPU time of this process and of the finished ones that it has started [s]."""
    import resource

    every = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in every)


def response_row(n: int, seed: int, *, n_alone: int = 20, n_repeats: int = 5) -> Row:
    """Compare `n` random circuits of every kind with ngspice; time both."""
    circuits = random_circuits(n, seed)
    out = ["out"] * n
    sweep = Sweep()
    started = cpu_time()
    f, wanted = ngspice.responses(
        circuits,
        out,
        lowest=sweep.lowest,
        highest=sweep.highest,
        per_decade=sweep.per_decade,
    )
    together = cpu_time() - started
    frequency = torch.from_numpy(f)
    seconds = []
    with one_thread():
        for _ in range(3):
            started = cpu_time()
            for _ in range(n_repeats):
                found = responses(circuits, out, frequency).numpy()
            seconds.append((cpu_time() - started) / n_repeats)
        many = random_circuits(10 * n, seed + 1000)
        started = cpu_time()
        responses(many, ["out"] * len(many), frequency)
        in_large_batch = len(many) / (cpu_time() - started)
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
        "circuits_per_second_in_large_batch": in_large_batch,
    }


def _alone(circuits: Sequence[Netlist], sweep: Sweep) -> tuple[float, float]:
    """Return seconds of a circuit in a process of its own, and of a process that solves nothing."""
    command = f".ac dec {sweep.per_decade} {sweep.lowest:g} {sweep.highest:g}"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.cir"
        seconds = []
        nothing = "* nothing\n.control\nquit\n.endc\n.end\n"
        for texts in ([to_spice(one, (command,)) for one in circuits], [nothing] * len(circuits)):
            started = cpu_time()
            for text in texts:
                path.write_text(text)
                command_line = ["ngspice", "-b", "-r", "one.raw", "one.cir"]
                subprocess.run(command_line, cwd=folder, capture_output=True, check=False)
            seconds.append((cpu_time() - started) / len(texts))
    return seconds[0], seconds[1]
