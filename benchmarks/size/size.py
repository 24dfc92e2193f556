"""``size``: `auto` with spatial priors at 128 to 512 pixels a side and 64 voxels: time, memory, and errors.

Pieces of the held-out part of a rock's micro-CT; pieces larger than the scan's 400 pixels are mirrored at
their ends. Rivals on the same data: the best linear estimate under the medium's autocovariance, and total
variation, its weight chosen on the prior's reference images. Each case runs in a process of its own.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contract import PENDING, Bench, Row, Settings, Threshold, markdown_table
from benchmarks.parts import Part, measure_parts
from benchmarks.size.posed import Case

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("mask", "blur", "radon-60")
FEW = (Case("radon-9", 128), Case("radon-18", 256))
VOLUMES = (Case("mask", 64, 3), Case("radon-12", 64, 3))
SMALL, LARGE = 256, 512


def cases(settings: Settings) -> list[Case]:
    """Return what is measured; quickly only the smallest size."""
    sides = (128,) if settings.quick else (128, SMALL, LARGE)
    flat = [Case(kind, side, seed=settings.seed) for side in sides for kind in KINDS]
    if settings.quick:
        return flat
    more = [Case("mask", SMALL, seed=settings.seed + i) for i in (1, 2)]
    return [*flat, *FEW, *more, *VOLUMES]


def _measure(case: Case) -> Row:
    command = [sys.executable, "-m", "benchmarks.size.child", json.dumps(asdict(case))]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def run(settings: Settings) -> list[Row]:
    """Measure every case, then how time and memory grow from 256 to 512 pixels a side."""
    parts = [
        Part(_name(case), asdict(case), tuple(asdict(case).values()), partial(_measure, case))
        for case in cases(settings)
    ]
    rows = measure_parts(parts, settings)
    return [*rows, *(growth(rows, kind) for kind in KINDS if not settings.quick)]


def _name(case: Case) -> str:
    return case.name if case.seed == 0 else f"{case.name}, seed {case.seed}"


def growth(rows: list[Row], kind: str) -> Row:
    """Return the powers of the number of pixels by which time and memory grow from 256 to 512 a side."""
    small, large = (_row(rows, Case(kind, side).name) for side in (SMALL, LARGE))
    known: Row = {"row": f"growth {kind}"}
    if "cpu_seconds" not in small or "cpu_seconds" not in large:
        return {**known, PENDING: True}
    power = 2 * math.log(LARGE / SMALL)
    names = {
        "time_power": "cpu_seconds",
        "memory_power": "peak_bytes",
        "own_memory_power": "above_base_bytes",
    }
    return known | {new: math.log(large[old] / small[old]) / power for new, old in names.items()}


def _row(rows: list[Row], name: str) -> Row:
    return next((row for row in rows if row["row"] == name), {})


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    header = [
        "case",
        "measured",
        "auto [dB]",
        "linear",
        "tv",
        "range + error",
        "misfit",
        "CPU s",
        "once",
        "peak [GB]",
    ]
    lines = [
        [
            row["row"],
            f"{row['measured']:.1%}",
            *(f"{row[name]:.2f}" for name in ("psnr", "psnr_linear", "psnr_tv", "psnr_generator", "misfit")),
            f"{row['cpu_seconds']:.1f}",
            f"{row['once_cpu_seconds']:.1f}",
            f"{row['peak_bytes'] / 1e9:.2f}",
        ]
        for row in rows
        if "psnr" in row
    ]
    powers = [
        [row["row"], *(f"{row[name]:.2f}" for name in ("time_power", "memory_power", "own_memory_power"))]
        for row in rows
        if "time_power" in row
    ]
    growing = markdown_table(["pixels to the power of", "time", "memory", "above the libraries"], powers)
    return f"{markdown_table(header, lines)}\n\n{growing}"


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw time and memory against the number of pixels."""
    axes = figure.subplots(1, 2)
    for name, one, unit in zip(("cpu_seconds", "peak_bytes"), axes, ("CPU s", "bytes"), strict=True):
        for kind in KINDS:
            mine = [
                row for row in rows if row.get("kind") == kind and row.get("n_sides") == 2 and name in row
            ]
            mine = sorted((row for row in mine if row["seed"] == 0), key=lambda row: row["side"])
            one.loglog([row["side"] ** 2 for row in mine], [row[name] for row in mine], "o-", label=kind)
        one.set(xlabel="pixels", ylabel=unit)
    axes[0].legend()


def _thresholds() -> tuple[Threshold, ...]:
    bars = []
    for kind in KINDS:
        large = Case(kind, LARGE).name
        bars += [
            Threshold(f"{large}, CPU seconds", "cpu_seconds", large, "<=", 60.0),
            Threshold(f"{large}, peak bytes", "peak_bytes", large, "<=", 3e9),
            Threshold(f"{kind}, power of pixels, time", "time_power", f"growth {kind}", "<=", 1.0),
            Threshold(f"{kind}, power of pixels, memory", "memory_power", f"growth {kind}", "<=", 1.0),
        ]
    few = [Case("mask", 128), Case("mask", SMALL), Case("mask", LARGE), *FEW, *VOLUMES]
    bars += [
        Threshold(f"{case.name}, dB above {rival}", f"gain_{rival}", case.name, ">", 0.0)
        for case in few
        for rival in ("tv", "linear")
    ]
    bars += [
        Threshold(f"{case.name}, explained", "misfit_in_thresholds", case.name, "<=", 1.0) for case in VOLUMES
    ]
    start = Case("mask", SMALL).name
    bars.append(Threshold(f"{start}, times one good start", "times_a_start", start, "<=", 1.5))
    return tuple(bars)


BENCH = Bench(
    title="Spatial priors at real size: time, memory and errors of auto",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=_thresholds(),
)
