"""Cells of a target property: a prior of a medium beside random fields, real patches and free pixels.

Every cell is judged as it is, of zeros and ones, in double precision. A target is hit where each property is
within 0.5 % of it. Likeness to the medium is measured against 3,000 training patches
(`benchmarks.structures.cell_realism`); held-out patches of it are a row of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.structures.cell_realism import Realism
from benchmarks.structures.cell_rivals import CutField, Goals, RoundedWaves, counted, free_pixels, from_draws
from sciadv.catalogue import load_problem
from sciadv.data.media import cut_patches, read_medium
from sciadv.designs import PropertySearch
from sciadv.forward import Microstructure
from sciadv.physics.continuum.cells_by_skfem import conductivity_by_skfem
from sciadv.physics.continuum.homogenisation import hashin_shtrikman
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM, MEDIUM = "microstructure", "berea"
N_EACH, N_SEEDS, N_PATCHES = 4, 3, 1000
#: What targets are on.
NAMES = ("conductivity", "conductivity_xx", "conductivity_yy", "youngs_modulus")
#: Designs ``(n, 1, height, width)`` for goals, with a seed.
Method = Callable[[Goals, int, int], Tensor]


def patches(split: str, n: int, seed: int) -> Tensor:
    """Return patches ``(n, 64, 64)`` of zeros and ones of the medium."""
    cut = cut_patches(read_medium(MEDIUM, split), (64, 64), n, seed=seed, is_isotropic=True)
    return torch.from_numpy(cut).float() / 255


def targets(values: Tensor, *, quick: bool) -> list[dict[str, float]]:
    """Return goals: conductivities over the medium's range, pairs of both directions, and a modulus.

    `values` are those of `NAMES`, of patches ``(n, 4)``.
    """
    shares = (0.5,) if quick else (0.05, 0.3, 0.7, 0.95)
    single = values[:, 0].quantile(torch.tensor(shares, dtype=torch.float64)).tolist()
    goals = [{"conductivity": round(value, 2)} for value in single]
    middle = float(values[:, 0].median())
    ratios = ((1.0, 1.1),) if quick else ((1.0, 1.0), (0.95, 1.1))
    pairs = [{"conductivity_xx": middle * a, "conductivity_yy": middle * b} for a, b in ratios]
    stiff = {"youngs_modulus": float(values[:, 3].median())}
    return [*goals, *({name: round(value, 2) for name, value in pair.items()} for pair in pairs), stiff]


def searched(problem: Problem, goals: Goals, n: int, seed: int) -> Tensor:
    """Design as ``sciadv design`` does, without the independent solver."""
    return PropertySearch(verifies=False)(problem, goals, n, seed=seed).x


def searched_alone(problem: Problem, goals: Goals, n: int, seed: int) -> Tensor:
    """Design so without the parts as made, which the rivals do not have."""
    return PropertySearch(verifies=False, most_parts=0)(problem, goals, n, seed=seed).x


def from_patches(known: Tensor, values: Tensor, goals: Goals, n: int, seed: int) -> Tensor:  # noqa: ARG001  # of every method
    """Return the real patches whose conductivities come nearest to the goals, as they are."""
    off = [(values[:, NAMES.index(name)] / goal - 1).abs() for name, goal in goals.items()]
    nearest = torch.stack(off, 1).amax(1).argsort()[:n]
    return known[nearest, None].double()


def seams(x: Tensor) -> float:
    """Return the phase changes across the cells' edges over those inside: 1 without a seam."""
    x = x[:, 0]
    across = (x[:, 0] - x[:, -1]).abs().mean() + (x[:, :, 0] - x[:, :, -1]).abs().mean()
    inside = x.diff(dim=1).abs().mean() + x.diff(dim=2).abs().mean()
    return float(across / inside)


def judged(model: Microstructure, x: Tensor, goals: Goals) -> Row:
    """Return what cells are: hits, their error, whether they are within the bounds."""
    names = [one.name for one in model.PROPERTIES]
    with torch.no_grad():
        values = model.with_properties(names).to("cpu", torch.float64)(x.double())
    error = torch.stack([values[:, names.index(name)] / goal - 1 for name, goal in goals.items()], 1)
    low, high = hashin_shtrikman(*model.conductivities, values[:, names.index("volume_fraction")])
    middle = values[:, names.index("conductivity")]
    return {
        "hit": float((error.abs() <= 0.005).all(1).double().mean()),
        "within_1_percent": float((error.abs() <= 0.01).all(1).double().mean()),
        "within_bounds": float(((middle >= low) & (middle <= high)).double().mean()),
    }


def verified(model: Microstructure, x: Tensor, goals: Goals, n: int, *, doubles: bool) -> Row:
    """Return the largest errors by biquadratic elements, of the model and of the targets; `n` cells.

    Where asked, the first cell also on a grid twice as fine.
    """
    some = x[:n].double()
    asked = model.with_properties(list(goals)).to("cpu", torch.float64)
    found = asked.verify(some)
    with torch.no_grad():
        own = asked(some)
    theirs = torch.stack([found[name] for name in goals], 1)
    wanted = torch.tensor(list(goals.values()), dtype=torch.float64)
    off = float((own / theirs - 1).abs().max())
    if "youngs_modulus" in goals:
        return {"modulus_from_fem": off}
    row = {
        "model_from_fem": off,
        "target_from_fem": float((theirs / wanted - 1).abs().max()),
        "grid_doubling": 0.0,
    }
    if not doubles:
        return row
    first, second = model.conductivities
    coarse = (first + (second - first) * some[0, 0]).numpy()
    fine = coarse.repeat(2, 0).repeat(2, 1)
    ends = [conductivity_by_skfem(k).trace() for k in (coarse, fine)]
    return row | {"grid_doubling": abs(float(ends[1] / ends[0]) - 1)}


