"""Array files: numbers read from ``.npy`` and ``.npz`` without running code, or what is wrong with them.

Sizes are compared with the file's before anything is allocated.
"""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from sciadv.errors import InputError, listed
from sciadv.files.reading import opened, parsing, require_bytes

Array = npt.NDArray[Any]

#: What a compressed file may unpack to: so many bytes, and so many times its own size.
MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO = 256 * 2**20, 100
_MAX_AXES = 32
#: An open file, or an array in an open archive.
Stream = BinaryIO | zipfile.ZipExtFile
_NUMBERS = "biufc"
_READ_CHUNK = 2**22


def array_names(path: Path) -> list[str]:
    """List the arrays of a ``.npz`` file; a ``.npy`` file has none with a name."""
    with _opened(path) as content:
        return list(content) if isinstance(content, _Archive) else []


def read_array(path: Path, *, key: str | None = None, default: str = "y") -> Array:
    """Read numbers from a ``.npy`` file or from one array of a ``.npz`` file; runs no code from it.

    Parameters
    ----------
    path
        The file.
    key
        Which array of a ``.npz``. If left out: `default`, or the only array there is.
    default
        Name that the array is expected to have.

    Raises
    ------
    InputError
        The file is missing, broken, holds Python objects or text, or several arrays and none of that name.
    """
    with _opened(path) as content:
        if isinstance(content, _Archive):
            return content[_array_key(path, list(content), key=key, default=default)]
        return _read(path, content, os.fstat(content.fileno()).st_size, _NUMBERS)


def read_arrays(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Read some arrays of numbers of a ``.npz`` file.

    Raises
    ------
    InputError
        The file is missing or broken, or an array is missing or holds no numbers.
    """
    with _opened(path) as content:
        known = list(content) if isinstance(content, _Archive) else []
        return {name: content[_array_key(path, known, key=name, default=name)] for name in names}  # type: ignore[index]  # no archive has no names


def read_matrix(path: Path, *, default: str) -> Any:
    """Read an array as `read_array` does, or a sparse matrix that `scipy.sparse.save_npz` wrote; all finite.

    Raises
    ------
    InputError
        As `read_array`; or the numbers are not finite, or a sparse matrix's indices point outside of it.
    """
    with _opened(path) as content:
        if isinstance(content, _Archive) and {"format", "shape", "data"} <= set(content):
            from sciadv.files.sparse import checked_sparse

            return checked_sparse(path, content.get_format(), content)
    array = read_array(path, default=default)
    require_finite(path, array)
    return array


def require_finite(path: Path, array: Array, *, what: str = "") -> None:
    """Check that an array of a file has no NaN or Inf.

    Raises
    ------
    InputError
        It has.
    """
    n_bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if n_bad:
        raise InputError(f"{path}{what} holds {n_bad} NaN or Inf of {array.size} numbers; give finite ones")


def _array_key(path: Path, names: list[str], *, key: str | None, default: str) -> str:
    if key is None and default not in names and len(names) == 1:
        return names[0]
    wanted = default if key is None else key
    if wanted in names:
        return wanted
    raise InputError(
        f"{path} holds the arrays {listed(names)}, but none is named {wanted!r}; rename the one "
        f"that is meant, or save it alone"
    )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | _Archive]:
    """Open an array file: the file itself, or a mapping of arrays that are read when asked for."""
    if path.suffix not in {".npy", ".npz"}:
        raise InputError(f"{path} is not a .npy or .npz file; save the array by numpy.save or numpy.savez")
    with (
        opened(path, advice="give a .npy or .npz file") as file,
        parsing(path, f"a {path.suffix} file", "Was it written or copied completely?"),
    ):
        require_bytes(path, os.fstat(file.fileno()).st_size)
        is_archive = file.read(2) == b"PK"  # what numpy goes by, whatever the name's ending
        file.seek(0)
        if not is_archive:
            yield file
            return
        with zipfile.ZipFile(file) as archive:
            _require_bounded(path, archive, os.fstat(file.fileno()).st_size)
            yield _Archive(path, archive)


def _require_bounded(path: Path, archive: zipfile.ZipFile, size: int) -> None:
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES + MAX_UNPACKED_RATIO * size:
        raise InputError(
            f"{path} has {size} bytes but would unpack to {unpacked}; save the arrays by numpy.savez, which "
            f"does not pack them"
        )


@final
class _Archive(Mapping[str, Array]):
    """The arrays of numbers in an open ``.npz`` file, by name."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive
        self._members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}

    def __getitem__(self, name: str) -> Array:
        return self._read(name, _NUMBERS)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def get_format(self) -> str:
        """Return the text in the array ``format`` of a sparse matrix."""
        text = self._read("format", "SU")
        return str(text.astype(np.str_)) if text.ndim == 0 else ""

    def _read(self, name: str, kinds: str) -> Array:
        member = self._members[name]
        with self._archive.open(member) as stream:
            assert isinstance(stream, zipfile.ZipExtFile)  # the stubs say IO[bytes]
            return _read(self._path, stream, member.file_size, kinds)


