"""Gene oscillators: the simulator against SciPy's LSODA, the prior's circuits, designs on fresh parameters.

Everything is judged by trajectories and their autocorrelation, which no search and no training looks at.
Times are CPU seconds of one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.peer_lsoda import integrate
from sciadv.catalogue import load_problem, load_recipe
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.populations.random_circuits import (
    enumerate_topologies,
    largest_samples,
    random_circuits,
)
from sciadv.domains.gene_circuits.populations.regulatory_networks import (
    Topologies,
    has_networks,
    load_networks,
    subgraphs,
)
from sciadv.metrics.graph import are_connected, canonical_keys, share_novel, share_unique
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits, circuits_of, unpack
from sciadv.physics.regulation.trajectories import simulate
from sciadv.prior import Prior
from sciadv.schema import CircuitRecipe
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "gene-oscillator"
#: Time that circuits are integrated when speed and accuracy are measured [time].
_T_END = 50.0
#: How far fresh parameters lie from the design, as a part of their ranges; 1 is anywhere.
SPREADS = {"near": 0.2, "half": 0.5, "anywhere": 1.0}
#: A topology counts as an oscillator if more than this share of parameter sets oscillate.
_LEAST_SHARE = 0.01


def run(settings: Settings) -> list[Row]:
    """Measure everything (quick: on fewer samples)."""
    with one_thread():
        settings.report("enumerating topologies of three genes")
        rows: list[Row] = [{"row": "topologies", "n_topologies": len(enumerate_topologies(3))}]
        rows += _simulators(settings)
        rows += _prior(settings)
        settings.report("integrating random circuits")
        rows += [_three_genes(settings), _random(settings)]
        settings.report("designing oscillators")
        rows.append(_designs(settings))
    return rows


def _simulators(settings: Settings) -> list[Row]:
    """Compare with LSODA for three and for five genes, then state the worse of both."""
    rows = []
    for n_genes in (3, 5):
        settings.report(f"integrating circuits of {n_genes} genes beside LSODA")
        rows.append(_simulator(n_genes, settings))
    keys = {"speed_ratio": min, "difference_median": max, "share_close": min}
    worst = {key: worse(row[key] for row in rows) for key, worse in keys.items()}
    return [*rows, {"row": "simulator", **worst}]


def _simulator(n_genes: int, settings: Settings) -> Row:
    """Integrate random circuits from random levels, ours in one batch, LSODA one by one."""
    n_ours, n_theirs = (4096, 40) if settings.quick else (8192, 200)
    x = random_circuits(n_ours, n_genes, seed=settings.seed)
    kinetics = unpack(x)
    part = torch.rand(n_ours, n_genes, generator=torch.Generator().manual_seed(settings.seed + 1))
    initial = part * kinetics.production / kinetics.degradation
    with cpu_seconds() as ours:
        ends = simulate(kinetics, initial, t_end=_T_END)[0, :n_theirs]
    few = kinetics.rows(slice(n_theirs))
    with cpu_seconds() as loose:
        integrate(few, initial[:n_theirs], t_end=_T_END)
    with cpu_seconds() as tight:
        exact = integrate(few, initial[:n_theirs], t_end=_T_END, rtol=1e-11, atol=1e-13)
    difference = ((ends.double() - exact).abs() / exact.abs()).flatten()
    return {
        "row": f"simulator, {n_genes} genes",
        "circuits_per_second": n_ours / ours(),
        "lsoda_per_second": n_theirs / loose(),
        "lsoda_tight_per_second": n_theirs / tight(),
        "speed_ratio": n_ours / ours() / (n_theirs / loose()),
        "difference_median": float(difference.median()),
        "difference_99": float(difference.quantile(0.99)),
        "share_close": float((difference < 1e-4).double().mean()),
    }


def _prior(settings: Settings) -> list[Row]:
    """Measure validity, uniqueness and novelty of five-gene samples, beside held-out real subgraphs."""
    n = 1000 if settings.quick else 5000
    settings.report(f"drawing {n} circuits of the prior")
    prior = Prior.load("gene-circuits")
    x = largest_samples(prior, n, seed=settings.seed + 2)
    keys = canonical_keys(*signs_and_presence(x))
    row: Row = {
        "row": "prior",
        "n_samples": n,
        "valid": float(_are_valid(x).double().mean()),
        "unique": share_unique(keys),
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "oscillating": float(shows(x[: n // 2], "oscillation").double().mean()),
    }
    if not has_networks():
        settings.report("novelty is not measured: the real networks are not under SCIADV_DATA")
        return [row]
    spec = load_recipe("gene-circuits").spec
    assert isinstance(spec, CircuitRecipe)
    known = Topologies.of(load_networks("train"), spec.data.n_draws, sizes=spec.data.sizes, seed=spec.seed)
    row["novel"] = share_novel(keys, known.keys)
    size = int(x.shape[-1])
    signs, presence = subgraphs(load_networks("test"), n, sizes=(size,), seed=settings.seed)
    held_out = canonical_keys(signs, presence)
    real: Row = {
        "row": "held-out subgraphs",
        "n_samples": n,
        "unique": share_unique(held_out),
        "novel": share_novel(held_out, known.keys),
        "edges": float(signs.abs().sum((1, 2)).mean()),
    }
    return [row, real]


def _are_valid(x: Tensor) -> Tensor:
    """Whether circuits have signs and parameters in range, and hang together."""
    check_circuits(x)
    return are_connected(*signs_and_presence(x))


def _three_genes(settings: Settings) -> Row:
    """Measure the base rates of three genes: enumerated topologies, drawn at random, many sets each."""
    n, n_sets = (100, 32) if settings.quick else (500, 128)
    signs = enumerate_topologies(3)
    drawn = signs[torch.randperm(len(signs), generator=as_generator(settings.seed))[:n]]
    x = circuits_of(drawn, presence=((drawn != 0).any(1) | (drawn != 0).any(2)).float())
    found = robustness(x, "oscillation", n_sets=n_sets, spread=1.0, seed=settings.seed).share
    return {
        "row": "topologies of three genes",
        "n_samples": n,
        "edges": float(drawn.abs().sum((1, 2)).mean()),
        "fresh_anywhere": float(found.mean()),
        "fresh_anywhere_most": float(found.max()),
        "topologies_above": float((found > _LEAST_SHARE).double().mean()),
    }


def _random(settings: Settings) -> Row:
    """Measure the base rates: random circuits, and random topologies with many parameter sets each."""
    n, n_topologies, n_sets = (1000, 40, 32) if settings.quick else (5000, 200, 128)
    x = random_circuits(n, 5, seed=settings.seed + 3)
    topologies = robustness(x[:n_topologies], "oscillation", n_sets=n_sets, spread=1.0, seed=settings.seed)
    return {
        "row": "random circuits",
        "n_samples": n,
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "oscillating": float(shows(x, "oscillation").double().mean()),
        "fresh_anywhere": float(topologies.share.mean()),
        "fresh_anywhere_most": float(topologies.share.max()),
        "topologies_above": float((topologies.share > _LEAST_SHARE).double().mean()),
    }


def _designs(settings: Settings) -> Row:
    """Design oscillators and judge them at their own and at fresh parameters."""
    n, n_sets = (10, 32) if settings.quick else (50, 128)
    with cpu_seconds() as seconds:
        x = CircuitSearch().find(load_problem(PROBLEM), n, seed=settings.seed).x
    row: Row = {
        "row": "designs",
        "n_samples": n,
        "unique": len(set(canonical_keys(*signs_and_presence(x)))) / n,
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "oscillating": float(shows(x, "oscillation").double().mean()),
        "cpu_seconds_per_design": seconds() / n,
    }
    for name, spread in SPREADS.items():
        fresh = robustness(x, "oscillation", n_sets=n_sets, spread=spread, seed=settings.seed + 5000)
        row[f"fresh_{name}"] = float(fresh.share.mean())
        row |= {
            f"fresh_{name}_least": float(fresh.share.min()),
            f"fresh_{name}_most": float(fresh.share.max()),
        }
    row["topologies_above"] = float((fresh.share > _LEAST_SHARE).double().mean())
    return row


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown: the simulator, then circuits."""
    by_name = {row["row"]: row for row in rows}
    speed = [
        [
            name.removeprefix("simulator, "),
            *(f"{by_name[name][key]:.0f}" for key in ("circuits_per_second", "lsoda_per_second")),
            f"{by_name[name]['speed_ratio']:.0f}",
            *(f"{by_name[name][key]:.1e}" for key in ("difference_median", "difference_99")),
        ]
        for name in by_name
        if name.startswith("simulator, ")
    ]
    head = ["", "circuits / s", "LSODA / s", "ratio", "relative difference, median", "99 %"]
    columns = ["n_samples", "unique", "novel", "edges", "oscillating"]
    columns += [f"fresh_{name}" for name in SPREADS] + ["fresh_anywhere_most", "topologies_above"]
    words = ["circuits", "unique", "novel", "edges", "oscillate as they are"]
    words += ["fresh within a fifth", "within a half", "anywhere", "the best", "topologies above 1 %"]
    names = ("topologies of three genes", "random circuits", "held-out subgraphs", "prior", "designs")
    lines = [[name, *(_cell(by_name[name].get(c)) for c in columns)] for name in names if name in by_name]
    return markdown_table(head, speed) + "\n\n" + markdown_table(["", *words], lines)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw who oscillates how often, and the speeds."""
    by_name = {row["row"]: row for row in rows}
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    designs = by_name["designs"]
    bars = {
        "topologies of three genes, anywhere": by_name["topologies of three genes"]["fresh_anywhere"],
        "random circuits of five": by_name["random circuits"]["oscillating"],
        "prior's circuits": by_name["prior"]["oscillating"],
        "designs, as they are": designs["oscillating"],
        "designs, fresh parameters\nwithin a fifth of the range": designs["fresh_near"],
        "… within a half": designs["fresh_half"],
        "… anywhere": designs["fresh_anywhere"],
    }
    shown = dict(reversed(bars.items()))
    colours = ["0.7" if "designs" not in name and "…" not in name else "#1f4e79" for name in shown]
    drawn = left.barh(list(shown), list(shown.values()), color=colours)
    left.bar_label(drawn, fmt="{:.1%}", padding=3)
    left.set(xlabel="share that oscillates, by trajectory", xlim=(0, 1.15))
    sizes = [name for name in by_name if name.startswith("simulator, ")]
    for shift, key, label, colour in (
        (-0.2, "circuits_per_second", "ours", "#1f4e79"),
        (0.2, "lsoda_per_second", "SciPy LSODA", "0.7"),
    ):
        places = [i + shift for i in range(len(sizes))]
        right.bar(places, [by_name[name][key] for name in sizes], width=0.4, label=label, color=colour)
    right.set_yscale("log")
    right.set_xticks(range(len(sizes)), [name.removeprefix("simulator, ") for name in sizes])
    right.set_ylabel("circuits per CPU second")
    right.legend(frameon=False)


BENCH = Bench(
    title="Gene oscillators: simulator beside LSODA, prior's circuits, designs on fresh parameters",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
