"""Recipes of kind ``spatial``: a prior of stationary images of any size, trained on patches of a medium."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from sciadv.data.media import MEDIA, cut_patches, read_medium
from sciadv.data.stationary import stationary_of
from sciadv.files.page import png
from sciadv.files.writing import write_file
from sciadv.metrics.media.two_phase import compare_two_phase
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.recipes.job import Job
from sciadv.report.plotting import plot_samples
from sciadv.schema import Recipe, trains
from sciadv.schema.game_tables import RulesTable
from sciadv.schema.nets_tables import DecoderTable, DiscriminatorTable, EncoderTable, net_settings
from sciadv.schema.recipe_tables import ScheduleTable
from sciadv.schema.tables import RecipeSpec, Table
from sciadv.solvers.spatial.stationary_prior import learn_stationary
from sciadv.trainings.autoencoder.prior_rules import DEFAULT_UPDATE, prior_rules
from sciadv.trainings.autoencoder.prior_training import PriorTraining
from sciadv.trainings.autoencoder.stationary_estimates import StationaryEstimates
from sciadv.trainings.game.game_rules import Rules
from sciadv.types import Count

Sides = Annotated[list[Count], Field(min_length=1, max_length=3)]


class PatchTable(Table):
    """The medium, and the patches that are cut from it: `sciadv.data.media`.

    `patch` has the sides of a patch [pixels]; `patches` are cut for training, `tested` to measure samples and
    the error by, from the medium's other end. `reference` pieces between, up to four patches wide, stay with
    the prior, for the choice of estimates.
    """

    name: Literal["berea", "ketton", "buried-channels", "discs"]
    patch: Sides
    patches: Count = 12000
    tested: Count = 500
    reference: Count = 4


class MeasureTable(Table):
    """How a prior is measured: the size of the samples, how many, and the longest lag [pixels]."""

    sides: Sides
    samples: Count = 64
    longest: Count = 32


class SpatialRecipe(RecipeSpec):
    """An autoencoder of a latent map, then a game against a discriminator of patches: any size, no seams."""

    kind: Literal["spatial"]
    data: PatchTable
    generator: DecoderTable
    encoder: EncoderTable
    measure: MeasureTable
    discriminator: DiscriminatorTable | None = None
    schedule: ScheduleTable = ScheduleTable()
    game: RulesTable = RulesTable()


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches ``(n, 1, *patch)`` uint8 of a medium, larger pieces to measure samples with, and for reference.

    What is for reference lies between the training and the test part.
    """

    train: Tensor
    test: Tensor
    real: Tensor
    reference: Tensor

    @staticmethod
    def load(spec: SpatialRecipe) -> Patches:
        """Cut the patches of a recipe.

        Raises
        ------
        InputError
            The medium is not there, or smaller than the patches.
        """
        data, measure = spec.data, spec.measure
        parts = {split: read_medium(data.name, split) for split in ("train", "reference", "test")}

        def cut(split: str, sides: list[int], n: int) -> Tensor:
            is_isotropic = MEDIA[data.name].is_isotropic
            pieces = cut_patches(parts[split], tuple(sides), n, seed=spec.seed, is_isotropic=is_isotropic)
            return torch.from_numpy(pieces)[:, None]

        thin = parts["reference"].shape[-len(data.patch) :]
        kept = [min(most, 4 * side) for most, side in zip(thin, data.patch, strict=True)]
        return Patches(
            cut("train", data.patch, data.patches),
            cut("test", data.patch, data.tested),
            cut("test", measure.sides, measure.samples),
            cut("reference", kept, data.reference),
        )

    @property
    def sha256(self) -> str:
        """Hash of the training patches."""
        return hashlib.sha256(self.train.numpy().tobytes()).hexdigest()


@trains(SpatialRecipe)
def spatial_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # of every kind of recipe
    """Make the training of a spatial prior's recipe."""
    spec: SpatialRecipe = recipe.spec  # type: ignore[assignment]  # as `trains` says
    patches = Patches.load(spec)
    shape = patches.train.shape[1:]
    tables = {"generator": spec.generator, "encoder": spec.encoder, "discriminator": spec.discriminator}
    nets = {
        name: build_seeded(net_settings(table, shape), spec.seed + i).to(device)
        for i, (name, table) in enumerate(tables.items())
        if table is not None
    }
    training = PriorTraining(
        nets["generator"],
        nets["encoder"],
        nets.get("discriminator"),
        patches.train.to(device),
        schedule=spec.schedule,
        seed=spec.seed,
        rules=_rules(spec),
        estimates=None if spec.schedule.estimate_steps == 0 else _estimates(patches),
    )

    def write(folder: Path) -> None:
        prior = training.prior(name=recipe.name).to("cpu")
        spent = f"{training.cpu_seconds:.0f}"
        facts = {"training": spec.schedule.in_words(), "training_cpu_seconds": spent}
        write_spatial_prior(recipe, prior, patches, folder, facts=facts)

    return Job(training, write)


