"""The edge between commands and users: errors as one sentence, Ctrl-C, consoles, the output folder."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from sciadv.errors import InputError, SciadvError

if TYPE_CHECKING:
    from rich.console import Console

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


def plain_errors(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turn what a command raises on purpose into one sentence on stderr and exit code 2; Ctrl-C into 130."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except SciadvError as error:
            say_error(str(error))
            raise typer.Exit(EXIT_BAD_INPUT) from error
        except KeyboardInterrupt as error:
            say_error("interrupted before there was anything to keep; nothing was written")
            raise typer.Exit(EXIT_INTERRUPTED) from error

    return run


def say_error(sentence: str) -> None:
    """Write one sentence to stderr."""
    typer.echo("sciadv: " + " ".join(sentence.split()), err=True)


def say(text: str = "") -> None:
    """Write plain text to stdout."""
    typer.echo(text)


def output_console() -> Console:
    """Return the console for tables and documents."""
    from rich.console import Console

    return Console(highlight=False)


def progress_console() -> Console:
    """Return the console for progress: stderr, so that stdout holds results only."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def check_output_folder(folder: Path) -> None:
    """Check that results can be written to a folder, without making it.

    Raises
    ------
    InputError
        It, or a parent of it, is a file or may not be written to.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder} cannot be the output folder: {there} is a file; give another by -o")
    if not os.access(there, os.W_OK):
        raise InputError(f"{folder} cannot be written: no permission for {there}; give another folder by -o")


class Interruption:
    """Within it the first Ctrl-C raises `KeyboardInterrupt` and is remembered; later ones only say to wait.

    So a search can be stopped and what it found is still written whole.
    """

    def __init__(self) -> None:
        self.happened = False
        self._previous: Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signal module's signature
        if self.happened:
            say_error("already stopping: the solution so far is being written")
            return
        self.happened = True
        raise KeyboardInterrupt
