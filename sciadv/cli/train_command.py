"""``sciadv train``: a prior from its recipe."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sciadv.cli.edge import (
    EXIT_INTERRUPTED,
    check_output_folder,
    plain_errors,
    say,
    say_error,
)
from sciadv.errors import InputError

if TYPE_CHECKING:
    from sciadv.schema import Recipe
    from sciadv.trainings.training_report import GameReport

#: How many processes a training may be started in.
Devices = Annotated[
    int,
    typer.Option(
        min=1,
        max=max(8, 4 * (os.cpu_count() or 1)),
        help="Processes on this machine, each with its share of every batch.",
    ),
]

# What says how images of one's own are read, and how long is trained on them.
Data = Annotated[
    str | None,
    typer.Option(help="Your images: a folder, .npy, .npz, .h5, .tif, .nii, or a data set's name."),
]
Axes = Annotated[str | None, typer.Option(help="Axes of --data, such as nhwc.", show_default="found out")]
Crop = Annotated[str | None, typer.Option(help="Sides of the crops that --data is cut into, such as 64,64.")]
Drop = Annotated[bool, typer.Option("--drop", help="Leave constant and repeated images of --data out.")]
Minutes = Annotated[
    float, typer.Option(min=0.01, help="CPU minutes on one core that --data is trained on at most.")
]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Steps on --data.", show_default="what the minutes allow")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="A few steps, then memory and time; writes nothing.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")]
Every = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Steps between two checkpoints, measurements and sample grids.",
        show_default="500; an eighth with --data",
    ),
]


@plain_errors
def train(  # noqa: PLR0913  # one option a choice of the user
    recipe: Annotated[
        str | None, typer.Argument(help="A prior that `sciadv list` shows, or a folder or .toml file.")
    ] = None,
    *,
    data: Data = None,
    axes: Axes = None,
    crop: Crop = None,
    drop: Drop = False,
    minutes: Minutes = 15.0,
    steps: Steps = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    devices: Devices = 1,
    every: Every = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the prior.", show_default=".runs/NAME")
    ] = None,
) -> None:
    """Train a prior by its recipe, or of your own images by --data; go on after an interruption by --resume.

    Runs under torchrun too; --devices starts the processes itself.
    """
    from sciadv.types import as_device

    chosen = _Own(data, axes, crop, drop, minutes, steps)
    found = _recipe(recipe, chosen, out)
    folder = out if out is not None else Path(".runs") / found.name
    check_output_folder(folder)
    target = str(as_device(device))
    if dry_run:
        from sciadv.recipes import dry_run as estimate

        say(str(estimate(found, device=target)))
        return
    said = chosen.arguments() if recipe is None else [recipe]
    again = shlex.join(["sciadv", "train", *said, "--resume", "--device", device, "-o", str(folder)])
    between = _between(found, every, is_own=data is not None)
    if devices > 1:
        options = ["--device", device, "--every", str(between), "-o", str(folder)]
        _start_processes([*said, *options, *(["--resume"] if resume else [])], devices)
        return
    is_first = int(os.environ.get("RANK", "0")) == 0
    if is_first:
        _say_begin(found, folder, target, is_own=data is not None)
    try:
        report = _train(found, folder, resume=resume, device=target, every=between)
    except KeyboardInterrupt:
        has_checkpoint = (folder / "checkpoint.safetensors").is_file()
        if is_first and has_checkpoint:
            say_error(f"go on from the last checkpoint by: {again}")
        raise
    if is_first:
        _tell(report, folder, again)


@dataclass(frozen=True)
class _Own:
    """What the command line says of a user's own images."""

    data: str | None
    axes: str | None
    crop: str | None
    drop: bool
    minutes: float
    steps: int | None

    def arguments(self) -> list[str]:
        """Return the same on a command line."""
        given = {"--data": self.data, "--axes": self.axes, "--crop": self.crop, "--steps": self.steps}
        said = [word for key, value in given.items() if value is not None for word in (key, str(value))]
        return [*said, "--minutes", f"{self.minutes:g}", *(["--drop"] if self.drop else [])]


