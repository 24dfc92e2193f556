"""Recipes of kind ``circuits``: a game on subgraphs of real networks and the best oscillators so far."""

from __future__ import annotations

from pathlib import Path

import torch

from sciadv.domains.gene_circuits.behaviours.evaluation import shows
from sciadv.domains.gene_circuits.circuit_game import oscillation_feedback
from sciadv.domains.gene_circuits.circuit_plot import plot_circuits
from sciadv.domains.gene_circuits.populations.random_circuits import largest_samples
from sciadv.domains.gene_circuits.populations.regulatory_networks import (
    LICENCE,
    Topologies,
    data_sha256,
    load_networks,
)
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.metrics.graph import Key, canonical_keys, share_novel, share_unique
from sciadv.nets import build_seeded
from sciadv.nets.graph import signs_and_presence
from sciadv.prior import Prior
from sciadv.recipes.game_recipe import build_game
from sciadv.recipes.job import Job
from sciadv.schema import CircuitRecipe, Recipe, trains
from sciadv.trainings.game.game_training import GameTraining


@trains(CircuitRecipe)
def circuit_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # reads no folder
    """Make the training of a recipe of circuits."""
    spec = recipe.spec
    assert isinstance(spec, CircuitRecipe)
    data = Topologies.of(load_networks("train"), spec.data.n_draws, sizes=spec.data.sizes, seed=spec.seed)
    nets = {
        name: build_seeded(net, spec.seed + i).to(device) for i, (name, net) in enumerate(spec.nets().items())
    }
    feedback = None
    if spec.feedback is not None:
        feedback = oscillation_feedback(max(spec.data.sizes), **spec.feedback.settings())
    game = build_game(spec, nets["generator"], nets["discriminator"], feedback=feedback)

    def write(folder: Path) -> None:
        prior = game.prior(name=recipe.name).to("cpu")
        _write(
            recipe,
            prior,
            data,
            folder,
            has_feedback=feedback is not None,
            cpu_seconds=training.cpu_seconds,
        )

    game.play.show(data)
    training = GameTraining(game.play, spec.game.steps)
    return Job(training, write)


def _write(
    recipe: Recipe,
    prior: Prior,
    data: Topologies,
    out: Path,
    *,
    has_feedback: bool,
    cpu_seconds: float,
) -> None:
    """Measure a prior's samples and write its folder, which `Prior.load` reads."""
    header = {
        "title": recipe.spec.title,
        "kind": recipe.spec.kind,
        "data": f"{len(data.keys)} different subgraphs of four in five Boolean models of real networks",
        "data_sha256": data_sha256(),
        "data_licence": LICENCE,
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        **prior.card,
        "training_cpu_seconds": f"{cpu_seconds:.0f}",
        **circuit_quality(prior, data.keys, seed=int(recipe.spec.seed) + 1),
    }
    text = _card_text(recipe.name, header, has_feedback=has_feedback)
    prior.save(out, recipe_sha256=recipe.sha256, header=header, text=text)
    write_file(out / "recipe.toml", recipe.text)
    write_file(out / "samples.png", png(plot_circuits(prior.sample(12, seed=0)), dpi=100))


def circuit_quality(
    prior: Prior, known: frozenset[Key], *, seed: int, n_samples: int = 5000, n_integrated: int = 1000
) -> dict[str, str]:
    """Measure samples of the largest size: different ones, new ones, and those that oscillate.

    Parameters
    ----------
    prior
        The prior.
    known
        Subgraphs that it was trained on.
    seed
        Seed of the samples.
    n_samples
        Samples.
    n_integrated
        Those of them that are integrated.
    """
    x = largest_samples(prior, n_samples, seed=seed)
    keys = canonical_keys(*signs_and_presence(x))
    oscillating = shows(x[:n_integrated], "oscillation")
    return {
        "samples": str(n_samples),
        "unique": f"{share_unique(keys):.4f}",
        "novel": f"{share_novel(keys, known):.4f}",
        "edges_mean": f"{float(x[:, 0].abs().sum((1, 2)).mean()):.2f}",
        "oscillating": f"{float(oscillating.float().mean()):.4f}",
    }


def _card_text(name: str, header: dict[str, str], *, has_feedback: bool) -> str:
    """Return the card's body."""
    learnt = " and those of its own circuits that oscillate" if has_feedback else ""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`, of gene circuits: signs, kinetic parameters, three to five genes in one
tensor `(7, genes, genes)` (`sciadv.nets.graph`). All of its circuits are connected and within the ranges of
`sciadv.physics.regulation.kinetics`, by construction. It has learnt topologies from real networks, parameters
from nothing but their ranges{learnt}: they say nothing about any organism.
`unique`, `novel` (not among the training subgraphs) and `oscillating` are of circuits of five genes.

| what | value |
|---|---|
{table}

`sciadv train {name}` trains it again; `sciadv bench gene-oscillator` measures it again.
"""
