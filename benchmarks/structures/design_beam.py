"""Stiff beams for unseen conditions: a generator and a few steps, and the nearest known design and the same.

Conditions as in EngiBench's beams2d (volume, radius of the density filter, position of the load), 50 x 100
elements. The reference is the optimality criteria from even density: 100 steps at most, done at a change of
0.025. Errors are the compliance over that of the reference, less 1. Every design has its volume to 1e-9.
``sciadv design`` is asked for one beam of the least compliance, for the first conditions; EngiBench's own
optimiser and simulation are beside it for some, where it is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.structures import beam_peer
from sciadv.catalogue import load_problem
from sciadv.designs import PropertySearch
from sciadv.forward import Beam
from sciadv.nets.spatial.beam_decoder import BeamDecoder
from sciadv.physics.continuum.elasticity import Plate, compliance, half_beam, modulus_of
from sciadv.physics.continuum.optimality_criteria import optimality_criteria
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM, PRIOR = "compliance-beam", "beams"
N_CONDITIONS, N_QUICK, N_FEW, N_MORE = 100, 2, 4, 9
#: Conditions of ``sciadv design``, and of EngiBench.
N_DESIGNED, N_PEER = 6, 10
#: Published compliances of the 88-line programme: width, height, volume, radius, filter, compliance.
PUBLISHED = (
    (60, 20, 0.5, 2.4, "sensitivity", 216.81),
    (60, 20, 0.5, 2.4, "density", 233.71),
)
#: The densities to start at ``(1, height, width)`` for conditions ``(1, 3)``; None for even ones.
Start = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True)
class Condition:
    """What a beam is for."""

    volume: float
    radius: float
    load: float

    @property
    def row(self) -> Tensor:
        """The numbers ``(1, 3)``."""
        return torch.tensor([[self.volume, self.radius, self.load]])


def unseen(n: int, seed: int) -> list[Condition]:
    """Draw conditions over the ranges of EngiBench, loads on the corners of 100 elements."""
    rng = np.random.default_rng([17, seed])
    volume, radius = rng.uniform(0.15, 0.4, n), rng.uniform(1.5, 4.0, n)
    load = rng.integers(0, 101, n) / 100
    return [Condition(*row) for row in zip(volume.tolist(), radius.tolist(), load.tolist(), strict=True)]


def starts(net: BeamDecoder) -> dict[str, Start]:
    """Return where searches start, by name, ours first."""

    @torch.no_grad()
    def generated(condition: Tensor) -> Tensor:
        x: Tensor = net(net.latent(condition))
        return x[:, 0]

    def mean_of_near(condition: Tensor, n: int = 8) -> Tensor:
        size = net.high - net.low
        distance = torch.cdist(condition / size, net.conditions / size)[0]
        near = distance.argsort()[:n]
        weight = (-0.5 * (distance[near] / (0.6 * distance[near[n // 2]])).square()).exp()
        return torch.einsum("k,khw->hw", weight / weight.sum(), net.known[near].float() / 255)[None]

    return {
        "ours": generated,
        "nearest known design": net.nearest,
        "weighted mean of the eight nearest": mean_of_near,
        "even density": lambda _: None,
    }


def stepped(start: Start, condition: Condition, plate: Plate, n_steps: int) -> tuple[Tensor, float]:
    """Return the density ``(height, width)`` after some steps from a start, and its compliance."""
    first = start(condition.row)
    found = optimality_criteria(
        plate,
        condition.volume,
        radius=condition.radius,
        filtered="density",
        tolerance=0.025,
        n_steps=n_steps,
        multiplier_gap=1e-12,
        start=None if first is None else first.double().clamp_min(0.02),
    )
    return found.density[0], float(compliance(modulus_of(found.density), plate)[0])


def is_connected(density: Tensor, *, least: float = 0.99) -> bool:
    """Whether one piece of densities above 0.5 holds all but a hundredth of them."""
    from scipy import ndimage

    pieces, _ = ndimage.label(density.numpy() > 0.5, structure=np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    return bool(sizes.max(initial=0) >= least * max(1, sizes.sum()))


def designed(problem: Problem, condition: Condition, plate: Plate) -> tuple[Tensor, float]:
    """Return the density of the one beam that ``sciadv design`` gives, and its compliance."""
    model = Beam(
        (1, plate.height, plate.width),
        load_position=condition.load,
        volume=condition.volume,
        radius=condition.radius,
    )
    posed = replace(problem, forward=model)
    found = PropertySearch(verifies=False)(posed, {"compliance": "minimise"}, 1, seed=0)
    density = model.density(found.x)
    return density[0], float(compliance(modulus_of(density), plate)[0])


def by_engibench(condition: Condition, plate: Plate) -> tuple[Tensor, float]:
    """Return the density that EngiBench's optimiser ends at, and its compliance."""
    density = beam_peer.optimised(condition.volume, condition.radius, condition.load)
    return density, float(compliance(modulus_of(density[None]), plate)[0])


def simulation(conditions: list[Condition]) -> Row:
    """Return the largest relative difference of our compliances from EngiBench's, of random densities."""
    off = []
    for i, one in enumerate(conditions):
        density = torch.rand(50, 100, generator=as_generator(i), dtype=torch.float64)
        own = float(compliance(modulus_of(density[None]), half_beam(50, 100, one.load))[0])
        off.append(abs(own / beam_peer.simulated(one.volume, one.radius, one.load, density) - 1))
    return {"row": "EngiBench's simulation", "is_ours": False, "largest_deviation": max(off)}


