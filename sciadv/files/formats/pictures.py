"""Pictures by Pillow: PNG, JPEG, BMP, and TIFF of one or many pages, grey or in colours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.reading import opened, parsing, require_bytes

Array = npt.NDArray[Any]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
#: What Pillow's modes are read as, those that are read as they are left out.
_READ_AS = {"1": "L", "P": "RGB", "CMYK": "RGB", "YCbCr": "RGB", "LA": "L", "PA": "RGB", "RGBA": "RGB"}
_LEFT = ("L", "RGB", "I", "F", "I;16", "I;16L", "I;16B")


def read_picture(path: Path) -> tuple[Array, str]:
    """Read a picture, or all pages of a TIFF; return the numbers and their axes.

    Returns
    -------
    The array and "hw" or "hwc", with "n" before it for several pages. Transparency is left out.

    Raises
    ------
    InputError
        It is missing or broken, or its pages differ in size or colours.
    """
    from PIL import Image, ImageSequence

    advice = "Was it written or copied completely?"
    with (
        opened(path, advice="give a picture") as file,
        parsing(path, "a picture", advice),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of odd metadata, and of large pictures: the memory is checked
        image = Image.open(file)
        n_frames = int(getattr(image, "n_frames", 1))
        require_bytes(path, 4 * n_frames * image.width * image.height)
        pages = [_numbers(path, page) for page in ImageSequence.Iterator(image)]
    if len({page.shape for page in pages}) > 1:
        raise InputError(f"{path} has pages of several sizes or colours; save pages of one kind")
    axes = "hw" if pages[0].ndim == 2 else "hwc"
    return (pages[0], axes) if len(pages) == 1 else (np.stack(pages), f"n{axes}")


def _numbers(path: Path, page: Any) -> Array:
    mode = _READ_AS.get(page.mode, page.mode)
    if mode not in _LEFT:
        raise InputError(f"{path} has pixels of kind {page.mode!r}; save it in grey or RGB")
    array: Array = np.asarray(page if mode == page.mode else page.convert(mode))
    return array.astype(array.dtype.newbyteorder("="))
