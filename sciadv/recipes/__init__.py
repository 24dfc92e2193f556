"""From a recipe to what it trains: one path for all kinds, with checkpoints, logs and a folder at the end.

Long trainings write ``checkpoint.safetensors`` into the folder and resume from it bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from sciadv.arguments.values import as_count, as_flag, as_function
from sciadv.errors import InputError
from sciadv.files.cards import CLASSIFIER
from sciadv.files.folders import as_path
from sciadv.files.publishing import lock_folder, publish
from sciadv.files.reading import read_bytes
from sciadv.files.writing import write_file
from sciadv.recipes.estimate import Estimate, estimate
from sciadv.recipes.job import Job
from sciadv.schema import RECIPES, Recipe
from sciadv.trainings.distributed import is_first, process_group
from sciadv.trainings.loop import run
from sciadv.trainings.protocol import TrainingMonitor, load_training
from sciadv.trainings.training_report import GameReport, GameStatus
from sciadv.types import as_device

CHECKPOINT = "checkpoint.safetensors"

__all__ = ["CHECKPOINT", "Estimate", "Job", "dry_run", "make_job", "train_recipe"]


def train_recipe(
    recipe: Recipe,
    out: Path | str,
    *,
    resume: bool = False,
    device: str | torch.device = "cpu",
    every: int = 500,
    monitor: TrainingMonitor | None = None,
    is_interrupted: Callable[[], bool] = lambda: False,
) -> GameReport:
    """Train what a recipe describes and write its folder.

    Under ``torchrun`` every process calls it with the same arguments; the first one writes.

    Parameters
    ----------
    recipe
        What to train, on what, how long.
    out
        Folder for weights, card, samples, metrics and the checkpoint.
    resume
        Whether to go on from the folder's checkpoint.
    device
        Where to train.
    every
        Steps between two checkpoints, measurements and sample grids.
    monitor
        Called after each step, in the first process.
    is_interrupted
        Asked after each step; when it says so, the checkpoint is written and the report says INTERRUPTED.

    Returns
    -------
    GameReport
        How it ended. What was learnt is written unless it was interrupted; a training that diverged raises.

    Raises
    ------
    InputError
        The data are not there, or the checkpoint is of another recipe.
    GameError
        A number became NaN or infinite; the checkpoint is of the last good state.
    WeightsError
        The checkpoint is broken.
    """
    folder = as_path(out, "out")
    checkpoint = folder / CHECKPOINT
    resume, every = as_flag(resume, "resume"), as_count(every, "every")
    if monitor is not None:
        as_function(monitor, "monitor")
    if checkpoint.exists() and not checkpoint.is_file():
        raise InputError(f"{checkpoint} is a folder or a device; delete it, or give another folder")
    with process_group(as_device(device)) as target, _held(folder):
        if checkpoint.is_file() and not resume:
            raise InputError(f"{checkpoint} is there: go on from it (--resume) or delete it first")
        job = make_job(recipe, folder, target)
        if resume and checkpoint.is_file():
            load_training(job.training, checkpoint)
        report = run(
            job.training,
            checkpoint=checkpoint,
            every=every,
            monitor=monitor if is_first() else None,
            is_interrupted=is_interrupted,
        ).check()
        if report.status is not GameStatus.INTERRUPTED and is_first():
            publish(folder, lambda new: _write(job, folder, new))
    return report


def _held(out: Path) -> AbstractContextManager[None]:
    """Hold the folder of a training in the process that writes."""
    return lock_folder(out) if is_first() else nullcontext()


def _write(job: Job, out: Path, new: Path) -> None:
    """Write what was learnt to a new folder, beside the classifier that was trained before it."""
    if (out / CLASSIFIER).is_file():
        write_file(new / CLASSIFIER, read_bytes(out / CLASSIFIER, advice="train anew"))
    job.write(new)


def dry_run(recipe: Recipe, *, device: str | torch.device = "cpu") -> Estimate:
    """Make a few steps of each phase of a recipe, write nothing, and estimate memory and time.

    Raises
    ------
    InputError
        The data are not there, or a setting does not fit.
    """
    from tempfile import TemporaryDirectory

    target = as_device(device)
    with TemporaryDirectory() as folder:
        return estimate(make_job(recipe, Path(folder), target).training, target)


def make_job(recipe: Recipe, out: Path, device: torch.device) -> Job:
    """Make what trains a recipe, by its kind.

    Parameters
    ----------
    recipe
        The recipe.
    out
        The folder that it will fill.
    device
        Where to train.
    """
    job: Job = RECIPES[recipe.spec.kind](recipe, out, device)
    return job
