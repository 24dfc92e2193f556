"""Nanotextures for a target friction: the default search beside a look-up table and SciPy, target by target.

Every design, ours and theirs, is judged by `Reference`: Johnson's contact solved by SciPy's root finder in
NumPy, which shares no code with the operator that ours are trained and refined with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import sciadv
from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.nanotexture_peers import (
    LookupTable,
    Peer,
    differential_evolution,
    slsqp,
    without_generator,
)
from benchmarks.design.nanotexture_reference import Reference
from sciadv.catalogue import load_problem
from sciadv.designs.aim import take_aim
from sciadv.designs.evaluated import evaluate
from sciadv.designs.proposals import proposed
from sciadv.forward import PropertyModel
from sciadv.forward.design.quantity import box_of
from sciadv.nets import Box
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "nanotexture-friction"
TARGET = "friction_coefficient"
N_TARGETS, N_DESIGNS, N_GRID = 50, 20, 400
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """What the reference says of designs ``(targets, designs)``: error, feasibility, spread."""

    error: Array
    feasible: npt.NDArray[np.bool_]
    spread: float

    def row(self) -> Row:
        """Return the shares within 1 % and 5 %, feasible, and both."""
        good = (self.error <= 0.01) & self.feasible
        return {
            "within_1_percent": float((self.error <= 0.01).mean()),
            "within_5_percent": float((self.error <= 0.05).mean()),
            "feasible": float(self.feasible.mean()),
            "hit_and_feasible": float(good.mean()),
            "targets_hit": float(good.any(1).mean()),
            "spread": self.spread,
        }


def judge(reference: Reference, x: Array, goals: Sequence[float]) -> Judged:
    """Evaluate designs ``(targets, designs, 2)`` by the reference."""
    answers = np.array([[reference(*design) for design in designs] for designs in x])
    error = np.abs(answers[..., 0] / np.asarray(goals)[:, None] - 1)
    feasible = reference.is_feasible(answers[..., 1], answers[..., 2])
    n = x.shape[1]
    pairs = np.linalg.norm(np.log(x)[:, :, None] - np.log(x)[:, None], axis=-1).sum((1, 2))
    return Judged(error, feasible, float(pairs.mean() / (n * (n - 1))) if n > 1 else 0.0)


def reachable_range(problem: Problem) -> tuple[float, float]:
    """Return the least and the largest friction of feasible designs in partial contact.

    By a dense grid, then by ever denser ones about its best points.
    """
    model = problem.forward
    assert isinstance(model, PropertyModel)
    box = box_of(model)
    line = torch.linspace(0, 1, N_GRID, dtype=torch.float64)
    low, high = (_extreme(problem, box, torch.cartesian_prod(line, line), sign) for sign in (1, -1))
    return low, high


def _extreme(problem: Problem, box: Box, places: Tensor, sign: int) -> float:
    """Return the least of ``sign * friction``, times the sign."""
    best = torch.inf
    for step in range(5):
        designs = evaluate(problem, box.from_unit(places))
        usable = designs.feasible & (designs.regime == 0)
        friction = torch.where(usable, sign * designs.value("friction_coefficient"), torch.inf)
        best = min(best, float(friction.min()))
        offset = torch.linspace(-1, 1, 41, dtype=torch.float64) / N_GRID / 10**step
        around = torch.cartesian_prod(offset, offset)
        top = places[friction.topk(16, largest=False).indices]
        places = (top[:, None] + around).flatten(0, 1).clamp(0, 1)
    return sign * best


def fresh_targets(problem: Problem, n: int, *, seed: int) -> list[float]:
    """Draw targets log-uniformly over the reachable range; the bench's own seeds, used nowhere else."""
    low, high = reachable_range(problem)
    draws = np.random.default_rng(50_000 + seed).random(n)
    return [float(low * (high / low) ** u) for u in draws]


def ours(problem: Problem, goals: Sequence[float], n: int, reference: Reference, *, seed: int) -> list[Row]:
    """Measure the trained generator alone, and the default search, target by target."""
    sciadv.design(problem, {TARGET: goals[0]}, 2, seed=seed)  # warm
    with one_thread(), cpu_seconds() as seconds:
        raw = np.stack([_proposals(problem, goal, n, seed=seed + i) for i, goal in enumerate(goals)])
    rows = [_row("raw generator", raw, goals, reference, seconds(), is_ours=True)]
    with one_thread(), cpu_seconds() as seconds:
        sets = [sciadv.design(problem, {TARGET: goal}, n, seed=seed + i) for i, goal in enumerate(goals)]
    x = np.stack([one.x.numpy() for one in sets])
    return [*rows, _row("ours", x, goals, reference, seconds(), is_ours=True)]


