"""HDF5 by h5py: one data set of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.reading import opened, parsing, require_bytes


def read_hdf5(path: Path, *, key: str | None = None, default: str = "images") -> npt.NDArray[Any]:
    """Read one data set.

    Parameters
    ----------
    path
        The file.
    key
        Its name, with the groups before it (``scan/slices``); if left out, `default` or the only one of
        numbers that there is.
    default
        Name that it is expected to have.

    Raises
    ------
    InputError
        h5py is not installed, the file is missing or broken, or there is not one data set that is meant.
    """
    try:
        import h5py
    except ImportError as error:
        raise InputError(f"{path} needs h5py: pip install 'sciadv[formats]', or save a .npy") from error
    with (
        opened(path, advice="give an HDF5 file") as raw,
        parsing(path, "an HDF5 file", "Was it written or copied completely?"),
        h5py.File(raw, "r") as file,
    ):
        names: list[str] = []

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.dtype.kind in "biuf" and item.ndim > 0:
                names.append(name)

        file.visititems(note)
        chosen = key or (default if default in names else names[0] if len(names) == 1 else None)
        if chosen not in names:
            raise InputError(
                f"{path} holds the data sets {', '.join(names[:20]) or 'none'}; say which one is meant "
                f"(key in [data])"
            )
        dataset = file[chosen]
        require_bytes(path, int(dataset.size) * dataset.dtype.itemsize)
        return np.asarray(dataset[()])
