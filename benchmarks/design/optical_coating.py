"""Thirty films that pass the visible and reflect what is beside it: the memetic search beside simpler ones.

Every stack, ours and theirs, is judged in double precision by the scattering recursion in complex arithmetic;
the searches use real characteristic matrices in single precision, and a few of the best stacks are solved by
the package `tmm` as well, which shares no code with either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.coating_rivals import (
    adam,
    differential_evolution,
    library,
    multistart,
    slsqp,
)
from sciadv.catalogue import load_problem
from sciadv.designs.distinct import count_distinct
from sciadv.forward import Coating
from sciadv.solvers.least_squares.between_bounds import Minima
from sciadv.solvers.least_squares.memetic import MemeticSearch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "optical-coating"
N_DESIGNS, N_SEEDS, N_QUICK_SEEDS = 100, 5, 1
Search = Callable[[Coating, int], Minima]


def residuals_of(coating: Coating, place: Tensor) -> tuple[Tensor, Tensor]:
    """Return residuals and their derivatives in places between the bounds of the thicknesses."""
    low, high = (getattr(coating.variables[0], end) for end in ("low", "high"))
    r, slope = coating.residuals(low + (high - low) * place)
    return r, (high - low) * slope


def searches(*, quick: bool) -> dict[str, Search]:
    """Return the methods by name, ours first; each of about 10 s on one thread (quick: 5 s)."""
    part = 2 if quick else 1
    ours = MemeticSearch(n_starts=500 // part, n_rounds=20 // part)
    rivals: dict[str, Callable[..., Minima]] = {
        "random library, best 100, same refinement": partial(
            library, n=4096 // part, keep=N_DESIGNS, n_steps=300 // part
        ),
        "random starts, same refinement, best 100": partial(multistart, n=750 // part, n_steps=40),
        "random starts, Adam": partial(adam, n=N_DESIGNS, n_steps=300 // part, rate=0.05),
        "random starts, SLSQP (SciPy)": partial(slsqp, n=20 // part, n_steps=200),
    }

    def by_residuals(method: Callable[..., Minima], coating: Coating, seed: int) -> Minima:
        return method(partial(residuals_of, coating), coating.n_films, seed)

    def memetic(coating: Coating, seed: int) -> Minima:
        at = partial(residuals_of, coating)
        return ours(at, coating.n_films, seed=seed, dtype=torch.float32)

    def evolved(coating: Coating, seed: int) -> Minima:
        def value(place: Tensor) -> Tensor:
            return residuals_of(coating, place)[0].square().mean(1)

        return differential_evolution(value, coating.n_films, seed, population=150, n_rounds=200 // part)

    named: dict[str, Search] = {"ours": memetic}
    named |= {name: partial(by_residuals, method) for name, method in rivals.items()}
    return named | {"differential evolution (SciPy)": evolved}


def judged(coating: Coating, found: Minima) -> tuple[Tensor, Tensor]:
    """Return the best stacks ``(stacks, films)`` of a search and their figures of merit, in double."""
    exact = coating.to(torch.float64).with_properties(("figure_of_merit",))
    low, high = (getattr(coating.variables[0], end) for end in ("low", "high"))
    x = low + (high - low) * found.place.double()
    with torch.no_grad():
        value = exact(x)[:, 0]
    best = value.argsort()[:N_DESIGNS]
    return x[best], value[best]


def measured(x: Tensor, value: Tensor, width: float) -> Row:
    """Return best, median and how many distinct stacks are near the best; `width` of the bounds [m]."""
    near = x[value <= 1.05 * value[0]] / width
    apart = torch.cdist(x, x).sum() / max(1, len(x) * (len(x) - 1))
    return {
        "best": float(value[0]),
        "median": float(value.median()),
        "n_stacks": len(x),
        "distinct_near_best": count_distinct(near, 0.01),
        "families_near_best": count_distinct(near, 0.1),
        "mean_distance_um": 1e6 * float(apart),
    }


def _row(name: str, search: Search, settings: Settings) -> Row:
    """Run a method with several seeds; the worst of them is what bars are held against."""
    rows = []
    for seed in range(N_QUICK_SEEDS if settings.quick else N_SEEDS):
        coating = load_problem(PROBLEM, seed=settings.seed).forward
        assert isinstance(coating, Coating)
        width = coating.variables[0].high - coating.variables[0].low
        with one_thread(), cpu_seconds() as seconds:
            found = search(coating, settings.seed + seed)
        x, value = judged(coating, found)
        rows.append({**measured(x, value, width), "cpu_seconds": seconds()})
        if name == "ours":
            verified = coating.verify(x[:2])["figure_of_merit"]
            rows[-1]["largest_difference_from_tmm"] = float((verified - value[:2]).abs().max())
    best = [row["best"] for row in rows]
    median = [row["median"] for row in rows]
    combined = {
        "row": name,
        "is_ours": name == "ours",
        "n_seeds": len(rows),
        "best_of_seeds": min(best),
        "best": max(best),
        "median_of_seeds": min(median),
        "median": max(median),
        "distinct_near_best": min(row["distinct_near_best"] for row in rows),
        "families_near_best": min(row["families_near_best"] for row in rows),
        "mean_distance_um": sum(row["mean_distance_um"] for row in rows) / len(rows),
        "cpu_seconds": max(row["cpu_seconds"] for row in rows),
        "n_stacks": rows[0]["n_stacks"],
    }
    if name == "ours":
        combined["largest_difference_from_tmm"] = max(row["largest_difference_from_tmm"] for row in rows)
    return combined


def run(settings: Settings) -> list[Row]:
    """Search by every method with five seeds (quick: one, half of the work)."""
    rows = []
    for name, search in searches(quick=settings.quick).items():
        settings.report(f"searching by: {name}")
        rows.append(_row(name, search, settings))
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown; best and worst seed each."""
    header = ["method", "stacks", "best of them", "their median", "distinct (3 nm) within 5 % of the best"]
    header += ["distinct (30 nm)", "mean distance [um]", "CPU s"]
    lines = [
        [
            row["row"],
            row["n_stacks"],
            f"{row['best_of_seeds']:.5f} to {row['best']:.5f}",
            f"{row['median_of_seeds']:.5f} to {row['median']:.5f}",
            row["distinct_near_best"],
            row["families_near_best"],
            f"{row['mean_distance_um']:.3f}",
            f"{row['cpu_seconds']:.1f}",
        ]
        for row in rows
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw best and median figure of merit, a bar a method."""
    axes = figure.subplots(1, 2, sharey=True)
    shown = rows[::-1]
    colours = ["C1" if row["is_ours"] else "C0" for row in shown]
    for panel, key, words in zip(axes, ("best", "median"), ("best", "median of the stacks"), strict=True):
        bars = panel.barh([row["row"] for row in shown], [row[key] for row in shown], color=colours)
        panel.bar_label(bars, fmt="%.4f", padding=3)
        panel.set(xlabel=f"figure of merit, {words} (worst seed)", xscale="log")
        panel.margins(x=0.4)


BENCH = Bench(
    title="Thirty films that pass the visible: a memetic search beside libraries, gradients and evolution",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
