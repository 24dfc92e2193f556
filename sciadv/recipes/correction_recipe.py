"""Recipes of kind ``correction``: a batch corrector, its encoder in a game against a batch discriminator."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BeforeValidator, Field

from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector, simulate_counts
from sciadv.domains.batch_correction.adversarial import AdversarialCorrection, correction_training
from sciadv.domains.batch_correction.assessment.probes import probe_accuracy
from sciadv.domains.batch_correction.fitted_correction import Lesson
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError
from sciadv.files.cards import write_card
from sciadv.files.h5ad import read_h5ad
from sciadv.files.reading import file_sha256
from sciadv.files.writing import write_file
from sciadv.recipes.job import Job
from sciadv.schema import Recipe, trains
from sciadv.schema.game_tables import UpdateTable
from sciadv.schema.tables import RecipeSpec, Table
from sciadv.types import Count, NotNegative, Seed


class H5adCells(Table):
    """Cells of an ``.h5ad`` file: its path, and the columns of batch and label."""

    kind: Literal["h5ad"]
    path: str
    batch: str = "batch"
    label: str | None = None


class SimulatedCells(Table):
    """`sciadv.domains.batch_correction.simulate_counts`."""

    kind: Literal["simulated"]
    n_cells: Count | None = None
    n_genes: Count | None = None
    n_batches: Count | None = None
    n_types: Count | None = None
    batch_scale: NotNegative | None = None
    seed: Seed = 0


def _as_settings(value: object) -> object:
    """Make the settings of the method from a table; refuse keys that they do not have."""
    if not isinstance(value, dict):
        return value
    known = [one.name for one in fields(AdversarialSettings)]
    strange = sorted(set(value) - set(known))
    if strange:
        raise ValueError(f"{strange[0]!r} is no setting of a correction; there are: {', '.join(known)}")
    return AdversarialSettings(**value)


class CorrectionRecipe(RecipeSpec):
    """A corrector by the adversarial method, trained on cells of several batches."""

    kind: Literal["correction"]
    data: Annotated[H5adCells | SimulatedCells, Field(discriminator="kind")]
    settings_: Annotated[AdversarialSettings, BeforeValidator(_as_settings), Field(alias="settings")] = (
        AdversarialSettings()
    )
    game: UpdateTable = UpdateTable()


@trains(CorrectionRecipe)
def correction_job(recipe: Recipe, out: Path, device: torch.device) -> Job:  # noqa: ARG001  # reads no folder
    """Make the training of a batch corrector."""
    spec = recipe.spec
    assert isinstance(spec, CorrectionRecipe)
    corrector, lesson, facts = _lesson(spec, str(device))
    training, components = correction_training(
        lesson.expression, lesson.groups, lesson.plan, update=spec.game.update
    )

    def write(folder: Path) -> None:
        settings = lesson.plan.settings
        corrector.finish(lesson, AdversarialCorrection.trained(training, components, settings))
        _write(recipe, corrector, lesson, folder, facts)

    return Job(training, write)


def _lesson(spec: CorrectionRecipe, device: str) -> tuple[BatchCorrector, Lesson, dict[str, str]]:
    """Read the cells; return the corrector, what it learns from, and what the card says of the data."""
    source = spec.data
    if isinstance(source, SimulatedCells):
        cells = simulate_counts(**source.settings())
        corrector = BatchCorrector(
            method="adversarial", settings=spec.settings_, seed=spec.seed, device=device
        )
        digest = hashlib.sha256(np.ascontiguousarray(cells.counts).tobytes()).hexdigest()
        facts = {"data": "SIMULATED counts", "data_sha256": digest}
        return corrector, corrector.begin(cells.counts, Given(cells.batch)), facts
    path = Path(source.path).expanduser()
    corrector = BatchCorrector(
        source.batch,
        label_key=source.label,
        method="adversarial",
        settings=spec.settings_,
        seed=spec.seed,
        device=device,
    )
    adata: Any = read_h5ad(path)
    facts = {"data": path.name, "data_sha256": file_sha256(path)}
    return corrector, corrector.begin(adata), facts


def _write(
    recipe: Recipe, corrector: BatchCorrector, lesson: Lesson, folder: Path, facts: dict[str, str]
) -> None:
    """Write the corrector with its card and its recipe."""
    corrector.save(folder)
    header = {
        "title": recipe.spec.title,
        "kind": recipe.spec.kind,
        **facts,
        "cells": str(lesson.cells.n_cells),
        "genes": str(lesson.cells.n_genes),
        "batches": str(len(corrector.batches)),
        "seed": str(recipe.spec.seed),
        "recipe_sha256": recipe.sha256,
        **_quality(corrector, lesson),
    }
    write_card(folder, header, _card_text(recipe.name, header))
    write_file(folder / "recipe.toml", recipe.text)


def _quality(corrector: BatchCorrector, lesson: Lesson) -> dict[str, str]:
    """Measure how often a fresh probe finds the batch in the embedding."""
    correction = corrector.fitted()
    names = lesson.cells.batch
    assert names is not None  # a lesson has them
    embedding = correction.embed(lesson.expression, lesson.groups)
    try:
        found = probe_accuracy(embedding, names, seed=corrector.seed)
    except InputError:  # too few cells of a batch for a probe
        return {}
    return {"batch_found_by_a_probe": f"{found:.3f}", "by_chance": f"{1 / len(corrector.batches):.3f}"}


def _card_text(name: str, header: dict[str, str]) -> str:
    """Return the card's body."""
    table = "\n".join(f"| {key} | {value} |" for key, value in header.items())
    return f"""
# {name}: {header["title"]}

A batch corrector (`sciadv.BatchCorrector.load`): an encoder of principal components, a decoder that takes the
batch beside the code, and a discriminator against which the encoder hides the batch. It corrects cells of
these batches and genes; whether a cell type of one batch only is kept apart, no card can say.

| what | value |
|---|---|
{table}

`sciadv train` with `recipe.toml` trains it again.
"""
