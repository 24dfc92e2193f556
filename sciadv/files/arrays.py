"""Array files: numbers read from ``.npy`` and ``.npz`` without running code, or what is wrong with them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError

Array = npt.NDArray[Any]


def array_names(path: Path) -> list[str]:
    """List the arrays of a ``.npz`` file; a ``.npy`` file has none with a name."""
    with _opened(path) as content:
        return [] if isinstance(content, np.ndarray) else list(content.files)


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
        if isinstance(content, np.ndarray):
            array: Array = content
        else:
            array = content[_array_key(path, list(content.files), key=key, default=default)]
    if array.dtype.kind not in "biufc":
        raise InputError(f"{path} holds {array.dtype} values, but numbers are needed; save a numeric array")
    return array.astype(array.dtype.newbyteorder("="), copy=False)  # torch takes no other


def read_matrix(path: Path, *, default: str) -> Any:
    """Read an array as `read_array` does, or a sparse matrix that `scipy.sparse.save_npz` wrote."""
    if {"format", "shape", "data"} <= set(array_names(path)):
        from scipy.sparse import load_npz

        return load_npz(path)
    return read_array(path, default=default)


def _array_key(path: Path, names: list[str], *, key: str | None, default: str) -> str:
    if key is None and default not in names and len(names) == 1:
        return names[0]
    wanted = default if key is None else key
    if wanted in names:
        return wanted
    raise InputError(
        f"{path} holds the arrays {', '.join(names) or 'none'}, but none is named {wanted!r}; rename the one "
        f"that is meant, or save it alone"
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open an array file: an array, or a mapping of arrays that are read when asked for."""
    if path.suffix not in {".npy", ".npz"}:
        raise InputError(f"{path} is not a .npy or .npz file; save the array by numpy.save or numpy.savez")
    if not path.is_file():
        raise InputError(
            f"{path} {'is a folder' if path.is_dir() else 'does not exist'}; give a .npy or .npz file"
        )
    try:
        with path.open("rb") as file:
            yield np.load(file, allow_pickle=False)
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise InputError(
                f"{path} holds Python objects, which are not loaded: data must not run code; save numbers"
            ) from error
        raise InputError(
            f"{path} cannot be read as a {path.suffix} file: {error}. Was it written or copied completely?"
        ) from error
