"""Gene oscillators beside elite mutation at equal CPU, confirmed by CVODE; and the generator of circuits.

Everything is evaluated by trajectories at parameters that no search has seen. Times are CPU seconds of one
thread. A rival has as many as the search and its share of the training: that of a generator counts as spread
over a thousand designs.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import mean
from typing import TYPE_CHECKING, Any

from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.gene_generator import OSCILLATORS, generator_rows
from benchmarks.design.gene_rivals import connected_circuits, elite_mutation, has_cvode, oscillates_by_cvode
from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.circuit_aim import CircuitAim
from sciadv.domains.gene_circuits.circuit_choice import ChoiceSettings, choose
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.cores import minimal_cores
from sciadv.domains.gene_circuits.populations.random_circuits import random_circuits
from sciadv.domains.gene_circuits.populations.regulatory_networks import has_networks
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.prior import Prior

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "gene-oscillator"
#: Designs over which the training of a generator is spread.
N_AMORTISED = 1000
OURS, RIVAL = "designs", "elite mutation"
METHODS = (OURS, RIVAL, "elite mutation, chosen as ours", "random circuits, chosen as ours")
#: Columns of the tables of designs and of generators, with their headings.
DESIGNS = {
    "oscillating": "oscillate as they are",
    "confirmed": "confirmed by CVODE",
    "fresh_near": "fresh within a fifth",
    "fresh_anywhere": "anywhere",
    "cores": "different cores",
    "topologies": "topologies",
    "edges": "edges",
    "cpu_seconds": "CPU s",
}
GENERATORS = {
    "valid": "valid",
    "unique": "unique",
    "novel": "novel",
    "edges": "edges",
    "motif_distance": "distance of signed motifs",
    "coherent_feed_forward": "coherent feed-forward",
    "double_negative": "double-negative feedback",
    "double_positive": "double-positive feedback",
}


def run(settings: Settings) -> list[Row]:
    """Measure everything (quick: one seed, fewer circuits)."""
    with one_thread():
        rows = []
        for seed in range(1 if settings.quick else 3):
            rows += _seed(settings, settings.seed + seed)
        rows += [_mean(rows, method) for method in METHODS]
        rows.append(_compared(rows))
        rows.append(_random(settings))
        if has_networks():
            return rows + generator_rows(settings)
    settings.report("the generator is not measured: the real networks are not under SCIADV_DATA")
    return rows


def _seed(settings: Settings, seed: int) -> list[Row]:
    """Design by each method with one seed."""
    n = 10 if settings.quick else 50
    problem = load_problem(PROBLEM)
    aim = CircuitAim.read("oscillation", {})
    settings.report(f"seed {seed}: designing {n} oscillators")
    with cpu_seconds() as searched:
        x = CircuitSearch().find(problem, n, seed=seed).x
    trained = float(str(Prior.load(OSCILLATORS).card["training_cpu_seconds"])) * n / N_AMORTISED
    budget = searched() + trained
    rows = [_row(OURS, seed, x, budget, settings)]
    settings.report(f"seed {seed}: elite mutation for {budget:.0f} CPU s")
    pool = elite_mutation(problem, seconds=budget, seed=seed)
    rows.append(_row(RIVAL, seed, pool[:n], budget, settings))
    n_tested = ChoiceSettings().topologies(n)
    rivals: dict[str, Callable[[], Tensor]] = {
        METHODS[2]: lambda: elite_mutation(problem, seconds=budget / 2, seed=seed)[:n_tested],
        METHODS[3]: lambda: connected_circuits(n_tested, 5, seed=seed),
    }
    for name, draw_pool in rivals.items():
        settings.report(f"seed {seed}: {name}")
        with cpu_seconds() as seconds:
            chosen, _ = choose(draw_pool(), aim, n)
        rows.append(_row(name, seed, chosen, seconds(), settings))
    return rows


def _row(method: str, seed: int, x: Tensor, seconds: float, settings: Settings) -> Row:
    """Evaluate designs at their own and at fresh parameters."""
    n_sets = 32 if settings.quick else 128
    aim = CircuitAim.read("oscillation", {})
    shown = shows(x, "oscillation")
    near, anywhere = (
        robustness(x, "oscillation", n_sets=n_sets, spread=spread, seed=seed + 5000) for spread in (0.2, 1.0)
    )
    row: Row = {
        "row": f"{method}, seed {seed}",
        "oscillating": float(shown.double().mean()),
        "fresh_near": float(near.share.mean()),
        "fresh_anywhere": float(anywhere.share.mean()),
        "topologies": _n_different(x),
        "cores": _n_different(minimal_cores(x, aim.shows)[shown]),
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "cpu_seconds": seconds,
    }
    if has_cvode() and bool(shown.any()):
        claims = [oscillates_by_cvode(circuit) for circuit in x[shown]]
        row["confirmed"] = mean(claims)
    return row


def _n_different(x: Tensor) -> int:
    return len(set(canonical_keys(*signs_and_presence(x))))


def _mean(rows: list[Row], method: str) -> Row:
    """Return the means of a method's rows over the seeds."""
    mine = [row for row in rows if row["row"].startswith(f"{method}, seed")]
    return {"row": method} | {key: mean(row[key] for row in mine) for key in DESIGNS if key in mine[0]}


