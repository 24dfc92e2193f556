"""Rough contact by boundary elements beside Westergaard's closed form, finite differences and Tamaas.

Tamaas solves the same discrete problem by Polonsky and Keer's method, one surface at a time. Both are timed
in one run on one thread, in CPU seconds: ours on all surfaces in one batch to rounding, Tamaas to the
tolerance at which its pressures are about as exact as the bar asks, which a row states.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from sciadv.physics.friction import limited_shear_friction
from sciadv.physics.rough.adhesion import Adhesion
from sciadv.physics.rough.by_tamaas import tamaas_pressure
from sciadv.physics.rough.rough_contact import rough_contact_pressure
from sciadv.physics.rough.self_affine import SelfAffine, self_affine_surfaces

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODULUS = 3.5e9  # Pa
SIDE = 1e-6  # m
SLOPE = 0.1
#: Part of ``E* slope`` that is the mean pressure.
LOAD = 0.05
SHEAR, LOCAL = 5e6, 0.5


@dataclass(frozen=True)
class Case:
    """Surfaces of one size: how many, how finely, up to which of their waves, and with which adhesion.

    `timed` is the tolerance at which Tamaas is timed; its pressures to a thousandth of it are the reference.
    """

    name: str
    shape: tuple[int, ...]
    n: int
    n_waves: int
    adhesion: Adhesion | None = None
    timed: float = 1e-10

    def draw(self, seed: int) -> tuple[Tensor, Tensor]:
        """Return heights [m] and mean pressures [Pa]."""
        wave = 2 * math.pi / SIDE
        roughness = SelfAffine(hurst=0.8, roll_off=2 * wave, cut_off=self.n_waves * wave, rms_slope=SLOPE)
        height = self_affine_surfaces(self.shape, roughness, n=self.n, spacing=self.spacing, seed=seed)
        return height, torch.full((self.n,), LOAD * MODULUS * SLOPE, dtype=torch.float64)

    @property
    def spacing(self) -> float:
        """Of the points [m]."""
        return SIDE / self.shape[-1]

    def solve(self, height: Tensor, mean_pressure: Tensor) -> Tensor:
        """Return our pressures [Pa]."""
        return rough_contact_pressure(
            height,
            mean_pressure,
            spacing=self.spacing,
            contact_modulus=MODULUS,
            adhesion=self.adhesion,
        )


PROFILES = Case("64 profiles of 512 points", (512,), 64, 16)
MAPS = Case("maps of 128 x 128 points", (128, 128), 64, 16)
STICKY = Case("16 adhesive profiles of 512 points", (512,), 16, 8, Adhesion(0.05, 2e-9), timed=1e-6)


def westergaard(n: int) -> Row:
    """Compare a sine with its closed form: peak pressure, and contact area in grid cells."""
    loads = torch.tensor([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 1.5], dtype=torch.float64)
    loads = loads if n == 256 else loads[1:]
    full = math.pi * MODULUS * 0.01
    position = torch.arange(n, dtype=torch.float64) / n
    wave = (0.01 * SIDE * torch.cos(2 * math.pi * position)).expand(len(loads), n)
    pressure = rough_contact_pressure(wave, loads * full, spacing=SIDE / n, contact_modulus=MODULUS)
    peak = torch.where(loads < 1, 2 * loads.sqrt(), 1 + loads) * full
    area = torch.where(loads < 1, 2 / math.pi * loads.clamp_max(1).sqrt().asin(), 1.0)
    return {
        "row": f"Westergaard, {n} points",
        "what": f"loads {float(loads.min()):g} to 1.5 of full contact",
        "peak_error": float((pressure.amax(1) / peak - 1).abs().max()),
        "area_error_cells": n * float(((pressure > 0).double().mean(1) - area).abs().max()),
    }


def gradients(case: Case, *, seed: int) -> Row:
    """Compare directional derivatives of friction and peak pressure with central differences.

    In heights and mean pressure at once, the best of three steps for each surface.
    """
    height, load = case.draw(seed)
    along = case.draw(seed + 1)[0]
    loads = load * torch.logspace(-0.5, 1.2, case.n, dtype=torch.float64)  # a few per cent of the area to all

    def error(measure: Callable[[Tensor], Tensor]) -> float:
        def function(h: Tensor, p: Tensor) -> Tensor:
            return measure(case.solve(h, p).flatten(1))

        tangent = torch.func.jvp(function, (height, loads), (along, 0.3 * loads))[1]
        errors = []
        for step in (1e-5, 1e-6, 1e-7):
            ahead = function(height + step * along, (1 + 0.3 * step) * loads)
            behind = function(height - step * along, (1 - 0.3 * step) * loads)
            errors.append(((ahead - behind) / (2 * step * tangent) - 1).abs())
        return float(torch.stack(errors).amin(0).max())

    return {
        "row": f"gradients, {case.name}",
        "what": "friction and peak pressure, central differences",
        "friction_gradient_error": error(lambda p: limited_shear_friction(p, SHEAR, LOCAL)),
        "peak_gradient_error": error(lambda p: p.amax(1)),
    }


def by_tamaas(case: Case, height: Tensor, load: Tensor, tolerance: float) -> Tensor:
    """Return the pressures [Pa] of surfaces by Tamaas, one after the other."""
    solved = [
        tamaas_pressure(
            one,
            mean,
            spacing=case.spacing,
            contact_modulus=MODULUS,
            adhesion=case.adhesion,
            tolerance=tolerance,
        )
        for one, mean in zip(height, load.tolist(), strict=True)
    ]
    return torch.stack(solved)


def beside_tamaas(case: Case, *, seed: int) -> Row:
    """Compare pressures with those of Tamaas, and the CPU time of a surface in one run."""
    height, load = case.draw(seed)
    case.solve(height[:2], load[:2])  # warm
    with one_thread(), cpu_seconds() as ours:
        pressure = case.solve(height, load)
    with one_thread(), cpu_seconds() as theirs:
        timed = by_tamaas(case, height, load, case.timed)
    exact = by_tamaas(case, height, load, 1e-3 * case.timed)

    def distance(field: Tensor) -> float:
        difference = (field - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
        return float(difference.max())

    return {
        "row": f"Tamaas, {case.name}",
        "what": f"{case.n} surfaces, {float((pressure > 0).double().mean()):.1%} in contact",
        "distance": distance(pressure),
        "timed_tamaas_distance": distance(timed),
        "cpu_ms": 1000 * ours() / case.n,
        "tamaas_cpu_ms": 1000 * theirs() / case.n,
        "times_faster": theirs() / ours(),
    }


def run(settings: Settings) -> list[Row]:
    """Compare with closed forms and differences, then with Tamaas where it is installed."""
    maps = Case(MAPS.name, MAPS.shape, 8 if settings.quick else MAPS.n, MAPS.n_waves)
    rows = [westergaard(256), westergaard(1024)]
    settings.report("gradients against finite differences")
    rows.append(gradients(Case("profiles of 512 points", (512,), 12, 16), seed=settings.seed))
    rows.append(gradients(Case("maps of 64 x 64 points", (64, 64), 12, 8), seed=settings.seed))
    if "tamaas" in settings.peers:
        for case in (PROFILES, maps, STICKY):
            settings.report(f"beside Tamaas: {case.name}")
            rows.append(beside_tamaas(case, seed=settings.seed))
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, every number with its name."""
    lines = [
        [row["row"], row["what"], "; ".join(f"{_words(name)} {value:.3g}" for name, value in _numbers(row))]
        for row in rows
    ]
    return markdown_table(["row", "of what", "measured"], lines)


