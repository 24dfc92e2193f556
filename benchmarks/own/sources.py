"""Images as a stranger brings them: folders, arrays, colours, signals and a stack, made of data at hand."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sciadv.data.datasets import load_images
from sciadv.data.own_images import crops
from sciadv.errors import InputError
from sciadv.files.publishing import make_folder
from sciadv.files.reading import read_bytes
from sciadv.files.writing import write_file

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """What is brought.

    Parameters
    ----------
    name
        In words.
    write
        Writes it into a folder, at most so many images, and returns its path.
    options
        What the command line says beside its path.
    """

    name: str
    write: Callable[[Path, int], Path]
    options: tuple[str, ...] = ()


def _pictures(images: Bytes, folder: Path) -> Path:
    from PIL import Image

    make_folder(folder)
    for i, image in enumerate(images):
        picture = Image.fromarray(image)
        write_file(folder / f"{i}.png", lambda file, picture=picture: picture.save(file, "PNG"))  # type: ignore[misc]  # of this turn
    return folder


def _array(images: npt.NDArray[np.generic], file: Path) -> Path:
    make_folder(file.parent)
    return write_file(file, lambda raw: np.save(raw, images))


def garments(folder: Path, n: int) -> Path:
    """Write a folder of grey PNGs: Fashion-MNIST."""
    return _pictures(load_images("fashion-mnist").images[:n], folder / "garments")


def heads(folder: Path, n: int) -> Path:
    """Write an .npy of slices: head CT."""
    return _array(load_images("head-ct").images[:n], folder / "heads.npy")


def photographs(folder: Path, n: int) -> Path:
    """Write a folder of RGB PNGs: crops 32 x 32 of the two photographs that scikit-learn brings along."""
    from sklearn.datasets import load_sample_images

    whole = [np.moveaxis(np.asarray(image), -1, 0)[None] for image in load_sample_images().images]
    parts = np.concatenate([crops(image, (32, 32)) for image in whole])
    return _pictures(np.moveaxis(parts, 1, -1)[:n], folder / "photographs")


def profiles(folder: Path, n: int) -> Path:
    """Write an .npy of signals in units of their own: the middle rows of head CT, 0 to 2550."""
    rows = load_images("head-ct").images[:n, 32].astype(np.float32) * 10
    return _array(rows[rows.max(1) > rows.min(1)], folder / "profiles.npy")


def stack(folder: Path, n: int) -> Path:
    """Write a TIFF stack: part of a micro-CT of Berea sandstone, for crops of 16 voxels a side."""
    from PIL import Image

    volume = berea()[: max(16, min(160, 16 * round(n / 400))), :160, :160]
    pages = [Image.fromarray(page) for page in volume]
    file = folder / "berea.tif"
    make_folder(folder)
    return write_file(file, lambda raw: pages[0].save(raw, "TIFF", save_all=True, append_images=pages[1:]))


def berea() -> Bytes:
    """Return the micro-CT of Berea sandstone, 400 x 400 x 400, 0 and 255.

    Raises
    ------
    InputError
        It is not under SCIADV_DATA.
    """
    from PIL import Image, ImageSequence

    path = Path(os.environ.get("SCIADV_DATA", "")) / "images/porous/berea.zip"
    if not path.is_file():
        raise InputError("images/porous/berea.zip is not under SCIADV_DATA; it holds the micro-CT of Berea")
    with zipfile.ZipFile(io.BytesIO(read_bytes(path, advice="copy it again"))) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".tif"))
        with Image.open(io.BytesIO(archive.read(name))) as image:
            return np.stack([np.asarray(page, np.uint8) for page in ImageSequence.Iterator(image)])


SOURCES = (
    Source("a folder of PNGs", garments),
    Source("an .npy of slices", heads),
    Source("a folder of RGB PNGs", photographs, ("--drop",)),
    Source("signals", profiles, ("--drop",)),
    Source("a 3-D stack", stack, ("--axes", "dhw", "--crop", "16,16,16", "--drop")),
)
