"""Textures of eighty waves for a target friction: our generator beside libraries, a flow and SciPy.

All methods but SciPy's are starts for the same refinement, Gauss and Newton's shortest steps, in rounds:
starts that fail are replaced by the method's next ones. Designs are judged on the doubled grid, those of the
rows that bars are held against by Tamaas, which shares no code with ours, the others, and those for which it
finds no solution, by our own boundary elements, which agree with Tamaas to 3e-5 (the problem's README). A
design hits where its friction is within 1 % there and every limit is kept. Diversity is the mean distance of
two hits for one target, in parts of the bounds, after what shifts, mirrors and a swap make equal. Hits at
equal cost are those that a method has in the CPU time of 1,000 designs of ours, the training counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

import sciadv
from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.texture_rivals import (
    PROBLEM,
    SINGLE,
    TARGET,
    Library,
    Starts,
    Task,
    at_random,
    of_flow,
    of_generator,
)
from benchmarks.parts import Part, measure_parts
from sciadv.catalogue import load_recipe
from sciadv.designs.aim import take_aim
from sciadv.designs.evaluated import evaluate
from sciadv.designs.fabrication import parts_as_made
from sciadv.nets import DesignDecoder
from sciadv.prior import Prior
from sciadv.recipes.design_recipe import design_training
from sciadv.schema import DesignRecipe
from sciadv.trainings.loop import run as train
from sciadv.trainings.physics.design_training import DesignSchedule

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Friction coefficients from end to end of what the generator was trained for; not those of its training.
SPAN = (0.23, 0.40)
AMORTISED = (10, 100, 1000)
#: Rows that Tamaas judges.
BY_TAMAAS = ("ours", "library of 256, refined", "library of 1,024, refined")


@dataclass(frozen=True)
class Size:
    """How much a run measures."""

    n_seeds: int
    n_targets: int
    n_designs: int
    n_single: int
    n_steps: int

    @staticmethod
    def of(settings: Settings) -> Size:
        """Return the size of a quick run, or of a whole one."""
        return Size(1, 2, 2, 0, 12) if settings.quick else Size(3, 6, 4, 2, 0)

    @property
    def goals(self) -> list[float]:
        """Targets, evenly in the logarithm, with both ends."""
        low, high = SPAN
        share = torch.linspace(0, 1, self.n_targets, dtype=torch.float64)
        return [float(goal) for goal in low * (high / low) ** share]


@dataclass(frozen=True)
class Method:
    """A method with what it cost before its first design, in evaluations of the physics and CPU seconds."""

    starts: Starts
    n_evaluations: int
    cpu_seconds: float
    is_refined: bool = True


@final
class Prepared:
    """The methods of a seed; what two of them share is made once.

    Parameters
    ----------
    task, size, seed
        What is designed, how much of it, and the seed.
    """

    NAMES = (
        "ours",
        "generator alone",
        "library of 256, refined",
        "library of 1,024, refined",
        "conditional flow on the 1,024, refined",
        "random starts, refined",
    )

    def __init__(self, task: Task, size: Size, seed: int) -> None:
        self.task, self.size, self.seed = task, size, seed

    def __call__(self, name: str) -> Method:
        """Make a method ready."""
        if name in ("ours", "generator alone"):
            return replace(self._generator, is_refined=name == "ours")
        if name == "random starts, refined":
            return Method(at_random(self.task, self.seed), 0, 0.0)
        if "flow" in name:
            library = self._large
            with one_thread(), cpu_seconds() as seconds:
                n_steps = 20 if self.size.n_steps else 1500
                starts = of_flow(self.task, library[0], self.seed, n_steps=n_steps)
            return Method(starts, len(library[0].places), library[1] + seconds())
        library = self._large if "1,024" in name else self._library(256)
        return Method(library[0].nearest, len(library[0].places), library[1])

    def _library(self, n: int) -> tuple[Library, float]:
        with one_thread(), cpu_seconds() as seconds:
            found = Library.of(self.task, n // (16 if self.size.n_steps else 1), self.seed)
        return found, seconds()

    @cached_property
    def _large(self) -> tuple[Library, float]:
        return self._library(1024)

    @cached_property
    def _generator(self) -> Method:
        """Train the recipe with this seed; the one that is shipped was trained with the recipe's own."""
        spec = load_recipe(PROBLEM).spec
        assert isinstance(spec, DesignRecipe)
        shipped = Prior.load(PROBLEM) if self.seed == spec.seed and not self.size.n_steps else None
        if shipped is not None:
            assert isinstance(shipped.generator, DesignDecoder)
            starts = of_generator(self.task, shipped.generator, self.seed)
            return Method(starts, _evaluations(spec.schedule), float(shipped.card["training_cpu_seconds"]))
        changed = spec.model_copy(update={"seed": self.seed})
        if self.size.n_steps:
            shorter = {"steps": self.size.n_steps, "n_measured": 8}
            schedule = type(spec.schedule)(**{**vars(spec.schedule), **shorter})
            changed = changed.model_copy(update={"schedule": schedule})
        with one_thread():
            training = design_training(changed)
            train(training)
        starts = of_generator(self.task, training.averaged, self.seed)
        return Method(starts, _evaluations(training.schedule), training.cpu_seconds)


