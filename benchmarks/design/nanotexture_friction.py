"""Nanotextures for a target friction: our generator with refinement, beside SciPy, one target at a time.

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

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.nanotexture_peers import Peer, differential_evolution, library_and_search, slsqp
from benchmarks.design.nanotexture_reference import Reference
from sciadv.catalogue import load_problem
from sciadv.designs.evaluated import Evaluated, grid_library
from sciadv.designs.property_search import propose, refine
from sciadv.designs.survey import survey
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "nanotexture-friction"
N_TARGETS, N_DESIGNS = 50, 20
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

    From a grid over the bounds, then ever nearer around the designs at both ends.
    """
    grid = grid_library(problem, 200)
    assert grid is not None
    low, high = _partial_contact(grid)
    below, above = (
        survey(problem, torch.tensor([goal]), [grid], seed=0) for goal in (0.9 * low, 1.05 * high)
    )
    return _partial_contact(below)[0], _partial_contact(above)[1]


def _partial_contact(designs: Evaluated) -> tuple[float, float]:
    friction = designs.value("friction_coefficient")[designs.feasible & (designs.regime == 0)]
    return float(friction.min()), float(friction.max())


def fresh_targets(problem: Problem, n: int, *, seed: int) -> list[float]:
    """Draw targets log-uniformly over the reachable range; the bench's own seeds, used nowhere else."""
    low, high = reachable_range(problem)
    draws = np.random.default_rng(50_000 + seed).random(n)
    return [float(low * (high / low) ** u) for u in draws]


def _ours(problem: Problem, goals: Sequence[float], n: int, reference: Reference, *, seed: int) -> list[Row]:
    """Measure the generator alone, with refinement in one batch, and with refinement target by target."""
    each = torch.tensor(goals, dtype=torch.float32)[:, None].repeat_interleave(n, 0)
    refine(problem, each[:2], seed=seed)  # warm
    with one_thread(), cpu_seconds() as raw_seconds:
        z = propose(problem, each, 1, seed=seed)
        assert z is not None
        with torch.no_grad():
            raw = problem.prior(z[:, 0])
    with one_thread(), cpu_seconds() as seconds:
        solution = refine(problem, each, seed=seed)
    some = goals[:: max(1, len(goals) // 10)]
    with one_thread(), cpu_seconds() as alone_seconds:
        for i, goal in enumerate(some):
            refine(problem, torch.full((n, 1), goal), seed=seed + i)
    rows = []
    for name, designs, spent in (("raw generator", raw, raw_seconds()), ("ours", solution.x, seconds())):
        shaped = designs.double().reshape(len(goals), n, 2).numpy()
        rows.append(
            {
                "row": name,
                "is_ours": True,
                "n_targets": len(goals),
                "n_designs": n,
                **judge(reference, shaped, goals).row(),
                "cpu_ms_per_design": 1000 * spent / len(each),
            }
        )
    rows[1]["cpu_ms_per_design_alone"] = 1000 * alone_seconds() / (len(some) * n)
    rows[1]["iterations"] = len(solution.history)
    return rows


def _peer(peer: Peer, name: str, goals: Sequence[float], reference: Reference, *, seed: int) -> Row:
    """Measure a method that designs for one target at a time."""
    with one_thread(), cpu_seconds() as seconds:
        answers = [peer(goal, seed + i) for i, goal in enumerate(goals)]
    x = np.stack([answer.x for answer in answers])
    n_designs = x.shape[1]
    evaluations = [answer.n_evaluations for answer in answers]
    spent = seconds() / (len(goals) * n_designs)
    return {
        "row": name,
        "is_ours": False,
        "n_targets": len(goals),
        "n_designs": n_designs,
        **judge(reference, x, goals).row(),
        "cpu_ms_per_design": 1000 * spent,
        "evaluations_median": float(np.median(evaluations)),
        "evaluations_mean": float(np.mean(evaluations)),
    }


def run(settings: Settings) -> list[Row]:
    """Design for 50 fresh targets (quick: 15), 20 designs each, and by SciPy, one design each."""
    problem = load_problem(PROBLEM)
    reference = Reference.of(problem)
    goals = fresh_targets(problem, 15 if settings.quick else N_TARGETS, seed=settings.seed)
    settings.report(f"designing for {len(goals)} targets from {min(goals):.4f} to {max(goals):.4f}")
    rows = _ours(problem, goals, N_DESIGNS, reference, seed=settings.seed)
    settings.report("a library of random designs, the nearest of each target, the same refinement")
    peers: dict[str, Peer] = {
        "random library, nearest, same refinement": library_and_search(problem, N_DESIGNS),
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