def run(settings: Settings) -> list[Row]:
    """Design for every target by every method, three seeds (quick: one, fewer targets)."""
    problem = load_problem(PROBLEM, seed=settings.seed)
    model = problem.forward
    assert isinstance(model, Microstructure)
    real = patches("train", 1000 if settings.quick else 3000, 0)
    realism = Realism.of(real)
    known = real[: 300 if settings.quick else N_PATCHES]
    with one_thread(), cpu_seconds() as library, torch.no_grad():
        values = model.with_properties(NAMES).to("cpu", torch.float64)(known[:, None].double())
    goals = targets(values, quick=settings.quick)
    every = methods(problem, model, real, (known, values))
    seeds = range(settings.seed, settings.seed + (1 if settings.quick else N_SEEDS))
    rows = []
    for name, method in every.items():
        settings.report(f"designing by: {name}")
        rows.append(_row(name, method, (model, realism, goals), seeds, n=3 if settings.quick else N_EACH))
        rows[-1]["library_cpu_seconds"] = library() if name == "real patches" else 0.0
    others = [row["two_point_alike"] for row in rows if row["row"].startswith("topology")]
    rows[0]["ahead_of_topology_optimisation"] = rows[0]["two_point_alike"] - max(others)
    held_out = realism.judge(patches("test", 500, 1))
    return [*rows, {"row": "held-out patches", "is_ours": False, **held_out}]


def methods(
    problem: Problem,
    model: Microstructure,
    real: Tensor,
    known: tuple[Tensor, Tensor],
) -> dict[str, Method]:
    """Return the methods by name, ours first."""
    nets = {
        "our prior, shortest steps": copy.deepcopy(problem.prior.generator),
        "random field of the patches' two-point statistics": CutField(real),
        "waves, nothing known": RoundedWaves(),
    }
    return {
        "ours": partial(searched, problem),
        "ours, without the parts as made": partial(searched_alone, problem),
        **{name: partial(from_draws, model, net.double()) for name, net in nets.items()},
        "topology optimisation, filter of 1 pixel": partial(free_pixels, model, radius=1.0),
        "topology optimisation, filter of 2 pixels": partial(free_pixels, model, radius=2.0),
        "real patches": partial(from_patches, *known),
    }


def _row(
    name: str,
    method: Method,
    given: tuple[Microstructure, Realism, list[dict[str, float]]],
    seeds: range,
    *,
    n: int,
) -> Row:
    """Design for all goals with all seeds and return the means, and the worst error."""
    model, realism, every = given
    cells, rows, checks = [], [], []
    with one_thread(), cpu_seconds() as seconds, counted() as evaluations:
        for seed in seeds:
            cells += [method(goals, n, seed) for goals in every]
    for i, x in enumerate(cells):
        goals = every[i % len(every)]
        rows.append({**judged(model, x, goals), "seams": seams(x)})
        if name == "ours" and i < len(every):
            checks.append(verified(model, x, goals, 2, doubles=i == 0))
    means = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0]}
    kinds = {key for row in checks for key in row}
    worst = {key: max(row.get(key, 0.0) for row in checks) for key in sorted(kinds)}
    n_designs = sum(len(x) for x in cells)
    return {
        "row": name,
        "is_ours": name.startswith("ours"),
        "n_designs": n_designs,
        **means,
        **realism.judge((torch.cat(cells)[:, 0] > 0.5).float()),
        "evaluations": sum(evaluations) / n_designs,
        "cpu_seconds": seconds() / n_designs,
        **worst,
    }


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    header = ["method", "designs", "hit", "within the bounds", "two-point alike", "connectivity alike"]
    header += ["both", "seams", "evaluations a design", "CPU s a design"]
    lines = []
    for row in rows:
        shares = [row.get(key) for key in ("hit", "within_bounds")]
        shares += [row[key] for key in ("two_point_alike", "connectivity_alike", "realistic")]
        numbers = [row.get("seams"), row.get("evaluations"), row.get("cpu_seconds")]
        lines.append(
            [
                row["row"],
                row.get("n_designs", "-"),
                *("-" if share is None else f"{share:.1%}" for share in shares),
                *("-" if number is None else f"{number:.3g}" for number in numbers),
            ]
        )
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the shares of hits and of cells like the medium, a pair of bars a method."""
    axes = figure.subplots()
    shown = rows[::-1]
    place = range(len(shown))
    for shift, key, label in ((0.2, "hit", "hit the target"), (-0.2, "realistic", "like the medium")):
        widths = [100 * row.get(key, 0.0) for row in shown]
        bars = axes.barh([i + shift for i in place], widths, height=0.38, label=label)
        axes.bar_label(bars, fmt="%.0f %%", padding=3)
    axes.set_yticks(list(place), [row["row"] for row in shown])
    axes.set(xlabel="share of designs [%]", xlim=(0, 115))
    figure.legend(loc="outside lower center", ncols=2, frameon=False)


BENCH = Bench(
    title="Cells of a target conductivity: a prior of a real medium beside random fields and free pixels",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
