"""One file of images as an array, with the meaning of its axes where the format says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.arrays import read_array
from sciadv.files.formats.hdf5 import read_hdf5
from sciadv.files.formats.nifti import read_nifti
from sciadv.files.formats.pictures import PICTURES, read_picture

Array = npt.NDArray[Any]

ARRAYS, HDF5, NIFTI = (".npy", ".npz"), (".h5", ".hdf5"), (".nii", ".nii.gz")
#: Endings of the files that hold images.
ENDINGS = (*PICTURES, *ARRAYS, *HDF5, *NIFTI)


@final
@dataclass(frozen=True)
class Frames:
    """What one file holds.

    Parameters
    ----------
    array
        Its numbers.
    axes
        A letter an axis, as in `sciadv.data.axes`; empty where the format does not say.
    """

    array: Array
    axes: str = ""


def ending(path: Path) -> str:
    """Return which of `ENDINGS` a file's name has; empty if none."""
    name = path.name.lower()
    return next((end for end in ENDINGS if name.endswith(end)), "")


def read_frames(path: Path, *, key: str | None = None) -> Frames:
    """Read one file of images, signals or volumes; no code from it runs.

    Parameters
    ----------
    path
        A picture (PNG, JPEG, BMP, TIFF with one page or more), ``.npy``, ``.npz``, ``.h5`` or ``.nii``.
    key
        Which array of a ``.npz`` or ``.h5``; if left out, ``images`` or the only one there is.

    Raises
    ------
    InputError
        The file is missing, broken, of another format, or holds no real numbers.
    """
    kind = ending(path)
    if kind in PICTURES:
        frames = Frames(*read_picture(path))
    elif kind in ARRAYS:
        frames = Frames(read_array(path, key=key, default="images"))
    elif kind in HDF5:
        frames = Frames(read_hdf5(path, key=key))
    elif kind in NIFTI:
        frames = Frames(*read_nifti(path))
    else:
        raise InputError(f"{path} is no file of images; give one that ends in {', '.join(ENDINGS)}")
    if frames.array.dtype.kind == "c":
        raise InputError(f"{path} holds complex numbers; save real and imaginary part as two channels")
    if frames.array.size == 0:
        raise InputError(f"{path} holds no numbers: its shape is {frames.array.shape}")
    if frames.array.dtype.kind == "b":
        return Frames(frames.array.astype(np.uint8) * np.uint8(255), frames.axes)
    return frames
