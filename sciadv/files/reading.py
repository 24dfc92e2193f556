"""The gate of everything that is read: a regular file of a bounded size, and one sentence for what is wrong.

The other modules of `sciadv.files` read the kinds of files; nothing else in the package opens a user's file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

from sciadv.errors import InputError, SciadvError

_MIB, _GIB = 2**20, 2**30
_HASH_CHUNK = 2**20
#: Largest text file (TOML, JSON, a card).
MAX_TEXT_BYTES = 16 * _MIB
_CLOSED, _NO_WAIT = (getattr(os, f"O_{name}", 0) for name in ("CLOEXEC", "NONBLOCK"))

Failure = Callable[[str], SciadvError]


def require_bytes(path: Path, n_bytes: int, *, what: str = "", failure: Failure = InputError) -> None:
    """Check that so many bytes may be allocated for a file: no more than half of the machine's memory.

    Raises
    ------
    InputError
        They may not (or what `failure` makes).
    """
    from sciadv.arguments.memory import (
        total_bytes,  # with torch, which a command that reads nothing should not load
    )

    limit = total_bytes() // 2
    if n_bytes > limit:
        raise failure(
            f"{path}{what} would take {n_bytes / _GIB:.3g} GiB of memory, but half of this machine's is "
            f"{limit / _GIB:.3g} GiB; give less data, or parts of it"
        )


@contextmanager
def opened(path: Path, *, advice: str, failure: Failure = InputError) -> Iterator[BinaryIO]:
    """Open a regular file to read; folders, pipes, devices and loops of links are refused without waiting.

    Parameters
    ----------
    path
        The file.
    advice
        What to do when it is not there.
    failure
        Makes the error of a sentence.

    Raises
    ------
    InputError
        It is not there, no regular file, or must not be read (or what `failure` makes).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | _CLOSED | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise failure(f"{path} {_why(error)}; {advice}") from error
    mode = os.fstat(descriptor).st_mode
    if not S_ISREG(mode):
        os.close(descriptor)
        raise failure(f"{path} is {'a folder' if S_ISDIR(mode) else 'no regular file'}; {advice}")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, IsADirectoryError):
        return "is a folder"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


@contextmanager
def parsing(path: Path, what: str, advice: str, failure: Failure = InputError) -> Iterator[None]:
    """Turn whatever a parser raises on a file into one sentence: ``PATH cannot be read as WHAT: reason``.

    Parameters
    ----------
    path
        The file that is parsed.
    what
        What it should be: ``a .npy file``.
    advice
        What to do.
    failure
        Makes the error of a sentence.

    Raises
    ------
    InputError
        The parser failed (or what `failure` makes).
    """
    try:
        yield
    except SciadvError:
        raise
    except Exception as error:  # parsers raise anything on broken bytes: SystemError, KeyError, zlib.error
        raise failure(f"{path} cannot be read as {what}: {reason(error)}. {advice}") from error


def reason(error: BaseException) -> str:
    """Return what an error says in one short line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs more memory than there is"
    lines = str(error).strip().splitlines() or [""]
    words = " ".join(lines[0].split())[:200]
    return words if words and not isinstance(error, KeyError) else f"{type(error).__name__} {words}".strip()


def read_bytes(
    path: Path, *, advice: str, max_bytes: int | None = None, failure: Failure = InputError
) -> bytes:
    """Read a file whole.

    Parameters
    ----------
    path
        The file.
    advice
        What to do when it cannot be read.
    max_bytes
        Largest size that it may have; None for half of the machine's memory.
    failure
        Makes the error of a sentence.

    Raises
    ------
    InputError
        It is missing, no regular file, or too large (or what `failure` makes).
    """
    with opened(path, advice=advice, failure=failure) as file:
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise failure(f"{path} has {size} bytes, but at most {max_bytes} are read; {advice}")
        require_bytes(path, size, failure=failure)
        with parsing(path, "a file", advice, failure):
            return file.read()


def read_text(path: Path, *, advice: str = "give a text file", failure: Failure = InputError) -> str:
    """Read a UTF-8 text file of at most `MAX_TEXT_BYTES`.

    Raises
    ------
    InputError
        The file is missing, too large, or is not UTF-8 text (or what `failure` makes).
    """
    raw = read_bytes(path, advice=advice, max_bytes=MAX_TEXT_BYTES, failure=failure)
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise failure(f"{path} cannot be read: it is not UTF-8 text; {advice}") from error


def file_sha256(path: Path, *, advice: str = "give a file", failure: Failure = InputError) -> str:
    """Return the hex sha256 of a file's bytes.

    Raises
    ------
    InputError
        It cannot be read, or is larger than what is read of any file (or what `failure` makes).
    """
    digest = hashlib.sha256()
    with opened(path, advice=advice, failure=failure) as file, parsing(path, "a file", advice, failure):
        require_bytes(path, os.fstat(file.fileno()).st_size, failure=failure)
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
