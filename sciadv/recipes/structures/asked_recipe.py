"""Recipes of kind ``asked-circuits``: a generator of circuits with an asked period or number of states."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

import torch
from pydantic import ConfigDict, with_config

from sciadv.domains.gene_circuits.asked.asked_shares import asked_draws, shares_as_asked
from sciadv.domains.gene_circuits.asked.asked_training import AskedSchedule, AskedTraining
from sciadv.domains.gene_circuits.circuit_plot import plot_circuits
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.prior import Prior
from sciadv.recipes.images.prior_folder import rounded_to_half
from sciadv.recipes.job import Job
from sciadv.schema import Recipe, RecipeSpec, trains
from sciadv.types import Count


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True)
class AskedScheduleTable(AskedSchedule):
    """`AskedSchedule`, with unknown keys refused."""


class AskedRecipe(RecipeSpec):
    """A generator of circuits that takes a class, begun with another prior's draws and weights."""

    kind: Literal["asked-circuits"]
    prior: str
    schedule: AskedScheduleTable = AskedScheduleTable()
    measured: Count = 64


@trains(AskedRecipe)
def asked_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # of every kind of recipe
    """Make the training of a generator of circuits that takes a class."""
    spec: AskedRecipe = recipe.spec  # type: ignore[assignment]  # as `trains` says
    training = AskedTraining(Prior.load(spec.prior), schedule=spec.schedule, seed=spec.seed)

    def write(folder: Path) -> None:
        prior = rounded_to_half(training.prior(name=recipe.name))
        header = _header(spec, prior, training)
        text = _text(recipe.name, header, shares_table(prior, spec.measured, seed=spec.seed + 1))
        prior.save(folder, recipe_sha256=recipe.sha256, header=header, text=text)
        write_file(folder / "recipe.toml", recipe.text)
        write_file(folder / "samples.png", png(plot_circuits(prior.sample(12, seed=0)), dpi=100))

    return Job(training, write)


def _header(spec: AskedRecipe, prior: Prior, training: AskedTraining) -> dict[str, str]:
    """Return what the card states."""
    return {
        "title": spec.title,
        "kind": spec.kind,
        "data": f"none beside those of the prior {spec.prior}: circuits that were found and tested here",
        "data_licence": "that of the prior",
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(spec.seed),
        "steps": str(training.n_steps),
        "training_cpu_seconds": f"{training.cpu_seconds:.0f}",
        "circuits_learnt": str(len(training.archive)),
    }


def shares_table(prior: Prior, n: int, *, seed: int) -> str:
    """Return a Markdown table of the shares as asked by class, means over the numbers of genes."""
    rows: dict[str, list[dict[str, float]]] = {}
    for name, asked, _, x in asked_draws(prior, n, seed=seed):
        rows.setdefault(name, []).append(shares_as_asked(x, asked))
    lines = ["| asked for | as drawn | fresh within a fifth | anywhere |", "|---|--:|--:|--:|"]
    for name, some in rows.items():
        columns = ("as_drawn", "fresh_near", "fresh_anywhere")
        parts = (mean(one[column] for one in some) for column in columns)
        cells = " | ".join(f"{part:.2f}" for part in parts)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines)


def _text(name: str, header: dict[str, str], shares: str) -> str:
    """Return the card's body."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`, of gene circuits as `gene-circuits` makes them, whose first latent
number chooses the number of genes and whose last one a class: a third of the periods, or a number of stable
states. Each class and number of genes has a few codes, one a minimal core; for each the generator has learnt
the signs and parameters of the circuit with the most robust neighbourhood that was found, by likelihood, and
scatters around it: it is a mixture of so many parts, no more. Circuits compete by parameter sets that did not
choose them, and cores with less than three quarters of the best score of their class are left out. The table
has the share of draws that do what was asked for, and the same after their parameters were drawn anew within
a fifth of their ranges, and anywhere.

{shares}

| what | value |
|---|---|
{table}

`sciadv train {name}` trains it again; `sciadv bench asked-circuits` measures it beside others.
"""
