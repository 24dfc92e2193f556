"""Folders of results: locked while a run writes in them, their files published together or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib.util import find_spec
from pathlib import Path

from sciadv.errors import InputError, OutputError
from sciadv.files.writing import (
    PARTIAL,
    as_output_error,
    is_abandoned,
    record_written,
    recorded,
    synchronise,
    synchronise_folder,
    unused_suffix,
)

#: Folders that this run has locked, by device and inode.
_held: ContextVar[frozenset[tuple[int, int]]] = ContextVar("held", default=frozenset())

_STAGING = ".sciadv-"
#: In a staging folder: older files, the mark that all new ones are whole, and that older ones are still here.
_OLD, _WHOLE, _NOT_PUT_BACK = ".older", ".whole", ".not-put-back"


@contextmanager
def lock_folder(folder: Path, *, seconds: float = 0.0) -> Iterator[None]:
    """Hold a folder so that no other run writes in it; it is made if it is not there.

    The lock is of the system and ends with the process, so that a killed run leaves none. It is one of the
    folder itself: no file stands for it. Within it the folder can be locked again. A folder that was made
    and stayed empty is removed.

    Parameters
    ----------
    folder
        The folder.
    seconds
        How long to wait for another run's lock.

    Raises
    ------
    InputError
        Another run has it.
    OutputError
        It cannot be made or opened.
    """
    made = make_folder(folder)
    try:
        with _locked(folder, seconds):
            yield
    finally:
        _remove_empty(made)


@contextmanager
def _locked(folder: Path, seconds: float) -> Iterator[None]:
    status = folder.stat()
    key = (status.st_dev, status.st_ino)
    if key in _held.get():
        yield
        return
    descriptor = _lock(folder, seconds)
    token = _held.set(_held.get() | {key})
    try:
        remove_leftovers(folder)
        yield
    finally:
        _held.reset(token)
        if descriptor is not None:
            os.close(descriptor)


def publish(folder: Path, build: Callable[[Path], object]) -> Path:
    """Build files in a folder beside their place, and put all of them in place, or none.

    Parameters
    ----------
    folder
        Where they go; made if it is not there. Other files in it stay.
    build
        Writes the files to the folder that it is given.

    Raises
    ------
    OutputError
        One cannot be written; what was there before is as it was.
    InputError
        Another run has the folder.

    Notes
    -----
    A process that is killed between the first and the last renaming leaves the rest beside their place; the
    next run in the folder puts them in place.
    """
    with lock_folder(folder, seconds=10.0), as_output_error(folder), _staging(folder) as staging:
        try:
            with recorded():  # names in the staging folder are of no interest
                build(staging)
        except OutputError as error:  # nor in what is said of a full disk
            raise OutputError(str(error).replace(str(staging), str(folder))) from error
        names = _files(staging)
        for name in names:
            synchronise(staging / name)
        with uninterrupted():
            _put_in_place(staging, folder, names)
            for name in names:
                record_written(folder / name)
    return folder


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    staging = folder / f"{_STAGING}{unused_suffix()}"
    try:
        staging.mkdir()
        yield staging
    finally:
        if not (staging / _NOT_PUT_BACK).exists():
            _remove(staging)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back while it is open; one that came is handled at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))  # noqa: ARG005
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
    if came:
        signal.raise_signal(signal.SIGINT)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and its parents; return those that were made, the deepest first.

    Raises
    ------
    OutputError
        It cannot be made.
    """
    with as_output_error(folder):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    return missing


def remove_leftovers(folder: Path) -> None:
    """Put in place what a killed run had published in part, and remove what it left unfinished."""
    for staging in folder.glob(f"{_STAGING}*"):
        is_left = staging.is_dir() and is_abandoned(staging.name.removeprefix(_STAGING))
        if is_left and not (staging / _NOT_PUT_BACK).exists():
            _finish(staging, folder)
    for partial in folder.glob(f".*{PARTIAL}"):
        if is_abandoned(partial.name.removesuffix(PARTIAL).rpartition(".")[2]):
            with suppress(OSError):
                partial.unlink()


def _finish(staging: Path, folder: Path) -> None:
    if (staging / _WHOLE).exists():
        with suppress(OSError):
            for name in _files(staging):
                os.replace(staging / name, folder / name)  # noqa: PTH105
    _remove(staging)


def _lock(folder: Path, seconds: float) -> int | None:
    """Return the open folder with the lock on it; None where the system has no such locks."""
    if find_spec("fcntl") is None:  # Windows
        return None
    with as_output_error(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    end = time.monotonic() + seconds
    while _is_taken(descriptor):
        if time.monotonic() >= end:
            os.close(descriptor)
            raise InputError(
                f"another run is writing to {folder}; wait until it ends, or give another folder by -o"
            )
        time.sleep(0.05)
    return descriptor


def _is_taken(descriptor: int) -> bool:
    """Whether another run has the lock of an open folder; if not, it is ours from now on."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # other errors come from network file systems without locks
        return error.errno in (errno.EWOULDBLOCK, errno.EACCES)
    return False


def _files(staging: Path) -> list[Path]:
    """List the new files in a staging folder, as paths within it."""
    found = (path.relative_to(staging) for path in sorted(staging.rglob("*")) if path.is_file())
    return [name for name in found if name.parts[0] not in (_OLD, _WHOLE, _NOT_PUT_BACK)]


def _put_in_place(staging: Path, folder: Path, names: list[Path]) -> None:
    """Rename files into their place; when one fails, put the older ones back."""
    older = staging / _OLD
    for name in names:
        target = folder / name
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, f"{target} is a folder")
        (older / name).parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() or target.is_symlink():
            _copy_name(target, older / name)
    (staging / _WHOLE).touch()
    synchronise_folder(staging)
    done: list[Path] = []
    try:
        for name in names:
            done.append(name)
            os.replace(staging / name, folder / name)  # noqa: PTH105  # one primitive that a test can make fail
        synchronise_folder(folder)
    except BaseException:
        (staging / _WHOLE).unlink(missing_ok=True)
        (staging / _NOT_PUT_BACK).touch()
        _put_back(older, folder, done)
        (staging / _NOT_PUT_BACK).unlink()
        raise


def _copy_name(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target, follow_symlinks=False)


def _put_back(older: Path, folder: Path, names: list[Path]) -> None:
    for name in names:
        if not ((older / name).exists() or (older / name).is_symlink()):
            (folder / name).unlink(missing_ok=True)
            continue
        try:
            os.replace(older / name, folder / name)  # noqa: PTH105
        except OSError:
            if not (folder / name).samefile(older / name):
                shutil.copy2(older / name, folder / name, follow_symlinks=False)


def _remove(staging: Path) -> None:
    for path in (*sorted(staging.rglob("*"), reverse=True), staging):
        with suppress(OSError):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()