def _numbers(row: Row) -> list[tuple[str, float]]:
    return [(name, value) for name, value in row.items() if name not in ("row", "what")]


def _words(name: str) -> str:
    return name.replace("_", " ")


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw a surface's contact, and the CPU time of a surface, ours and Tamaas'."""
    left, right = figure.subplots(1, 2)
    case = Case("", (256, 256), 1, 32)
    height, load = case.draw(0)
    pressure = case.solve(height, load)[0]
    shown = torch.where(pressure > 0, pressure / 1e6, math.nan)
    left.imshow(height[0].numpy(), cmap="gray")
    colours = left.imshow(shown.numpy(), cmap="inferno")
    figure.colorbar(colours, ax=left, label="contact pressure [MPa]")
    left.set(xticks=[], yticks=[], title="a self-affine surface, 1 um wide")
    timed = [row for row in rows if "cpu_ms" in row]
    names = [row["row"].removeprefix("Tamaas, ") for row in timed]
    places = np.arange(len(timed))
    right.barh(places + 0.2, [row["cpu_ms"] for row in timed], 0.4, label="ours, one batch", color="C1")
    right.barh(places - 0.2, [row["tamaas_cpu_ms"] for row in timed], 0.4, label="Tamaas", color="C0")
    right.set(xlabel="CPU time per surface [ms]", yticks=places, yticklabels=names)
    right.legend()


THRESHOLDS = (
    Threshold("peak pressure of a sine, 256 points", "peak_error", "Westergaard, 256 points", "<=", 1e-3),
    Threshold("peak pressure of a sine, 1024 points", "peak_error", "Westergaard, 1024 points", "<=", 1e-5),
    Threshold("contact area in cells, 256 points", "area_error_cells", "Westergaard, 256 points", "<=", 1.5),
    Threshold(
        "contact area in cells, 1024 points", "area_error_cells", "Westergaard, 1024 points", "<=", 1.5
    ),
    *(
        Threshold(
            f"gradient of the {what}, {case}", f"{what}_gradient_error", f"gradients, {case}", "<=", 1e-6
        )
        for case in ("profiles of 512 points", "maps of 64 x 64 points")
        for what in ("friction", "peak")
    ),
    *(
        Threshold(f"{words}, {case.name}", metric, f"Tamaas, {case.name}", op, bound)
        for case, least in (
            (PROFILES, 1e-7),
            (MAPS, 1e-7),
            (STICKY, 1e-4),
        )  # Tamaas stops short with adhesion
        for words, metric, op, bound in (
            ("distance to Tamaas", "distance", "<=", least),
            ("times faster than Tamaas, one thread", "times_faster", ">=", 1.0),
        )
    ),
)

BENCH = Bench(
    title="Rough contact beside Westergaard's closed form, finite differences and Tamaas",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("tamaas",),
    thresholds=THRESHOLDS,
)
