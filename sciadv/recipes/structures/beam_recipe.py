"""Recipes of kind ``beams``: a generator of beams for conditions, taught by designs made on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import ConfigDict, with_config

from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.nets import build_seeded
from sciadv.nets.spatial.beam_decoder import BeamDecoder
from sciadv.recipes.job import Job
from sciadv.report.plotting import plot_samples
from sciadv.schema import PartTable, Recipe, RecipeSpec, trains
from sciadv.schema.nets_tables import one_net
from sciadv.trainings.structures.beam_training import BeamSchedule, BeamTraining


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True)
class BeamScheduleTable(BeamSchedule):
    """`BeamSchedule`, with unknown keys refused."""


class BeamRecipe(RecipeSpec):
    """A generator of half beams for a volume, a filter and the position of a load."""

    kind: Literal["beams"]
    generator: Annotated[PartTable, one_net("beam-decoder", given=("n_known",))]
    schedule: BeamScheduleTable = BeamScheduleTable()


def beam_training(spec: BeamRecipe) -> BeamTraining:
    """Build the training that a recipe describes."""
    table = spec.generator
    settings = {"kind": table.kind, **table.settings(), "n_known": spec.schedule.designs}
    generator: BeamDecoder = build_seeded(settings, spec.seed)  # type: ignore[assignment]  # of that kind
    return BeamTraining(generator, schedule=spec.schedule, seed=spec.seed)


@trains(BeamRecipe)
def beam_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # of every kind of recipe
    """Make the training of a generator of beams."""
    spec: BeamRecipe = recipe.spec  # type: ignore[assignment]  # as `trains` says
    training = beam_training(spec)

    def write(folder: Path) -> None:
        prior = training.prior(name=recipe.name)
        schedule = spec.schedule
        made = f"{schedule.designs} designs by {schedule.criteria_steps} steps of the optimality criteria"
        header = {
            "title": spec.title,
            "kind": spec.kind,
            "data": f"{made} each, computed here",
            "data_licence": "none needed: computed",
            "licence": "Apache-2.0 (weights and designs)",
            "n_latent": "3",
            "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
            "seed": str(spec.seed),
            "training_cpu_seconds": f"{training.cpu_seconds:.0f}",
            "designs_cpu_seconds": f"{training.design_seconds:.0f}",
        }
        prior.save(folder, recipe_sha256=recipe.sha256, header=header, text=_text(recipe.name, header))
        write_file(folder / "recipe.toml", recipe.text)
        write_file(folder / "samples.png", png(plot_samples(prior), dpi=100))

    return Job(training, write)


def _text(name: str, header: dict[str, str]) -> str:
    """Return the card's body."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(c)` of the right half of an MBB beam: c are the volume, the radius of the density filter
and the position of the load, as three latents. x are densities before the filter, their mean the volume
exactly. It is a start for a few steps of the optimality criteria, not a design by itself. The designs that it
was taught by lie in its weights, as bytes; `nearest` returns that with the nearest conditions.

| what | value |
|---|---|
{table}

`sciadv train {name}` makes the designs and trains it again; `sciadv bench design-beam` measures it.
"""
