"""Gene switches: designs on fresh initial states, by LSODA and on ramps, beside simpler searches.

A switch has exactly two stable states, each reached from a fifth of many initial states at least. Circuits
are tested on initial states that no search has seen, in double precision with errors of 1e-9 a step; from
some of them LSODA integrates on its own. Times are CPU seconds of one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.design.peer_lsoda import integrate
from sciadv.catalogue import load_problem
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness, shows
from sciadv.domains.gene_circuits.behaviours.states import Bistability, StateSearch
from sciadv.domains.gene_circuits.behaviours.switching import Switching
from sciadv.domains.gene_circuits.circuit_pool import best_rows
from sciadv.domains.gene_circuits.circuit_search import CircuitSearch
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.metrics.graph import are_connected, canonical_keys
from sciadv.nets.graph import CHANNELS, signs_and_presence
from sciadv.physics.regulation.kinetics import circuits_of, unpack
from sciadv.physics.regulation.rest import Settling, relative_levels, settle
from sciadv.problem import Problem
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "gene-bistable-switch"
#: Expected edges of random circuits: those of the prior's circuits of five genes.
_EDGES = 8.6
#: What is stated of every set of circuits, with its words.
_COLUMNS = {
    "n_samples": "circuits",
    "topologies": "topologies",
    "edges": "edges",
    "two_states": "exactly two states",
    "fair_shares": "each from a fifth of the starts",
    "switches": "both",
    "lsoda_two": "at most two by LSODA",
    "hysteresis": "hysteresis",
    "width": "its width, decades",
    "robust_near": "fresh within a fifth",
    "robust_anywhere": "anywhere",
    "cpu_seconds": "CPU s",
}


def run(settings: Settings) -> list[Row]:
    """Design with three seeds, and run the simpler searches as long as the first design took."""
    seeds = range(settings.seed, settings.seed + (1 if settings.quick else 3))
    n = 12 if settings.quick else 50
    problem = load_problem(PROBLEM)
    rows: list[Row] = []
    with one_thread():
        for seed in seeds:
            settings.report(f"designing {n} switches with seed {seed}")
            with cpu_seconds() as spent:
                x = CircuitSearch().find(problem, n, seed=seed).x.detach()
            rows.append({"row": f"designs, seed {seed}", "cpu_seconds": spent()} | _tested(x, settings))
        budget = float(rows[0]["cpu_seconds"])
        for name, search in _RIVALS.items():
            settings.report(f"{name}, {budget:.0f} CPU seconds at most")
            with cpu_seconds() as spent:
                x = search(problem, n, budget, settings.seed)
            rows.append({"row": name, "cpu_seconds": spent()} | _tested(x, settings))
    return [_worst(rows[: len(seeds)]), *rows]


def _worst(rows: list[Row]) -> Row:
    """Return the least share of each kind over the seeds."""
    names = ("two_states", "fair_shares", "switches", "lsoda_two", "lsoda_same", "hysteresis")
    return {"row": "designs", **{name: min(float(row[name]) for row in rows) for name in names}}


def _tested(x: Tensor, settings: Settings) -> Row:
    """Test circuits on fresh initial states, by LSODA, on ramps, and with fresh parameters."""
    n_starts, n_sets = (64, 8) if settings.quick else (200, 32)
    row: Row = {"n_samples": len(x)}
    if len(x) == 0:
        return row
    fine = Settling(rtol=1e-9, near=0.02)
    test = Bistability(StateSearch(n_starts=n_starts, seed=7700 + settings.seed, settling=fine))
    measured = test.measure(x.double())
    two = measured["n_states"] == 2
    fair = measured["rarest_share"] >= test.least_share
    ramp = Switching()
    loop = ramp.measure(x)
    shown = ramp.shown(loop)
    row |= {
        "topologies": len(set(canonical_keys(*signs_and_presence(x)))),
        "edges": float(x[:, 0].abs().sum((1, 2)).mean()),
        "two_states": float(two.double().mean()),
        "fair_shares": float(fair.double().mean()),
        "switches": float(test.shown(measured).double().mean()),
        "rarest_share_least": float(measured["rarest_share"].min()),
        "hysteresis": float(shown.double().mean()),
        "irreversible": float((loop["is_irreversible"] > 0).double().mean()),
        "width": float(loop["hysteresis_width"][shown].median()) if bool(shown.any()) else 0.0,
    }
    for name, spread in (("near", 0.2), ("anywhere", 1.0)):
        found = robustness(x, "bistability", n_sets=n_sets, spread=spread, seed=settings.seed + 5000)
        row[f"robust_{name}"] = float(found.share.mean())
    return row | _by_lsoda(x, test, 4 if settings.quick else 10)


def _by_lsoda(x: Tensor, test: Bistability, n_starts: int) -> Row:
    """Integrate by LSODA from some of the fresh initial states: where it ends, and where our test does."""
    search = replace(test.search, n_starts=n_starts)
    initial = search.initial_levels(x.double())
    many = unpack(x.double().repeat(n_starts, 1, 1, 1))
    ours, _ = settle(many, initial.flatten(0, 1), search.settling)
    ends = integrate(many, initial.flatten(0, 1), t_end=400.0, rtol=1e-9, atol=1e-9)
    theirs = relative_levels(many, ends).log10()
    apart = (theirs - relative_levels(many, ours).log10()).abs().amax(1)
    places = theirs.reshape(n_starts, len(x), -1)
    near = (places[:, None] - places[None]).abs().amax(-1) < search.same
    earlier = torch.ones(n_starts, n_starts, dtype=torch.bool).tril(-1)[:, :, None]
    n_ends = (~(near & earlier).any(1)).sum(0)
    return {
        "lsoda_two": float((n_ends <= 2).double().mean()),
        "lsoda_same": float((apart < search.same).double().mean()),
    }


def random_graphs(n: int, n_genes: int, *, generator: torch.Generator) -> Tensor:
    """Draw connected Erdos-Renyi circuits, half of the edges negative, kinetics anywhere in range."""
    signs = torch.zeros(0, n_genes, n_genes)
    while len(signs) < n:
        edge = torch.rand(2 * n, n_genes, n_genes, generator=generator) < _EDGES / n_genes**2
        sign = 2.0 * torch.randint(0, 2, edge.shape, generator=generator) - 1
        drawn = edge * sign
        there = torch.ones(len(drawn), n_genes)
        signs = torch.cat([signs, drawn[are_connected(drawn, there)]])
    places = 2 * torch.rand(n, len(CHANNELS), n_genes, n_genes, generator=generator) - 1
    return circuits_of(signs[:n], places=places)


@torch.no_grad()
def elite_mutation(problem: Problem, n: int, budget: float, seed: int) -> Tensor:
    """Mutate the best of random graphs by the problem's own score until the CPU time is over."""
    generator = as_generator(seed)
    began = time.process_time()
    x = random_graphs(1000, 5, generator=generator)
    energy = _energy(problem, x)
    while time.process_time() - began < budget:
        rows = best_rows(energy, canonical_keys(*signs_and_presence(x)))[: max(60, n)]
        x, energy = x[rows], energy[rows]
        parents = x[torch.randint(len(x), (500,), generator=generator)]
        children = Mutation()(parents, generator=generator)
        x, energy = torch.cat([x, children]), torch.cat([energy, _energy(problem, children)])
    rows = best_rows(energy, canonical_keys(*signs_and_presence(x)))[:n]
    return x[rows]


