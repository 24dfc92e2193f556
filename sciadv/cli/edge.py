"""The edge between commands and users: errors as one sentence, Ctrl-C, consoles, the output folder."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import typer

from sciadv.errors import InputError, SciadvError
from sciadv.files.writing import recorded

if TYPE_CHECKING:
    from rich.console import Console
    from rich.markdown import Markdown

    from sciadv.solvers import Monitor, Progress

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

EXIT_BAD_INPUT, EXIT_INTERRUPTED = 2, 130


def plain_errors(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Turn what a command raises on purpose into one sentence on stderr and exit code 2; Ctrl-C into 130.

    So are a system that refuses (a full disk, a closed terminal) and a lack of memory.
    """

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with recorded() as written:
            try:
                return command(*args, **kwargs)
            except SciadvError as error:
                say_error(str(error))
                raise typer.Exit(EXIT_BAD_INPUT) from error
            except KeyboardInterrupt as error:
                say_error(_interrupted(written))
                raise typer.Exit(EXIT_INTERRUPTED) from error
            except BrokenPipeError:  # the reader of stdout has enough; typer ends without a word
                raise
            except (OSError, MemoryError, RuntimeError) as error:
                say_error(_system_sentence(error, written))
                raise typer.Exit(EXIT_BAD_INPUT) from error

    return run


def _interrupted(written: list[Path]) -> str:
    """Say what an interrupted command has written."""
    if not written:
        return "interrupted before there was anything to keep; nothing was written"
    return f"interrupted; written whole until then: {_listed(written)}"


def _system_sentence(error: OSError | MemoryError | RuntimeError, written: list[Path]) -> str:
    """Say what the system refused.

    Raises
    ------
    RuntimeError
        It is an error of another sort, and given back.
    """
    kept = f"; written whole until then: {_listed(written)}" if written else ""
    text = " ".join(str(error).split())
    is_memory = isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
    if is_memory:
        return f"there is not enough memory: {text[:200]}. Give fewer measurements, restarts or samples{kept}"
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"the system refuses: {place}{error.strerror or text}{kept}"
    raise error


def _listed(written: list[Path]) -> str:
    return ", ".join(map(str, written))


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


def document(text: str) -> Markdown:
    """Return Markdown for a console whose tables break long words and cut none."""
    from rich.console import ConsoleOptions, RenderResult
    from rich.markdown import Markdown, TableElement

    class WholeTable(TableElement):
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for table in super().__rich_console__(console, options):
                for column in getattr(table, "columns", ()):
                    column.overflow = "fold"
                yield table

    class Document(Markdown):
        elements = {**Markdown.elements, "table_open": WholeTable}  # noqa: RUF012  # as its base has it

    return Document(text)


def progress_console() -> Console:
    """Return the console for progress: stderr, so that stdout holds results only."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def default_folder(problem: str, what: str) -> Path:
    """Return where results go if the user does not say: ``NAME-WHAT`` in this folder.

    Examples
    --------
    >>> default_folder("blur", "answer"), default_folder("./mine/problem.toml", "designs").name
    (PosixPath('blur-answer'), 'mine-designs')
    """
    path = Path(problem)
    named = path.parent if path.name == "problem.toml" else path.with_suffix("") if path.suffix else path
    return Path(f"{named.absolute().name or 'sciadv'}-{what}")


def check_output_folder(folder: Path) -> None:
    """Check that results can be written to a folder, without making it.

    Raises
    ------
    InputError
        It, or a parent of it, is a file or may not be written to.
    """
    there = _first_existing(folder)
    if not there.is_dir():
        raise InputError(f"{folder} cannot be the output folder: {there} is a file; give another by -o")
    if not os.access(there, os.W_OK):
        raise InputError(f"{folder} cannot be written: no permission for {there}; give another folder by -o")


def _first_existing(folder: Path) -> Path:
    """Return a folder or the nearest of its parents that is there.

    Raises
    ------
    InputError
        The system does not take such a path: it is too long, or its links lead round.
    """
    try:
        return next(path for path in (folder, *folder.absolute().parents) if path.exists())
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{str(folder)[:200]} cannot be the output folder: {getattr(error, 'strerror', None) or error}"
        ) from error


class Interruption:
    """Within it Ctrl-C stops a search and keeps what was found; while results are written it is only noted.

    A search (`searching`) is stopped where its monitor is called, at the end of a step, so that what it found
    is whole; a second Ctrl-C stops it at once. Other work (`may_stop`) is stopped at once. Elsewhere Ctrl-C
    says that results are being written, and they are written whole.
    """

    def __init__(self) -> None:
        self.happened = False
        self.came_late = False
        self._may_stop = False
        self._is_searching = False
        self._is_asked = False
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

    @contextmanager
    def may_stop(self) -> Iterator[None]:
        """Let the first Ctrl-C raise `KeyboardInterrupt` while it is open."""
        self._may_stop = True
        try:
            yield
        finally:
            self._may_stop = False

    @contextmanager
    def searching(self, monitor: Monitor | None = None) -> Iterator[Monitor]:
        """Give a monitor for a search that stops it, once Ctrl-C came, after its report."""
        self._is_searching = True
        try:
            yield lambda progress: self._report(monitor, progress)
        finally:
            self._is_searching = False
            self.came_late = self._is_asked and not self.happened

    def _report(self, monitor: Monitor | None, progress: Progress) -> None:
        if monitor is not None:
            monitor(progress)
        if self._is_asked:
            self._stop()

    def _stop(self) -> None:
        if not self.happened:
            self.happened = True
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signal module's signature
        words = "stopping; what was found is being written"
        if self._may_stop or (self._is_searching and self._is_asked):
            self._stop()
        elif self._is_searching:
            self._is_asked = True
            words = "stopping at the end of this step; Ctrl-C again stops at once"
        else:
            self.came_late = self.came_late or not self.happened
        os.write(2, f"sciadv: {words}\n".encode())  # safe within any other write


def write_whole(write: Callable[[], object]) -> bool:
    """Write results even if Ctrl-C comes between: roll back and write again; return whether it came.

    To be called within `Interruption`, where a signal no longer raises; what raises comes from a library.
    """
    try:
        write()
    except KeyboardInterrupt:
        write()
        return True
    return False
