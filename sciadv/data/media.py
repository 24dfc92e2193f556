"""Stationary media: micro-CT of rocks, training images of geostatistics, and patches cut from them."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sciadv.errors import InputError, UnknownNameError
from sciadv.files.arrays import read_arrays
from sciadv.files.reading import parsing, read_bytes

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class MediumFile:
    """Where a medium lies under ``SCIADV_DATA``, whose it is, and the hash of its voxels.

    Parameters
    ----------
    path
        A zip of one TIFF of several pages, or an ``.npz`` with an array ``image``; empty for a medium that is
        drawn.
    source, licence
        Whose it is.
    sha256
        Of the values as they are stored.
    bright
        The stored value that becomes 255, or the largest value that is stretched to 255 if `is_grey`.
    is_grey
        Whether values between are kept.
    is_isotropic
        Whether it is alike along all axes, turned and reflected.
    """

    path: str
    source: str
    licence: str
    sha256: str
    bright: int
    is_grey: bool = False
    is_isotropic: bool = False


_ROCKS = "MIT (Mosser, Dubrule, Blunt 2017; scans of Imperial College London)"
MEDIA: dict[str, MediumFile] = {
    "berea": MediumFile(
        "images/porous/berea.zip",
        "github.com/LukasMosser/PorousMediaGan",
        _ROCKS,
        "ab4582d45287ff77051caa843165625a2ab7a0123e392fae6f1f4af61013cc4d",
        bright=255,
        is_isotropic=True,
    ),
    "ketton": MediumFile(
        "images/porous/ketton.zip",
        "github.com/LukasMosser/PorousMediaGan",
        _ROCKS,
        "0e974f176ea12c0389c24c7fcddb6c6f9976c89b512cf87be189de0324b19931",
        bright=0,
        is_isotropic=True,
    ),
    "buried-channels": MediumFile(
        "subsurface/training_image_channels.npz",
        "github.com/elaloy/gan_for_gradient_based_inv",
        "MIT (Laloy et al. 2019)",
        "6eaf8bd5b6e840a3ce3484031bf0272dbefd38f6d6a9b790c6a0369ec96a7e3c",
        bright=1,
    ),
    "braided-river": MediumFile(
        "subsurface/training_image_braided_river.npz",
        "github.com/elaloy/SGANinv",
        "MIT (Laloy et al. 2018)",
        "14f62f2d44e648f4306b2ebc10dfaf97c44e77403781f59883fb7e9bb163dbcd",
        bright=2,
    ),
    "discs": MediumFile(
        "", "drawn by sciadv.data.media.overlapping_discs", "none needed", "", 1, is_isotropic=True
    ),
}


@dataclass(frozen=True)
class MediumSplit:
    """Parts of a medium along its first axis: training before `train`, then reference, test after `test`."""

    train: float = 0.7
    test: float = 0.75


def read_medium(name: str, split: str, cuts: MediumSplit = MediumSplit()) -> Bytes:
    """Read a part of a medium, ``(height, width)`` or ``(depth, height, width)``, 0 to 255.

    Parameters
    ----------
    name
        "berea" and "ketton", voxels of sandstone and limestone of which the pores are 255;
        "buried-channels", a training image of channels (255); "braided-river", another, of a third facies
        (255); or "discs", `overlapping_discs`, which needs no
        file.
    split
        "train", "reference" or "test": the first part along the first axis, the thin one after it, the last.
    cuts
        Where the parts end.

    Raises
    ------
    UnknownNameError
        There is no such medium or split.
    InputError
        Its file is not there, or is not the one expected.
    """
    if name not in MEDIA:
        raise UnknownNameError("medium", name, MEDIA)
    ends = {"train": (0.0, cuts.train), "reference": (cuts.train, cuts.test), "test": (cuts.test, 1.0)}
    if split not in ends:
        raise UnknownNameError("split", split, ends)
    whole = _read(name)
    first, last = (round(share * len(whole)) for share in ends[split])
    return whole[first:last]


def has_medium(name: str) -> bool:
    """Whether a medium lies under ``SCIADV_DATA``, or needs no file."""
    return not MEDIA[name].path or _place(MEDIA[name]).is_file()


def _place(file: MediumFile) -> Path:
    return Path(os.environ.get("SCIADV_DATA", "")) / file.path


@lru_cache(maxsize=2)
def _read(name: str) -> Bytes:
    file = MEDIA[name]
    if not file.path:
        return overlapping_discs(seed=0)
    path = _place(file)
    if not path.is_file():
        raise InputError(f"{file.path} is not under SCIADV_DATA; it is of {file.source}")
    stored = _pages(path) if path.suffix == ".zip" else read_arrays(path, ("image",))["image"]
    stored = np.ascontiguousarray(stored)
    if hashlib.sha256(stored.tobytes()).hexdigest() != file.sha256:
        raise InputError(f"{path} is not the file expected (its values' sha256 differs); copy it again")
    if file.is_grey:
        grey: Bytes = (stored.astype(np.float32) * (255 / file.bright)).round().astype(np.uint8)
        return grey
    phases: Bytes = (stored == file.bright).astype(np.uint8) * np.uint8(255)
    return phases


def overlapping_discs(*, seed: int, side: int = 320, radius: float = 6.0, density: float = 0.002) -> Bytes:
    """Draw a Boolean model: discs (255) around the points of a Poisson process, ``(side, side)``.

    Two pixels at a distance are both outside all discs with the probability ``exp(-density * area)`` of the
    union of two discs around them.

    Parameters
    ----------
    seed
        Of the points.
    side, radius
        [pixels].
    density
        Points a pixel.

    References
    ----------
    D. Stoyan, W. S. Kendall, J. Mecke, Stochastic Geometry and its Applications, 2nd ed. 1995, section 3.1.
    """
    rng = np.random.default_rng(seed)
    width = side + 2 * radius
    row, column = width * rng.random((2, rng.poisson(density * width**2)))
    at = np.arange(side) + radius
    covered = np.zeros((side, side), bool)
    for i, j in zip(row, column, strict=True):
        covered |= (at[:, None] - i) ** 2 + (at[None] - j) ** 2 <= radius**2
    discs: Bytes = covered.astype(np.uint8) * np.uint8(255)
    return discs


def _pages(path: Path) -> Bytes:
    """Read the pages of the only TIFF in a zip, as slices of a volume."""
    from PIL import Image

    raw = read_bytes(path, advice="copy it again")
    with parsing(path, "a zip of one TIFF", "Copy it again"), zipfile.ZipFile(io.BytesIO(raw)) as archive:
        (name,) = archive.namelist()
        pages = Image.open(io.BytesIO(archive.read(name)))
        slices = []
        for page in range(getattr(pages, "n_frames", 1)):
            pages.seek(page)
            slices.append(np.asarray(pages))
        return np.stack(slices)


def cut_patches(
    medium: Bytes, shape: tuple[int, ...], n: int, *, seed: int, is_isotropic: bool = False
) -> Bytes:
    """Cut patches at places drawn by the seed.

    Parameters
    ----------
    medium
        ``(height, width)`` or ``(depth, height, width)``.
    shape
        Sides of a patch; two sides of a volume are of slices, normal to its first axis, or to any axis of an
        isotropic one.
    n
        How many.
    seed
        Of places and directions.
    is_isotropic
        Whether patches are also turned by right angles and reflected.

    Returns
    -------
    ``(n, *shape)``.

    Raises
    ------
    InputError
        The patches have more sides than the medium, or do not fit.

    Examples
    --------
    >>> cut_patches(np.zeros((9, 20, 20), np.uint8), (8, 16), 3, seed=0).shape
    (3, 8, 16)
    """
    block = (1,) * (medium.ndim - len(shape)) + tuple(shape)
    if len(shape) > medium.ndim or any(a > b for a, b in zip(block, medium.shape, strict=True)):
        raise InputError(
            f"patches of {shape} cannot be cut from a medium of {medium.shape}; give smaller ones"
        )
    rng = np.random.default_rng(seed)
    patches = np.empty((n, *shape), np.uint8)
    for i in range(n):
        axes = rng.permutation(medium.ndim) if is_isotropic else np.arange(medium.ndim)
        turned = medium.transpose(axes)
        if any(a > b for a, b in zip(block, turned.shape, strict=True)):
            turned = medium  # a part that is too thin for this direction
        first = [
            int(rng.integers(0, whole - side + 1)) for whole, side in zip(turned.shape, block, strict=True)
        ]
        patch = turned[tuple(slice(a, a + side) for a, side in zip(first, block, strict=True))]
        if is_isotropic:
            patch = np.flip(patch, tuple(np.flatnonzero(rng.integers(0, 2, medium.ndim))))
        patches[i] = patch.reshape(shape)
    return patches
