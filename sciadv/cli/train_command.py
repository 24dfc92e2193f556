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


@plain_errors
def train(
    recipe: Annotated[
        str, typer.Argument(help="A prior that `sciadv list` shows, or a folder or .toml file.")
    ],
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="A few steps, then memory and time; writes nothing."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    devices: Devices = 1,
    every: Annotated[
        int, typer.Option(min=1, help="Steps between two checkpoints, measurements and sample grids.")
    ] = 500,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for the prior.", show_default=".runs/NAME")
    ] = None,
) -> None:
    """Train a prior by its recipe; interrupt it at any time and go on by --resume.

    Runs under torchrun too; --devices starts the processes itself.
    """
    from sciadv.catalogue import load_recipe
    from sciadv.types import as_device

    found = load_recipe(recipe)
    folder = out if out is not None else Path(".runs") / found.name
    check_output_folder(folder)
    target = str(as_device(device))
    if dry_run:
        from sciadv.recipes import dry_run as estimate

        say(str(estimate(found, device=target)))
        return
    again = shlex.join(["sciadv", "train", recipe, "--resume", "--device", device, "-o", str(folder)])
    if devices > 1:
        options = ["--device", device, "--every", str(every), "-o", str(folder)]
        _start_processes([recipe, *options, *(["--resume"] if resume else [])], devices)
        return
    is_first = int(os.environ.get("RANK", "0")) == 0
    if is_first:
        say(f"{found.spec.title}: training on {target} into {folder}")
    try:
        report = _train(found, folder, resume=resume, device=target, every=every)
    except KeyboardInterrupt:
        has_checkpoint = (folder / "checkpoint.safetensors").is_file()
        if is_first and has_checkpoint:
            say_error(f"go on from the last checkpoint by: {again}")
        raise
    if is_first:
        _tell(report, folder, again)


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
