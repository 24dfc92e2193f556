"""NIfTI volumes by nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.reading import opened, parsing, require_bytes


def read_nifti(path: Path) -> tuple[npt.NDArray[Any], str]:
    """Read a volume, scaled to its units as the header says; return it and its axes.

    Returns
    -------
    The array with the slices first, and "dhw", or "ndhw" for several volumes (time points).

    Raises
    ------
    InputError
        nibabel is not installed, or the file is missing or broken.
    """
    try:
        import nibabel
    except ImportError as error:
        raise InputError(f"{path} needs nibabel: pip install 'sciadv[formats]', or save a .npy") from error
    with opened(path, advice="give a NIfTI file"):
        pass  # refuses folders, pipes and what is not there
    with parsing(path, "a NIfTI file", "Was it written or copied completely?"):
        image: Any = nibabel.load(path)
        require_bytes(path, 4 * int(np.prod(image.shape)))
        array = np.asarray(image.dataobj).T  # files hold x first
    if array.ndim not in (3, 4):
        raise InputError(f"{path} has {array.ndim} axes where a volume has three; save a volume")
    return array, "dhw" if array.ndim == 3 else "ndhw"
