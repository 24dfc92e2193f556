"""Recipes of kind ``cells``: periodic cells of a medium from a prior of its patches, and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch

from sciadv.data.media import MEDIA, cut_patches, read_medium
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.metrics.media.two_phase import compare_two_phase
from sciadv.prior import Prior
from sciadv.recipes.job import Job
from sciadv.recipes.spatial_recipe import PatchTable
from sciadv.report.plotting import plot_samples
from sciadv.schema import Recipe, RecipeSpec, trains
from sciadv.trainings.structures.cell_training import CellTraining
from sciadv.types import Count


class CellRecipe(RecipeSpec):
    """Periodic cells by the networks of another prior: the spectrum of its latents on a torus."""

    kind: Literal["cells"]
    prior: str
    data: PatchTable
    batch: Count = 100


@trains(CellRecipe)
def cell_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # of every kind of recipe
    """Make the training of a prior of periodic cells."""
    spec: CellRecipe = recipe.spec  # type: ignore[assignment]  # as `trains` says
    source = Prior.load(spec.prior).at_size((1, *spec.data.patch))
    patches = patches_of(spec.data, "train", spec.data.patches, seed=spec.seed)
    training = CellTraining(source, patches, batch=spec.batch, seed=spec.seed)

    def write(folder: Path) -> None:
        prior = training.prior(name=recipe.name)
        header = _header(spec, prior, training)
        prior.save(folder, recipe_sha256=recipe.sha256, header=header, text=_text(recipe.name, spec, header))
        write_file(folder / "recipe.toml", recipe.text)
        write_file(folder / "samples.png", png(plot_samples(prior), dpi=100))

    return Job(training, write)


def patches_of(data: PatchTable, split: str, n: int, *, seed: int) -> torch.Tensor:
    """Cut patches ``(n, 1, *patch)`` uint8 of a medium's split."""
    medium = read_medium(data.name, split)
    is_isotropic = MEDIA[data.name].is_isotropic
    pieces = cut_patches(medium, tuple(data.patch), n, seed=seed, is_isotropic=is_isotropic)
    return torch.from_numpy(pieces)[:, None]


def _header(spec: CellRecipe, prior: Prior, training: CellTraining) -> dict[str, str]:
    """Return what the card states, its samples beside held-out patches."""
    real = patches_of(spec.data, "test", spec.data.tested, seed=spec.seed)[:, 0].float() / 255
    made = prior.sample(len(real), seed=spec.seed).detach()[:, 0]
    report = compare_two_phase(made, real, longest=min(spec.data.patch) // 2)
    file = MEDIA[spec.data.name]
    sides = " x ".join(map(str, spec.data.patch))
    return {
        "title": spec.title,
        "kind": spec.kind,
        "data": f"{spec.data.patches} training patches of {spec.data.name}, {sides} ({file.source})",
        "data_licence": file.licence,
        "licence": "Apache-2.0 (weights)",
        "networks": f"those of the prior {spec.prior}, unchanged",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(spec.seed),
        "training_cpu_seconds": f"{training.cpu_seconds:.0f}",
        "measured_patches": str(len(real)),
        **report.header(),
    }


def _text(name: str, spec: CellRecipe, header: dict[str, str]) -> str:
    """Return the card's body."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)`, of periodic cells of zeros and ones: the networks of the prior
`{spec.prior}` on a map of latents that closes to a torus. Latents of real patches are not independent: here
they have the spectrum of encoded patches, moved to longer waves until cells have the training patches' mean
two-point probability; a shift of the logits gives the medium's share of the second phase. No network was
trained. The numbers compare samples with held-out patches, which are not periodic;
`two_point_gap` is the largest difference of their two-point probabilities, in parts of the variance.

| what | value |
|---|---|
{table}

`sciadv train {name}` makes it again and measures it.
"""
