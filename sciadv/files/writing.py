"""The gate of everything that is written: whole or not at all, and never over a good result that was there.

A file is written under another name beside its own, synchronised to the disk and renamed. Files that belong
together are published together. A folder in which a run writes is locked.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from stat import S_ISCHR, S_ISDIR, S_ISFIFO
from typing import BinaryIO, final

from sciadv.errors import InputError, OutputError

#: What a file will hold: bytes, text (UTF-8), or a function that writes it to an open binary file.
Content = bytes | str | Callable[[BinaryIO], object]

#: Ending of files that are not whole yet; one that a killed process left is removed by the next writer.
PARTIAL = ".partial"
_BUFFER_CHUNK = 1 << 20
#: Flags that not every system has.
_CLOSED, _NO_WAIT, _BINARY = (getattr(os, f"O_{name}", 0) for name in ("CLOEXEC", "NONBLOCK", "BINARY"))

_written: ContextVar[list[Path] | None] = ContextVar("written", default=None)


def write_file(path: Path | str, content: Content) -> Path:
    """Write a file, whole or not at all: until the new one is complete the old one stays as it is.

    A symbolic link is followed. Its folder must be there; the mode follows the umask. A device or pipe
    (``/dev/stdout``) is written to directly, since it keeps nothing.

    Parameters
    ----------
    path
        The file.
    content
        Bytes, text, or a function that writes to the open binary file it is given.

    Raises
    ------
    OutputError
        It cannot be written; the old file, if there was one, is as it was.
    """
    with as_output_error(Path(path)):
        target = _real_target(Path(path))
        if _is_stream(target):
            _fill(os.open(target, os.O_WRONLY | _NO_WAIT | _CLOSED), content, is_stream=True)
        else:
            with partial_path(target) as partial:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED | _BINARY
                _fill(os.open(partial, flags, 0o666), content)
                os.replace(partial, target)  # noqa: PTH105  # one primitive that a test can make fail
            synchronise_folder(target.parent)
    record_written(Path(path))
    return Path(path)


def require_writable(path: Path) -> None:
    """Check that a file could be written, by an empty one beside it that is removed again.

    Raises
    ------
    OutputError
        It cannot: it is a folder, its folder is not there, or the system refuses.
    """
    with as_output_error(path):
        target = _real_target(path.absolute())
        if not _is_stream(target):
            with partial_path(target) as partial:
                os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED | _BINARY, 0o666))


@final
class GrowingFile:
    """A text file that gets more and more lines: begun as `write_file` does, then added to.

    Parameters
    ----------
    path
        The file; what it held before is replaced.
    text
        What it begins with.

    Raises
    ------
    OutputError
        It cannot be written.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = write_file(path, text)
        with as_output_error(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | _CLOSED | _BINARY)
        self._waiting: list[str] = []

    def write(self, text: str) -> None:
        """Add text, which `flush` writes."""
        self._waiting.append(text)

    def flush(self) -> None:
        """Write what was added.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        with as_output_error(self._path):
            rest = "".join(self._waiting).encode()
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._waiting.clear()

    def close(self) -> None:
        """Write what was added, and close the file.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        try:
            self.flush()
        finally:
            os.close(self._descriptor)


@contextmanager
def partial_path(target: Path) -> Iterator[Path]:
    """Give an unused name in the folder of `target`; what has that name in the end is removed."""
    partial = target.with_name(f".{target.name[:100]}.{unused_suffix()}{PARTIAL}")
    try:
        yield partial
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def unused_suffix() -> str:
    """Return text that makes a name unique and says which process has it."""
    return f"{os.getpid()}-{secrets.token_hex(6)}"


def is_abandoned(suffix: str) -> bool:
    """Whether the process that `unused_suffix` names has ended."""
    try:
        os.kill(int(suffix.split("-", maxsplit=1)[0]), 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):
        return False
    return False


@contextmanager
def recorded() -> Iterator[list[Path]]:
    """Collect the files that are written while it is open, so that a message can name them."""
    written: list[Path] = []
    token = _written.set(written)
    try:
        yield written
    finally:
        _written.reset(token)


def record_written(path: Path) -> None:
    """Note that a file is in its place."""
    written = _written.get()
    if written is not None and path not in written:
        written.append(path)


def refuse_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Check that no output is an input: not by its path, a symbolic link or a hard link.

    Raises
    ------
    InputError
        One is, so that writing it would destroy what was given.
    """
    given = list(inputs)
    for output, source in ((output, source) for output in outputs for source in given):
        if _is_same(output, source):
            raise InputError(
                f"{output} is the input {source} itself, which is not overwritten; give another place by -o"
            )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def synchronise_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk; file systems that cannot are left alone."""
    try:
        synchronise(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF):
            raise


def synchronise(path: Path) -> None:
    """Have a file's content written to the disk."""
    descriptor = os.open(path, os.O_RDONLY | _CLOSED)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _real_target(path: Path) -> Path:
    """Return the file that a path leads to, through links."""
    target = path
    for _ in range(40):  # as many as Linux follows
        if not target.is_symlink() or _is_stream(target):
            break
        target = target.parent / target.readlink()
    else:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if target.exists() and S_ISDIR(target.stat().st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return target


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return S_ISCHR(mode) or S_ISFIFO(mode)


def _fill(descriptor: int, content: Content, *, is_stream: bool = False) -> None:
    """Write content to an open file, synchronise and close it."""
    raw = _Raw(descriptor)
    try:
        if is_stream:
            os.set_blocking(descriptor, True)  # it was opened so that a pipe that nobody reads is an error
        file = io.BufferedWriter(raw, _BUFFER_CHUNK)
        if callable(content):
            content(file)
        else:
            file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        if not is_stream:
            os.fsync(descriptor)
    finally:
        raw.close()


@final
class _Raw(io.RawIOBase):
    """An open file whose every write is one `os.write`; it has no number that C code could write to."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        try:
            os.lseek(self._descriptor, 0, os.SEEK_CUR)
        except OSError:
            return False
        return True

    def write(self, data: object) -> int:
        return os.write(self._descriptor, data)  # type: ignore[arg-type]  # any buffer

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._descriptor, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        end = self.tell() if size is None else size
        os.ftruncate(self._descriptor, end)
        return end

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


@contextmanager
def as_output_error(path: Path) -> Iterator[None]:
    """Turn what the system says of a write into one sentence.

    Raises
    ------
    OutputError
        The system refused it.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; what was there before is as it was. Free "
            f"space, or give a place that may be written to"
        ) from error
