"""Circuits of an asked class and size: the share of a conditional generator's draws, beside filtered rivals.

A class is a third of the periods of oscillators, or a number of stable states. Draws are tested as they are,
and with parameters drawn anew within a fifth of their ranges, and anywhere, by trajectories. Rivals are not
conditional: the share of their draws that happen to be of the class says how many must be filtered. A search
by elite mutation is given the class; the CPU time to its first circuit stands beside that of the draws.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import mean
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, Threshold, cpu_seconds, markdown_table, one_thread
from benchmarks.design.gene_rivals import connected_circuits
from sciadv.domains.gene_circuits.asked.asked_classes import asked_classes, class_among, families
from sciadv.domains.gene_circuits.asked.asked_prior import asked_prior
from sciadv.domains.gene_circuits.asked.asked_shares import asked_draws, shares_as_asked
from sciadv.domains.gene_circuits.mutation import Mutation
from sciadv.forward.circuits.gene_circuit import GeneCircuit
from sciadv.nets.graph import latent_of
from sciadv.prior import Prior
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONDITIONAL, UNCONDITIONAL = "asked-circuits", "gene-circuits"
SIZES = (3, 4, 5)
#: CPU seconds after which elite mutation is stopped.
MOST_SECONDS = 10.0
SHARES = ("as_drawn", "fresh_near", "fresh_anywhere")
COLUMNS = {
    "as_drawn": "as drawn",
    "fresh_near": "fresh within a fifth",
    "fresh_anywhere": "anywhere",
    "topologies": "topologies",
    "unconditional": "unconditional generator",
    "random": "random circuits",
    "first_hit": "CPU s to the first",
    "first_hit_mutation": "by elite mutation",
}
ALL = "all conditions"


def run(settings: Settings) -> list[Row]:
    """Measure each class and size (quick: one seed, fewer circuits)."""
    n, n_filtered = (8, 30) if settings.quick else (32, 200)
    seeds = range(settings.seed, settings.seed + (1 if settings.quick else 3))
    with one_thread(), torch.no_grad():
        parts = [part for seed in seeds for part in _seed(settings, seed, n, n_filtered)]
    names = dict.fromkeys(part["row"] for part in parts)
    rows = [_mean([part for part in parts if part["row"] == name]) for name in names]
    return [*rows, _mean(rows) | {"row": ALL, "least_near": min(row["fresh_near"] for row in rows)}]


def _seed(settings: Settings, seed: int, n: int, n_filtered: int) -> list[Row]:
    """Measure with one seed of the draws."""
    settings.report(f"seed {seed}: drawing circuits of each class and size")
    prior = Prior.load(CONDITIONAL)
    base = {genes: _base_shares(genes, n_filtered, seed) for genes in SIZES}
    rows = []
    for name, asked, genes, x in asked_draws(prior, n, seed=seed + 100):
        row: Row = {"row": f"{name}, {genes} genes"} | shares_as_asked(x, asked, seed=seed + 9000)
        row |= {source: float(share[asked]) for source, share in base[genes].items()}
        ours = asked_prior(prior, [asked], [genes])
        with cpu_seconds() as seconds:
            _first(partial(_eight, ours), asked, seed, 1e9)
        row["first_hit"] = seconds()
        with cpu_seconds() as seconds:
            _mutated(asked, genes, seed)
        row["first_hit_mutation"] = seconds()
        rows.append(row)
    return rows


def _base_shares(genes: int, n: int, seed: int) -> dict[str, Tensor]:
    """Return the share of each class among draws of the rivals that are not conditional ``(classes,)``."""
    prior = Prior.load(UNCONDITIONAL)
    z = prior.sample_latent(n, seed=seed + 200)
    z[:, 0] = latent_of(torch.tensor(genes - SIZES[0]), len(SIZES))
    drawn = {
        "unconditional": prior(z),
        "random": connected_circuits(n, genes, seed=seed + 300),
    }
    classes = asked_classes()
    shares = {}
    for source, x in drawn.items():
        found = torch.stack([class_among(x, classes, family) for family in families(classes)])
        shares[source] = torch.stack([(found == one).any(0).double().mean() for one in range(len(classes))])
    return shares


def _first(draw: Callable[[torch.Generator], Tensor], asked: int, seed: int, most: float) -> None:
    """Draw until a circuit is of the class, or for so many CPU seconds."""
    classes = asked_classes()
    (family,) = (some for some in families(classes) if asked in some)
    numbers = as_generator(seed)
    began, found = time.process_time(), torch.empty(0)
    while time.process_time() - began < most and not bool((found == asked).any()):
        found = class_among(draw(numbers), classes, family)


def _eight(prior: Prior, numbers: torch.Generator) -> Tensor:
    """Draw eight circuits."""
    x: Tensor = prior.sample(8, seed=numbers)
    return x


def _mutated(asked: int, genes: int, seed: int, *, n: int = 100, n_elite: int = 20) -> None:
    """Mutate the best of random circuits by the screen of the class until one is of it."""
    behaviour = asked_classes()[asked].behaviour or "stability"
    screen = GeneCircuit((7, genes, genes), behaviour, n_sets=1, n_starts=16)
    x = connected_circuits(n, genes, seed=seed + 400)

    def draw(numbers: torch.Generator) -> Tensor:
        nonlocal x
        now = x
        elite = x[screen.margins(x).argsort(descending=True)[:n_elite]]
        parents = elite[torch.randint(len(elite), (n,), generator=numbers)]
        x = Mutation(3.0, 0.1)(parents, generator=numbers)
        return now

    _first(draw, asked, seed, MOST_SECONDS)


def _mean(rows: list[Row]) -> Row:
    return {"row": rows[0]["row"]} | {key: mean(row[key] for row in rows) for key in COLUMNS}


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [[row["row"], *(f"{row[column]:.2g}" for column in COLUMNS)] for row in rows]
    return markdown_table(["asked for", *COLUMNS.values()], lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the shares of each class and size, at fresh parameters and by chance."""
    axes = figure.subplots()
    names = [row["row"] for row in rows]
    axes.barh(
        names, [row["fresh_near"] for row in rows], color="#1f4e79", label="asked for, fresh parameters"
    )
    axes.plot([row["random"] for row in rows], names, "o", color="0.5", label="random circuits")
    axes.axvline(0.6, color="0.7", linewidth=1)
    axes.invert_yaxis()
    axes.set(xlabel="share of circuits that do what is asked", xlim=(0, 1))
    axes.legend()


THRESHOLDS = (
    Threshold("asked behaviour of draws as they are, mean of the conditions", "as_drawn", ALL, ">=", 0.6),
    Threshold("the same on fresh parameters within a fifth", "fresh_near", ALL, ">=", 0.6),
    Threshold("the same, the least of the conditions", "least_near", ALL, ">=", 0.6),
)

BENCH = Bench(
    title="Circuits of an asked period or number of states by a conditional generator, beside rivals",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=THRESHOLDS,
)