def _energy(problem: Problem, x: Tensor) -> Tensor:
    return problem.likelihood.energy(problem.forward(x), problem.measurements[:1])


def random_filtered(problem: Problem, n: int, budget: float, seed: int) -> Tensor:  # noqa: ARG001
    """Test random graphs by their trajectories until enough are switches, or the CPU time is over."""
    return _filtered(lambda numbers: random_graphs(200, 5, generator=numbers), n, budget, seed)


def toggles_filtered(problem: Problem, n: int, budget: float, seed: int) -> Tensor:  # noqa: ARG001
    """Test two mutual repressors with random parameters, the textbook's switch, likewise."""
    signs = -torch.eye(2).roll(1, 1).expand(200, 2, 2)

    def draw(numbers: torch.Generator) -> Tensor:
        return circuits_of(signs, places=2 * torch.rand(200, len(CHANNELS), 2, 2, generator=numbers) - 1)

    return _filtered(draw, n, budget, seed)


def _filtered(draw: Callable[[torch.Generator], Tensor], n: int, budget: float, seed: int) -> Tensor:
    """Return the first circuits that show two states."""
    generator = as_generator(seed)
    began = time.process_time()
    found = list[Tensor]()
    while sum(map(len, found)) < n and time.process_time() - began < budget:
        x = draw(generator)
        found.append(x[shows(x, "bistability")])
    return torch.cat(found)[:n]


_RIVALS: dict[str, Callable[[Problem, int, float, int], Tensor]] = {
    "elite mutation of random graphs": elite_mutation,
    "random graphs, filtered": random_filtered,
    "textbook toggles, filtered": toggles_filtered,
}


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [[row["row"], *(_cell(row.get(name)) for name in _COLUMNS)] for row in rows]
    return markdown_table(["", *_COLUMNS.values()], lines)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw who is a switch, and how robustly."""
    shown = [row for row in rows if "robust_near" in row]
    names = [row["row"] for row in reversed(shown)]
    for axes, key, words in zip(
        figure.subplots(1, 3, sharey=True),
        ("switches", "hysteresis", "robust_near"),
        ("exactly two fair states", "hysteresis by an inducer", "two states, fresh parameters near"),
        strict=True,
    ):
        values = [float(row[key]) for row in reversed(shown)]
        colours = ["#1f4e79" if "designs" in name else "0.7" for name in names]
        axes.bar_label(axes.barh(names, values, color=colours), fmt="{:.0%}", padding=3)
        axes.set(xlim=(0, 1.25), xlabel=words)


BENCH = Bench(
    title="Gene switches: two fair states on fresh starts and by LSODA, hysteresis, beside simpler searches",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