def _proposals(problem: Problem, goal: float, n: int, *, seed: int) -> Array:
    x = proposed(take_aim(problem, {TARGET: goal}, tolerance=0.01), n, seed=seed)
    assert x is not None
    return x.double().numpy()


def _row(  # a row's parts
    name: str, x: Array, goals: Sequence[float], reference: Reference, seconds: float, *, is_ours: bool
) -> Row:
    return {
        "row": name,
        "is_ours": is_ours,
        "n_targets": len(goals),
        "n_designs": x.shape[1],
        **judge(reference, x, goals).row(),
        "cpu_ms_per_design": 1000 * seconds / (len(goals) * x.shape[1]),
    }


def _peer(peer: Peer, name: str, goals: Sequence[float], reference: Reference, *, seed: int) -> Row:
    """Measure a method that designs for one target at a time."""
    with one_thread(), cpu_seconds() as seconds:
        answers = [peer(goal, seed + i) for i, goal in enumerate(goals)]
    x = np.stack([answer.x for answer in answers])
    evaluations = float(np.median([answer.n_evaluations for answer in answers]))
    return _row(name, x, goals, reference, seconds(), is_ours=False) | {"evaluations_median": evaluations}


def run(settings: Settings) -> list[Row]:
    """Design for 50 fresh targets (quick: 15), 20 designs each, and by SciPy, one design each."""
    problem = load_problem(PROBLEM)
    reference = Reference.of(problem)
    goals = fresh_targets(problem, 15 if settings.quick else N_TARGETS, seed=settings.seed)
    settings.report(f"designing for {len(goals)} targets from {min(goals):.4f} to {max(goals):.4f}")
    rows = ours(problem, goals, N_DESIGNS, reference, seed=settings.seed)
    settings.report("a look-up table")
    with one_thread(), cpu_seconds() as seconds:
        table_ = LookupTable.of(problem)
        found = np.stack([table_(goal, N_DESIGNS) for goal in goals])
    rows.append(_row("look-up table, interpolated", found, goals, reference, seconds(), is_ours=False))
    peers: dict[str, Peer] = {
        "ours without the generator": without_generator(problem, N_DESIGNS),
        "SLSQP, random starts (SciPy)": partial(slsqp, reference),
        "differential evolution (SciPy)": partial(differential_evolution, reference),
    }
    for name, peer in peers.items():
        settings.report(f"designing by: {name}")
        rows.append(_peer(peer, name, goals, reference, seed=settings.seed))
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [
        [
            row["row"],
            f"{row['n_targets']} x {row['n_designs']}",
            f"{row['hit_and_feasible']:.1%}",
            f"{row['targets_hit']:.1%}",
            f"{row['within_5_percent']:.1%}",
            f"{row['feasible']:.1%}",
            _number(row.get("evaluations_median"), "{:.0f}"),
            f"{row['cpu_ms_per_design']:.3g}",
            f"{row['spread']:.2f}",
        ]
        for row in rows
    ]
    header = ["method", "targets x designs", "within 1 % and feasible", "targets hit", "within 5 %"]
    header += ["feasible", "evaluations", "CPU ms per design", "spread"]
    return markdown_table(header, lines)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None or math.isnan(value) else form.format(value)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw hits and CPU time, a bar a method."""
    left, right = figure.subplots(1, 2)
    shown = rows[::-1]
    names = [row["row"] for row in shown]
    colours = ["C1" if row["is_ours"] else "C0" for row in shown]
    bars = left.barh(names, [100 * row["hit_and_feasible"] for row in shown], color=colours)
    left.bar_label(bars, fmt="%.1f", padding=3)
    left.set(xlabel="designs within 1 % and feasible [%]", xlim=(0, 125))
    times = right.barh(names, [row["cpu_ms_per_design"] for row in shown], color=colours)
    right.bar_label(times, fmt="%.2g", padding=3)
    right.set(xlabel="CPU time per design [ms]", xscale="log", yticks=[])
    right.margins(x=0.3)


BENCH = Bench(
    title="Nanotextures for a target friction beside SLSQP, differential evolution and a random library",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