def _evaluations(schedule: DesignSchedule) -> int:
    """Return how often a training evaluates the physics, with derivatives, at most."""
    refined = -(-schedule.steps // schedule.replay_every) * schedule.replay_designs
    return schedule.steps * schedule.targets * schedule.group + refined * (1 + schedule.replay_steps)


def designed(
    task: Task, method: Method, goals: list[float], n: int, *, n_rounds: int = 3
) -> tuple[Tensor, int]:
    """Return places ``(goals * n, variables)`` and how often the physics was evaluated.

    Starts that the refinement does not bring to their target are replaced by the next ones.
    """
    wanted = torch.tensor(goals, dtype=torch.float64).repeat_interleave(n)
    first = torch.cat([method.starts(goal, n, 0) for goal in goals])
    if not method.is_refined:
        return first, 0
    met = task.refined(first, wanted)
    places, off = met.place, met.residual.abs().amax(1)
    n_evaluations = int(met.n_evaluations.sum())
    skip = dict.fromkeys(goals, n)
    for _ in range(n_rounds - 1):
        rows = (off > 1).nonzero().squeeze(1)
        if not len(rows):
            break
        fresh = []
        for goal in wanted[rows].tolist():
            fresh.append(method.starts(goal, 1, skip[goal]))
            skip[goal] += 1
        met = task.refined(torch.cat(fresh), wanted[rows])
        n_evaluations += int(met.n_evaluations.sum())
        found = met.residual.abs().amax(1)
        is_better = found < off[rows]
        places[rows[is_better]], off[rows[is_better]] = met.place[is_better], found[is_better]
    return places, n_evaluations


def judge(task: Task, places: Tensor, goals: Tensor, *, by_tamaas: bool) -> Row:
    """Judge designs ``(n, variables)`` for targets ``(n,)`` on the doubled grid."""
    x = task.box.from_unit(places)
    fine = task.model.with_points(2 * task.model.points)
    names = ("friction_coefficient", "contact_pressure", "max_slope", "adhesive_pressure")
    with torch.no_grad():
        found = dict(zip(names, fine.with_properties(names)(x).unbind(1), strict=True))
    n_without = 0
    if by_tamaas:
        verified = task.model.verify(x)
        n_without = int(verified[TARGET].isnan().sum())
        found |= {
            name: torch.where(value.isnan(), found.get(name, value), value)
            for name, value in verified.items()
        }
    error = (found[TARGET] / goals - 1).abs()
    kept = [found[limit.on] <= limit.at_most for limit in task.problem.constraints]
    feasible = torch.stack(kept).all(0)
    hit = (error <= 0.01) & feasible
    scale = torch.tensor([one.high for one in task.model.variables], dtype=torch.float64)
    where = 0.5 * task.model.canonical(x) / scale
    spreads = []
    for goal in dict.fromkeys(goals.tolist()):
        mine = where[hit & (goals == goal)]
        if len(mine) > 1:
            spreads.append(float(torch.nn.functional.pdist(mine).mean()))
    return {
        "hit": float(hit.double().mean()),
        "within_1_percent": float((error <= 0.01).double().mean()),
        "feasible": float(feasible.double().mean()),
        "worst_error": float(error.max()),
        "without_tamaas": n_without,
        "diversity": sum(spreads) / len(spreads) if spreads else 0.0,
    }


def measured(task: Task, size: Size, prepared: Prepared, name: str) -> Row:
    """Return a row of one method and seed."""
    method, n = prepared(name), size.n_designs
    with one_thread(), cpu_seconds() as seconds:
        places, n_evaluations = designed(task, method, size.goals, n)
    goals = torch.tensor(size.goals, dtype=torch.float64).repeat_interleave(n)
    cost = {
        "evaluations_before": method.n_evaluations,
        "evaluations_per_design": n_evaluations / len(goals),
        "cpu_seconds_before": method.cpu_seconds,
        "cpu_ms_per_design": 1e3 * seconds() / len(goals),
    }
    return {**judge(task, places, goals, by_tamaas=name in BY_TAMAAS), **cost, "n": len(goals)}


def single(task: Task, size: Size, name: str, seed: int) -> Row:
    """Return a row of a search for one design at a time."""
    goals = size.goals[1::3][: size.n_single]  # none at an end of the range, where every search is hard
    with one_thread(), cpu_seconds() as seconds:
        found = [SINGLE[name](task, goal, seed) for goal in goals]
    wanted = torch.tensor(goals, dtype=torch.float64)
    return {
        **judge(task, torch.stack([one.place for one in found]), wanted, by_tamaas=False),
        "evaluations_before": 0,
        "evaluations_per_design": sum(one.n_evaluations for one in found) / len(goals),
        "cpu_seconds_before": 0.0,
        "cpu_ms_per_design": 1e3 * seconds() / len(goals),
        "n": len(goals),
    }


def robust(task: Task, seed: int) -> Row:
    """Ask for designs of which 95 % of the parts keep a range of friction, and count on fresh parts."""
    target = {TARGET: (0.28, 0.32), "yield": ">=0.95"}
    with one_thread(), cpu_seconds() as seconds:
        found = sciadv.design(task.problem, target, 2, seed=seed)
    aim = take_aim(task.problem, target, tolerance=0.005)
    parts = parts_as_made(aim, evaluate(task.problem, found.x), 100, seed=77_000 + seed)
    return {
        "n": len(found.x),
        "least_yield": float(parts.yields.min()),
        "mean_yield": float(parts.yields.mean()),
        "cpu_ms_per_design": 1e3 * seconds() / len(found.x),
    }


def run(settings: Settings) -> list[Row]:
    """Measure every method with three seeds (quick: one, few designs, a generator hardly trained)."""
    size, task = Size.of(settings), Task()
    parts: list[Part] = []
    for seed in range(settings.seed, settings.seed + size.n_seeds):
        prepared = Prepared(task, size, seed)
        for name in Prepared.NAMES:
            depends: tuple[object, ...] = (PROBLEM, name, seed, vars(size), load_recipe(PROBLEM).sha256)
            facts = {"method": name, "seed": seed}
            parts.append(
                Part(f"{name}, seed {seed}", facts, depends, partial(measured, task, size, prepared, name))
            )
        for name in SINGLE if size.n_single else ():
            depends = (PROBLEM, name, seed, vars(size))
            facts = {"method": name, "seed": seed}
            parts.append(
                Part(f"{name}, seed {seed}", facts, depends, partial(single, task, size, name, seed))
            )
    if not settings.quick:
        depends = (PROBLEM, "yield", settings.seed, vars(size))
        parts.append(Part("yield of 95 % asked for", {}, depends, partial(robust, task, settings.seed)))
    rows = measure_parts(parts, settings)
    return [*rows, *_summaries([row for row in rows if "hit" in row])]


def _summaries(rows: list[Row]) -> list[Row]:
    """Return the means over seeds of every method, what a design costs in all, and the gains."""
    numbers = [key for key, value in rows[0].items() if isinstance(value, float | int) and key != "seed"]
    found: dict[str, Row] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name]
        means = {key: sum(row[key] for row in mine) / len(mine) for key in numbers}
        costs = {
            f"cpu_ms_over_{n}": means["cpu_ms_per_design"] + 1e3 * means["cpu_seconds_before"] / n
            for n in AMORTISED
        }
        found[name] = {
            "row": name,
            "method": name,
            **means,
            **costs,
            "least_hit": min(r["hit"] for r in mine),
        }
    ours, rival = found["ours"], found["library of 256, refined"]
    budget = 1e-3 * AMORTISED[-1] * ours[f"cpu_ms_over_{AMORTISED[-1]}"]
    for row in found.values():
        left = max(0.0, budget - row["cpu_seconds_before"])
        row["hits_at_equal_cpu"] = row["hit"] * 1e3 * left / row["cpu_ms_per_design"]
    ours["more_hits"] = ours["hit"] - rival["hit"]
    ours["more_hits_at_equal_cpu"] = ours["hits_at_equal_cpu"] - rival["hits_at_equal_cpu"]
    ours["more_diversity"] = ours["diversity"] - rival["diversity"]
    return list(found.values())