def published() -> Row:
    """Return the largest deviation from the published compliances."""
    off = []
    for width, height, volume, radius, filtered, known in PUBLISHED:
        found = optimality_criteria(half_beam(height, width), volume, radius=radius, filtered=filtered)
        off.append(abs(float(found.compliance[0]) / known - 1))
    return {"row": "published compliances", "is_ours": False, "largest_deviation": max(off)}


def run(settings: Settings) -> list[Row]:
    """Design for every condition by every start, and in full."""
    net = Prior.load(PRIOR).generator
    assert isinstance(net, BeamDecoder)
    conditions = unseen(N_QUICK if settings.quick else N_CONDITIONS, settings.seed)
    methods: dict[str, Callable[[Condition, Plate], tuple[Tensor, float]]] = {
        f"{name}, {n} steps": partial(stepped, start, n_steps=n)
        for name, start in starts(net).items()
        for n in (N_FEW, N_MORE)
    }
    in_full = partial(stepped, starts(net)["even density"], n_steps=100)
    methods["sciadv design"] = partial(designed, load_problem(PROBLEM))
    most = {"sciadv design": N_DESIGNED}
    if beam_peer.PACKAGE in settings.peers:
        methods["EngiBench, in full"] = by_engibench
        most["EngiBench, in full"] = N_PEER
    found: dict[str, list[Row]] = {name: [] for name in methods}
    seconds = []
    for i, condition in enumerate(conditions):
        settings.report(f"beam {i + 1} of {len(conditions)}")
        plate = half_beam(50, 100, condition.load)
        with one_thread(), cpu_seconds() as full:
            _, reference = in_full(condition, plate)
        seconds.append(full())
        for name, method in methods.items():
            if i >= most.get(name, len(conditions)):
                continue
            with one_thread(), cpu_seconds() as spent:
                density, value = method(condition, plate)
            found[name].append(
                {
                    "error": value / reference - 1,
                    "volume": abs(float(density.mean()) / condition.volume - 1),
                    "connected": is_connected(density),
                    "seconds": spent(),
                }
            )
    settings.report("the published compliances")
    peer = [simulation(conditions[:N_PEER])] if beam_peer.PACKAGE in settings.peers else []
    return [*_rows(found, seconds), published(), *peer]


def _rows(found: dict[str, list[Row]], seconds: list[float]) -> list[Row]:
    """Return a row a method."""
    rows = []
    for name, each in found.items():
        error = np.array([one["error"] for one in each])
        in_full = float(np.mean(seconds[: len(each)]))
        spent = float(np.mean([one["seconds"] for one in each]))
        rows.append(
            {
                "row": name,
                "is_ours": name.startswith(("ours", "sciadv")),
                "n_conditions": len(each),
                "median_error": float(np.median(error)),
                "p90_error": float(np.quantile(error, 0.9)),
                "worst_error": float(error.max()),
                "share_better": float((error < 0).mean()),
                "volume_error": max(one["volume"] for one in each),
                "connected": float(np.mean([one["connected"] for one in each])),
                "cpu_seconds": spent,
                "cpu_share": spent / in_full,
            }
        )
    whole = {"n_conditions": len(seconds), "cpu_seconds": float(np.mean(seconds))}
    return [*rows, {"row": "in full", "is_ours": False, **whole}]


def training_cpu_seconds() -> float:
    """Return what the generator's training took, its designs included, as its card states."""
    return float(Prior.load(PRIOR).card["training_cpu_seconds"])


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, with the training spread over 10, 100 and 1,000 designs."""
    header = [
        "start, steps",
        "conditions",
        "median error",
        "p90",
        "worst",
        "volume error",
        "connected",
        "CPU s",
        "of full",
    ]
    header += [f"CPU s, training over {n:,}" for n in (10, 100, 1000)]
    lines = []
    spent = training_cpu_seconds()
    for row in rows:
        if "cpu_seconds" not in row:
            continue
        errors = [row.get(key) for key in ("median_error", "p90_error", "worst_error")]
        learned = 0.0 if row["row"].startswith(("even", "in full", "EngiBench")) else spent
        lines.append(
            [
                row["row"],
                f"{row.get('n_conditions', '-')}",
                *("-" if error is None else f"{error:.2%}" for error in errors),
                f"{row['volume_error']:.0e}" if "volume_error" in row else "-",
                f"{row['connected']:.0%}" if "connected" in row else "-",
                f"{row['cpu_seconds']:.2f}",
                f"{row['cpu_share']:.3f}" if "cpu_share" in row else "1",
                *(f"{row['cpu_seconds'] + learned / n:.2f}" for n in (10, 100, 1000)),
            ]
        )
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the median and the 90th percentile of the errors, a pair of bars a method."""
    axes = figure.subplots()
    shown = [row for row in rows if "median_error" in row][::-1]
    place = range(len(shown))
    for shift, key, label in ((0.2, "median_error", "median"), (-0.2, "p90_error", "90th percentile")):
        widths = [100 * max(row[key], 1e-4) for row in shown]
        bars = axes.barh([i + shift for i in place], widths, height=0.38, label=label)
        axes.bar_label(bars, fmt="%.2f %%", padding=3, fontsize=8)
    axes.set_yticks(list(place), [row["row"] for row in shown])
    axes.set(xlabel="compliance above that of full optimisation [%]", xscale="log")
    axes.margins(x=0.25)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


BENCH = Bench(
    title="Stiff beams for unseen conditions: a generator and a few steps beside the nearest known design",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
    peers=(beam_peer.PACKAGE,),
)
