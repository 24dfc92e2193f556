"""Images, signals or volumes that a user brings: a folder, a file or an array, as one array of all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sciadv.data.axes import arranged, check_axes, guess_axes
from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.files.formats.frames import ENDINGS, ending, read_frames
from sciadv.files.reading import require_bytes

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Reading:
    """How files are read; what is left out is found from them.

    Parameters
    ----------
    axes
        A letter for each axis of an array or file: "n" images, "c" channels, "d", "h", "w", "l" sides.
    key
        Which array of a ``.npz`` or ``.h5``.
    crop
        Sides of the crops that every image is cut into, side by side; what is left at the end is left out.
    """

    axes: str | None = None
    key: str | None = None
    crop: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class OwnImages:
    """What was read.

    Parameters
    ----------
    images
        ``(n, channels, *sides)``, uint8 or float32, in the order of the files.
    groups
        Number of the file or folder that each came from ``(n,)``: a patient, a sample.
    words
        What was read, as a sentence begins: "240 images of 2 files".
    axes
        What the axes of each file were taken for.
    """

    images: Array
    groups: npt.NDArray[np.int64]
    words: str
    axes: str


def read_own(source: str | Path | Array, reading: Reading = Reading()) -> OwnImages:
    """Read all images of a folder, of a file, or of an array.

    Parameters
    ----------
    source
        A folder of files of one format (its folders' too), a file, or an array.
    reading
        How.

    Raises
    ------
    InputError
        There are none, they differ in size or channels, or something cannot be read.

    Examples
    --------
    >>> read_own(np.random.default_rng(0).integers(0, 256, (5, 9, 8, 3), np.uint8)).images.shape
    (5, 3, 9, 8)
    """
    if reading.axes is not None:
        check_axes(reading.axes)
    if not isinstance(source, str | Path):
        images, axes = _items(np.asarray(source), "", reading, is_alone=True)
        return OwnImages(_grey(images), np.zeros(len(images), np.int64), "given as an array", axes)
    path = as_path(source)
    if not path.exists():
        raise InputError(f"{path} does not exist; give a folder or file of images, or a data set's name")
    files = _files(path) if path.is_dir() else [path]
    return _joined(path, files, reading)


def _files(folder: Path) -> list[Path]:
    """List a folder's files of images, in the order that people count in."""
    inside = ((file, file.relative_to(folder).parts) for file in folder.rglob("*") if ending(file))
    found = [file for file, parts in inside if file.is_file() and not any(part[0] == "." for part in parts)]
    if not found:
        raise InputError(f"{folder} has no files of images ({', '.join(ENDINGS)})")
    kinds = Counter(_kind(file) for file in found)
    if len(kinds) > 1:
        counts = ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common())
        raise InputError(f"{folder} has files of several kinds ({counts}); give a folder of one kind")
    return sorted(found, key=lambda file: _natural(str(file.relative_to(folder))))


def _kind(file: Path) -> str:
    kind = ending(file)
    same = {".jpeg": ".jpg", ".tiff": ".tif", ".hdf5": ".h5", ".nii.gz": ".nii"}
    return same.get(kind, kind)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names as people do: 2 before 10."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in parts]


def _joined(path: Path, files: Sequence[Path], reading: Reading) -> OwnImages:
    parts, axes = [], ""
    for file in files:
        frames = read_frames(file, key=reading.key)
        items, axes = _items(frames.array, frames.axes, reading, is_alone=len(files) == 1)
        parts.append(items)
        if len(parts) == 1:  # refused before all of them are read
            require_bytes(path, 2 * len(files) * items.size * items.itemsize)
    _require_same(path, files, parts)
    counts = [len(part) for part in parts]
    if max(counts) > 1:
        groups = np.repeat(np.arange(len(files)), counts)
    else:
        _, groups = np.unique([str(file.parent) for file in files], return_inverse=True)
    n, what = sum(counts), "file" if len(files) == 1 else "files"
    images = _grey(np.concatenate(parts))
    return OwnImages(images, groups.astype(np.int64), f"{n} of {len(files)} {what} ({_kind(files[0])})", axes)