def _estimates(patches: Patches, *, n_learned: int = 4000) -> StationaryEstimates:
    """Return what shows the encoder linear estimates of patches."""
    images = patches.train[:n_learned].float() / 255
    return StationaryEstimates(stationary_of(images, longest=min(images.shape[2:]) // 2))


def _rules(spec: SpatialRecipe) -> Rules:
    """Return the rules of the recipe's game."""
    game = spec.game
    return prior_rules(
        spec.schedule,
        objective="relativistic" if game.objective is None else game.objective,
        penalties=game.penalties,
        update=DEFAULT_UPDATE if game.update is None else game.update,
    )


def write_spatial_prior(
    recipe: Recipe,
    prior: Prior,
    patches: Patches,
    out: Path,
    *,
    facts: dict[str, str],
    n_learned: int = 4000,
) -> None:
    """Learn the stationary statistics of a prior, measure its samples, and write its folder.

    Parameters
    ----------
    recipe
        What it was trained by.
    prior
        The prior at the size of the patches, on the CPU.
    patches
        Its training patches and those held out.
    out
        The folder.
    facts
        Further lines of the card's header.
    n_learned
        Training patches at most from which the statistics are learned.
    """
    spec: SpatialRecipe = recipe.spec  # type: ignore[assignment]  # as above
    learned = learn_stationary(prior, patches.train[:n_learned].float() / 255)
    prior = replace(prior, stationary=replace(learned, reference=patches.reference.float() / 255))
    header = _header(spec, prior, patches) | facts | measured_samples(prior, spec, patches)
    prior.save(
        out,
        recipe_sha256=recipe.sha256,
        header=header,
        text=_text(recipe.name, header, n_sides=len(prior.out_shape) - 1),
    )
    write_file(out / "recipe.toml", recipe.text)
    write_file(out / "samples.png", png(plot_samples(prior), dpi=100))


def measured_samples(prior: Prior, spec: SpatialRecipe, patches: Patches) -> dict[str, str]:
    """Return the card's numbers: the error of held-out patches, and samples beside the real medium."""
    test = patches.test.float() / 255
    with torch.no_grad():
        error = torch.cat(
            [(prior(prior.encode(x)) - x).square().flatten(1).mean(1) for x in torch.split(test, 64)]
        )
    real = patches.real.float() / 255
    wide = prior.at_size(tuple(real.shape[1:]))
    n_at_once = max(1, 2**20 // prod(real.shape[1:]))
    with torch.no_grad():
        latents = torch.split(wide.sample_latent(len(real), seed=spec.seed), n_at_once)
        made = torch.cat([wide(z) for z in latents])
    report = compare_two_phase(made[:, 0], real[:, 0], longest=spec.measure.longest)
    return {
        "encoded_error_mean": f"{float(error.mean()):.4g}",
        "encoded_error_patches": str(len(error)),
        "measured_size": " x ".join(map(str, spec.measure.sides)),
        **report.header(),
    }


def _header(spec: SpatialRecipe, prior: Prior, patches: Patches) -> dict[str, str]:
    file = MEDIA[spec.data.name]
    patch = f"{spec.data.name}, {' x '.join(map(str, spec.data.patch))}"
    return {
        "title": spec.title,
        "kind": spec.kind,
        "data": f"{len(patches.train)} training patches of {patch} ({file.source})",
        "data_sha256": patches.sha256,
        "data_licence": file.licence,
        "licence": "Apache-2.0 (weights)",
        "n_latent": str(prior.n_latent),
        "generator_parameters": str(sum(p.numel() for p in prior.generator.parameters())),
        "seed": str(spec.seed),
    }


def _text(name: str, header: dict[str, str], *, n_sides: int) -> str:
    """Return the card's body."""
    large = (1, *{2: (256, 256), 3: (64, 64, 64)}[n_sides])
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

![samples](samples.png)

A generator `x = G(z)`, `z ~ N(0, I)` on a map of latents, with an encoder, of stationary images of any size:
`sciadv.Prior.load("{name}").at_size({large})`. The file is of the size of the training patches. It
knows only media like its training data, at their resolution, and reproduces none of them exactly:
`encoded_error_mean` is the mean square per pixel of held-out patches that the encoder and the generator
leave, and `stationary.safetensors` has the autocovariance of it, with which the solver `stationary-error`
goes beyond the generator's range. The other lines compare samples of `measured_size` with as many pieces of
the medium's held-out part: `two_point_gap` in parts of its variance, chords in pixels, `connected` the
probability that two pixels of the phase are of one cluster, `between` the share of values of neither phase;
a `spread` is the standard deviation over the pieces.

| what | value |
|---|---|
{table}

`sciadv train {name}` trains it again and measures it.
"""