def _read(path: Path, stream: Stream, size: int, kinds: str) -> Array:
    """Read one array whose header and numbers take `size` bytes."""
    shape, is_fortran, dtype = _read_header(stream)
    if dtype.hasobject:
        raise InputError(
            f"{path} holds Python objects, which are not loaded: data must not run code; save numbers"
        )
    if dtype.kind not in kinds:
        raise InputError(f"{path} holds {dtype} values, but numbers are needed; save a numeric array")
    n_bytes = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or len(shape) > _MAX_AXES or n_bytes > size:
        raise InputError(
            f"{path} says that it holds an array of shape {shape}, {n_bytes} bytes, but has {size}. Was it "
            f"written or copied completely?"
        )
    require_bytes(path, n_bytes)
    flat = np.empty(n_bytes, np.uint8)
    n_read = _fill(stream, flat)
    if n_read < n_bytes:
        raise InputError(
            f"{path} cannot be read as a {path.suffix} file: it ends after {n_read} of {n_bytes} bytes. Was "
            f"it written or copied completely?"
        )
    if stream.read(1):  # at the end of an archive's member its checksum is compared, too
        raise InputError(f"{path} goes on after its array of shape {shape}; save several by numpy.savez")
    array = flat.view(dtype).reshape(shape, order="F" if is_fortran else "C")
    return _as_plain(path, array)


def _read_header(stream: Stream) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy_format.read_magic(stream)
    read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    if version > (3, 0):
        raise ValueError(f"its format {version} is not known")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy advises to write files of Python 2 again
        shape, is_fortran, dtype = read(stream)
    return shape, is_fortran, dtype


def _fill(stream: Stream, target: npt.NDArray[np.uint8]) -> int:
    """Read until `target` is full or the stream ends; return how many bytes came."""
    n_read = 0
    while n_read < len(target):
        part = stream.read(min(len(target) - n_read, _READ_CHUNK))
        if not part:
            break
        target[n_read : n_read + len(part)] = np.frombuffer(part, np.uint8)
        n_read += len(part)
    return n_read


def _as_plain(path: Path, array: Array) -> Array:
    """Return numbers of a type that torch knows, in this machine's byte order."""
    if array.dtype.kind == "b":
        return np.asarray(array.view(np.uint8) != 0)  # other bytes than 0 and 1 are no truth values to numpy
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        if array.size and int(array.max()) > np.iinfo(np.int64).max:
            raise InputError(f"{path} holds whole numbers above 2^63; save them as floats")
        return array.astype(np.int64)
    if array.dtype.kind in "fc" and array.dtype.itemsize > 8 * (1 + (array.dtype.kind == "c")):
        return array.astype(np.float64 if array.dtype.kind == "f" else np.complex128)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