def table(rows: list[Row]) -> str:
    """Write the means over seeds as Markdown."""
    header = [
        "method",
        "designs",
        "hit",
        "feasible",
        "diversity",
        "evaluations before",
        "a design",
        "CPU s before",
    ]
    header += ["CPU ms a design", *(f"over {n}" for n in AMORTISED), "hits at equal CPU"]
    lines = [
        [
            row["row"],
            f"{row['n']:.0f}",
            f"{row['hit']:.1%}",
            f"{row['feasible']:.1%}",
            f"{row['diversity']:.2f}",
            f"{row['evaluations_before']:.0f}",
            f"{row['evaluations_per_design']:.1f}",
            f"{row['cpu_seconds_before']:.1f}",
            f"{row['cpu_ms_per_design']:.3g}",
            *(f"{row[f'cpu_ms_over_{n}']:.3g}" for n in AMORTISED),
            f"{row['hits_at_equal_cpu']:.0f}",
        ]
        for row in rows
        if "cpu_ms_over_10" in row
    ]
    said = [
        f"\n\nA yield of 95 % asked for: {row['n']} designs, {row['least_yield']:.0%} to the worst, "
        f"{row['mean_yield']:.0%} on average, of 100 fresh parts each."
        for row in rows
        if "least_yield" in row
    ]
    return markdown_table(header, lines) + "".join(said)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw hits against diversity, and what a design costs over how many are made."""
    left, right = figure.subplots(1, 2)
    shown = [row for row in rows if "cpu_ms_over_10" in row]
    counts = torch.logspace(1, 4, 50)
    for i, row in enumerate(shown):
        left.scatter(row["diversity"], 100 * row["hit"], color=f"C{i}", label=row["row"])
        cost = row["cpu_ms_per_design"] + 1e3 * row["cpu_seconds_before"] / counts
        right.plot(counts, cost, color=f"C{i}")
    left.set(xlabel="mean distance of two hits [parts of the bounds]", ylabel="designs that hit [%]")
    right.set(xlabel="designs made", ylabel="CPU time a design, all counted [ms]", xscale="log", yscale="log")
    figure.legend(loc="outside lower center", ncols=2, fontsize=7)


BENCH = Bench(
    title="Textures of eighty waves for a target friction: a generator beside libraries, a flow and SciPy",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