def _recipe(recipe: str | None, own: _Own, out: Path | None) -> Recipe:
    """Load the recipe, or write the one that suits the images."""
    from sciadv.catalogue import load_recipe

    if (recipe is None) == (own.data is None):
        raise InputError("give a recipe, or images of your own by --data, and not both")
    if recipe is not None:
        return load_recipe(recipe)
    from sciadv.data.own_images import Reading
    from sciadv.recipes.images.own import OwnOptions, own_recipe

    assert own.data is not None
    crop = None if own.crop is None else _sides(own.crop)
    options = OwnOptions(Reading(own.axes, None, crop), drop=own.drop, minutes=own.minutes, steps=own.steps)
    return own_recipe(own.data, options, name=None if out is None else out.resolve().name)


def _sides(text: str) -> tuple[int, ...]:
    parts = text.replace("x", ",").split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--crop takes sides with commas, such as 64,64, but it is {text!r}")
    return tuple(int(part) for part in parts)


def _between(recipe: Recipe, every: int | None, *, is_own: bool) -> int:
    if every is not None or not is_own:
        return every or 500
    from sciadv.recipes.images.own import eighth

    return eighth(recipe)


def _say_begin(recipe: Recipe, folder: Path, target: str, *, is_own: bool) -> None:
    """Say what is trained; of images of one's own also what was read and what it will cost."""
    say(f"{recipe.spec.title}: training on {target} into {folder}")
    if is_own and recipe.images is not None:
        from sciadv.recipes import dry_run as estimate

        for key in ("data", "value_range", "split"):
            if key in recipe.images.facts:
                say(f"  {key.replace('_', ' ')}: {recipe.images.facts[key]}")
        say(f"  {estimate(recipe, device=target)}")
        say("  then it is measured on held-out images beside simple methods, which takes minutes as well")


def _train(recipe: Recipe, folder: Path, *, resume: bool, device: str, every: int) -> GameReport:
    from sciadv.recipes import train_recipe
    from sciadv.trainings.live_progress import live_progress

    with live_progress() as monitor, _interruption() as is_interrupted:
        return train_recipe(
            recipe,
            folder,
            resume=resume,
            device=device,
            every=every,
            monitor=monitor,
            is_interrupted=is_interrupted,
        )


def _tell(report: GameReport, folder: Path, again: str) -> None:
    """Say how it ended: where the prior is and how the training went, or how to go on."""
    from sciadv.trainings.training_report import GameStatus

    if report.status is GameStatus.INTERRUPTED:
        say_error(f"{report.message}; go on from there by: {again}")
        raise typer.Exit(EXIT_INTERRUPTED)
    say(report.message)
    for sentence in report.diagnosis:
        say(f"  {sentence}")
    say(f"wrote {folder}")


def _start_processes(arguments: list[str], n: int) -> None:
    """Run this command in `n` processes that find each other as under ``torchrun``."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "sciadv", "train", *arguments]
    processes = [
        subprocess.Popen(command, env=os.environ | group | {"RANK": str(i), "LOCAL_RANK": str(i)})
        for i in range(n)
    ]
    with _interruption():  # the processes get it too, and stop after their step
        codes = _wait(processes)
    if code := next((code for code in codes if code), 0):
        raise typer.Exit(code if code > 0 else 1)


def _wait(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    """Wait for all; when one fails, end the others, which would wait for it for ever."""
    while True:
        codes = [process.poll() for process in processes]
        if all(code is not None for code in codes):
            return [code for code in codes if code is not None]
        if any(code not in (None, 0, EXIT_INTERRUPTED) for code in codes):
            for process in processes:
                process.terminate()
        time.sleep(0.1)


@contextmanager
def _interruption() -> Iterator[Callable[[], bool]]:
    """Within it the first Ctrl-C is only noted; a second one ends the process at once."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signal module's signature
        seen.append(number)
        os.write(2, b"sciadv: stopping after this step; Ctrl-C again ends at once\n")
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, before)