def _compared(rows: list[Row]) -> Row:
    """Return what the bars compare, each the worst of the seeds."""
    ours, rivals = (
        [row for row in rows if row["row"].startswith(f"{method}, seed")] for method in (OURS, RIVAL)
    )
    pairs = list(zip(ours, rivals, strict=True))
    row: Row = {
        "row": "designs, compared",
        "anywhere_over_rival": min(one["fresh_anywhere"] - other["fresh_anywhere"] for one, other in pairs),
        "cores_over_rival": min(one["cores"] / max(1, other["cores"]) for one, other in pairs),
        "oscillating_least": min(one["oscillating"] for one in ours),
    }
    if "confirmed" in ours[0]:
        row["confirmed_least"] = min(one["confirmed"] for one in ours)
    return row


def _random(settings: Settings) -> Row:
    """Measure the base rates of random circuits: as they are, and at many parameter sets each."""
    n, n_topologies, n_sets = (1000, 40, 32) if settings.quick else (5000, 200, 128)
    settings.report("integrating random circuits")
    x = random_circuits(n, 5, seed=settings.seed + 3)
    found = robustness(x[:n_topologies], "oscillation", n_sets=n_sets, spread=1.0, seed=settings.seed)
    return {
        "row": "random circuits",
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "oscillating": float(shows(x, "oscillation").double().mean()),
        "fresh_anywhere": float(found.share.mean()),
    }


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown: designs, then generators."""
    designs = [row for row in rows if row["row"] in (*METHODS, "random circuits")]
    generators = [row for row in rows if "motif_distance" in row]
    parts = [_table(designs, DESIGNS)]
    if generators:
        parts.append(_table(generators, GENERATORS))
    return "\n\n".join(parts)


def _table(rows: list[Row], columns: dict[str, str]) -> str:
    lines = [[row["row"], *(_cell(row.get(column)) for column in columns)] for row in rows]
    return markdown_table(["", *columns.values()], lines)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw how robust the designs of each method are, and how many cores they have."""
    by_name = {row["row"]: row for row in rows}
    left, right = figure.subplots(1, 2, sharey=True)
    names = list(reversed(METHODS))
    colours = ["#1f4e79" if name == OURS else "0.7" for name in names]
    for axes, column, words in (
        (left, "fresh_anywhere", "share of fresh parameters, anywhere in the ranges, that oscillate"),
        (right, "cores", "different minimal cores"),
    ):
        drawn = axes.barh(names, [by_name[name][column] for name in names], color=colours)
        axes.bar_label(drawn, fmt="{:.3g}", padding=3)
        axes.set_xlabel(words)
        axes.margins(x=0.15)


BENCH = Bench(
    title="Gene oscillators beside elite mutation at equal CPU, and the generator of circuits",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