def _items(array: Array, axes: str, reading: Reading, *, is_alone: bool) -> tuple[Array, str]:
    """Return what one array holds as ``(n, channels, *sides)``, in uint8 or float32, cut into crops."""
    if array.dtype.kind not in "buif":
        raise InputError(f"the images are {array.dtype} values, but real numbers are needed")
    known = reading.axes or _known_axes(axes, array, is_alone=is_alone)
    items = arranged(array, known)
    if items.dtype.kind == "b":
        items = items.astype(np.uint8) * np.uint8(255)
    if items.dtype != np.uint8:
        items = items.astype(np.float32)
    return (items if reading.crop is None else crops(items, reading.crop)), known


def _known_axes(axes: str, array: Array, *, is_alone: bool) -> str:
    """Return the axes that a format says, or that the shape suggests: of all images, or of one a file."""
    if axes == "dhw":  # a volume: slices, neighbours of one patient
        return "nhw"
    if axes:
        return axes
    if is_alone or array.ndim > 3:
        return guess_axes(array.shape)
    return guess_axes((1, *array.shape))[1:]


def _require_same(path: Path, files: Sequence[Path], parts: Sequence[Array]) -> None:
    kinds = Counter((part.shape[1], part.shape[2:]) for part in parts)
    if len(kinds) > 1:
        words = {kind: " x ".join(map(str, kind[1])) + f" in {kind[0]} channels" for kind in kinds}
        counts = ", ".join(f"{n} files of {words[kind]}" for kind, n in kinds.most_common(4))
        (common, _), *_ = kinds.most_common()
        other = next(
            f for f, part in zip(files, parts, strict=True) if (part.shape[1], part.shape[2:]) != common
        )
        raise InputError(
            f"{path} has images of several sizes or colours: {counts}; {other.name} is one of the others. "
            f"Bring them to one size, or cut crops of one size from all (crop in [data])"
        )
    types = {part.dtype for part in parts}
    if len(types) > 1:
        raise InputError(f"{path} has files of 8 bits and of more; save all of them in one precision")


def crops(items: Array, sides: tuple[int, ...]) -> Array:
    """Cut ``(n, channels, *sides)`` into crops side by side, those of one image after one another.

    Raises
    ------
    InputError
        The crops have another number of sides, or do not fit.

    Examples
    --------
    >>> crops(np.zeros((2, 1, 9, 8)), (4, 4)).shape
    (8, 1, 4, 4)
    """
    whole = items.shape[2:]
    if len(sides) != len(whole) or any(side > length for side, length in zip(sides, whole, strict=True)):
        raise InputError(f"crops of {sides} cannot be cut from images of {whole}; give smaller ones")
    counts = [length // side for length, side in zip(whole, sides, strict=True)]
    kept = (slice(None), slice(None), *(slice(n * side) for n, side in zip(counts, sides, strict=True)))
    trimmed = items[kept]
    split: Array = trimmed.reshape(
        *items.shape[:2], *(part for pair in zip(counts, sides, strict=True) for part in pair)
    )
    n_sides = len(sides)
    order = [0, *(2 + 2 * i for i in range(n_sides)), 1, *(3 + 2 * i for i in range(n_sides))]
    pieces: Array = split.transpose(order).reshape(-1, items.shape[1], *sides)
    return pieces


def _grey(images: Array) -> Array:
    """Return one channel of grey pictures that were stored in three."""
    if images.shape[1] != 3 or images.dtype != np.uint8:
        return images
    first, *others = (images[:, i] for i in range(3))
    return images[:, :1] if all(np.array_equal(first, other) for other in others) else images


def without(found: OwnImages, rows: npt.NDArray[np.bool_]) -> OwnImages:
    """Return the images without some rows."""
    return replace(found, images=found.images[~rows], groups=found.groups[~rows])
