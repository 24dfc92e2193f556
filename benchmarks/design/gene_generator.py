"""A generator of circuits at its own sizes, beside random graphs, rewired ones and held-out networks."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.contract import Row, Settings
from sciadv.catalogue import load_recipe
from sciadv.domains.gene_circuits.populations.motifs import loop_shares, motif_distance, motif_shares
from sciadv.domains.gene_circuits.populations.random_circuits import connected_random_graphs, rewired
from sciadv.domains.gene_circuits.populations.regulatory_networks import Topologies, load_networks
from sciadv.metrics.graph import are_connected, canonical_keys, share_novel, share_unique
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.kinetics import check_circuits
from sciadv.prior import Prior
from sciadv.schema import CircuitRecipe

#: The generator that is measured, and the one that the designs are searched with.
GENERATOR, OSCILLATORS = "regulatory-circuits", "gene-circuits"
Graphs = tuple[Tensor, Tensor]


def generator_rows(settings: Settings) -> list[Row]:
    """Measure graphs of the generator's own sizes and of its rivals; then the differences of the bars."""
    n = 2000 if settings.quick else 10_000
    spec = load_recipe(GENERATOR).spec
    assert isinstance(spec, CircuitRecipe)
    known, held = (
        Topologies.of(load_networks(split), spec.data.n_draws, sizes=spec.data.sizes, seed=spec.seed)
        for split in ("train", "test")
    )
    settings.report(f"drawing {n} circuits of each generator, of random graphs and of real networks")
    real = _drawn(known, n, settings.seed + 1)
    held_out = _drawn(held, n, settings.seed + 2)
    made = _sampled(GENERATOR, n, settings.seed + 3)
    graphs = {
        "generator": made,
        "generator of oscillators": _sampled(OSCILLATORS, n, settings.seed + 3),
        "Erdos-Renyi, the generator's density": _random(made, settings.seed + 4),
        "Erdos-Renyi, the held-out density": _random(held_out, settings.seed + 4),
        "rewired training subgraphs": (rewired(*real, seed=settings.seed + 5), real[1]),
        "training subgraphs": real,
        "held-out subgraphs": held_out,
    }
    rows = {name: _row(name, some, known, held_out) for name, some in graphs.items()}
    return [*rows.values(), _compared(rows)]


def _drawn(topologies: Topologies, n: int, seed: int) -> Graphs:
    return signs_and_presence(topologies(n, torch.Generator().manual_seed(seed)))


@torch.no_grad()
def _sampled(name: str, n: int, seed: int) -> Graphs:
    prior = Prior.load(name)
    x = prior(prior.sample_latent(n, seed=seed))
    check_circuits(x)
    return signs_and_presence(x)


def _random(like: Graphs, seed: int) -> Graphs:
    return connected_random_graphs(*like, seed=seed), like[1]


def _row(name: str, graphs: Graphs, known: Topologies, held_out: Graphs) -> Row:
    """Measure one population."""
    signs, presence = graphs
    keys = canonical_keys(signs, presence)
    shares = motif_shares(signs, presence)
    return {
        "row": name,
        "n_samples": len(keys),
        "valid": float(are_connected(signs, presence).double().mean()),
        "unique": share_unique(keys),
        "novel": share_novel(keys, known.keys),
        "edges": float(signs.abs().sum((1, 2)).mean()),
        "motif_distance": motif_distance(shares, motif_shares(*held_out)),
        **loop_shares(signs),
    }


def _compared(rows: dict[str, Row]) -> Row:
    """Return what the bars compare: the generator with its rivals, and with held-out networks."""
    ours = rows["generator"]
    random = rows["Erdos-Renyi, the generator's density"]
    rivals = [rows[name] for name in rows if name.startswith(("Erdos", "rewired"))]
    loops = ("coherent_feed_forward", "double_negative", "double_positive")
    held_out = rows["held-out subgraphs"]
    return {
        "row": "generator, compared",
        "unique_over_random": ours["unique"] - random["unique"],
        "novel_over_random": ours["novel"] - random["novel"],
        "motif_ratio": ours["motif_distance"] / rows["training subgraphs"]["motif_distance"],
        "motif_over_best_rival": ours["motif_distance"] - min(row["motif_distance"] for row in rivals),
        "loops_off": max(abs(ours[name] - held_out[name]) for name in loops),
    }
