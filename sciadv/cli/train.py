"""``sciadv train``: a prior from its recipe."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    check_output_folder,
    plain_errors,
    progress_console,
    say,
    say_error,
)

if TYPE_CHECKING:
    from sciadv.games.trainer.loop import TrainingMonitor, TrainingProgress


@plain_errors
def train(
    recipe: Annotated[
        str, typer.Argument(help="A prior that `sciadv list` shows, or a folder or .toml file.")
    ],
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the prior.", show_default=".runs/NAME")
    ] = None,
) -> None:
    """Train a prior by its recipe; interrupt it at any time and go on by --resume."""
    from sciadv.catalogue import load_recipe
    from sciadv.types import as_device

    found = load_recipe(recipe)
    folder = out if out is not None else Path(".runs") / found.name
    check_output_folder(folder)
    target = as_device(device)

    from sciadv.training import train_recipe

    say(f"{found.spec.title}: training on {target} into {folder}")
    try:
        with training_progress() as monitor:
            train_recipe(found, folder, resume=resume, device=str(target), monitor=monitor)
    except KeyboardInterrupt as error:
        again = shlex.join(["sciadv", "train", recipe, "--resume", "--device", device, "-o", str(folder)])
        say_error(f"interrupted; go on from the last checkpoint by: {again}")
        raise typer.Exit(EXIT_INTERRUPTED) from error
    say(f"wrote {folder}")


@contextmanager
def training_progress() -> Iterator[TrainingMonitor]:
    """Show a bar with the losses while it is open; nothing where stderr is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = progress_console()
    columns = (
        BarColumn(bar_width=14),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]},"),
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("train", total=None, losses="-")

        def monitor(progress: TrainingProgress) -> None:
            words = ", ".join(f"{name} {value:.3g}" for name, value in progress.losses.items())
            bar.update(task, completed=progress.step, total=progress.n_steps, losses=words)

        yield monitor
