"""Height maps of surfaces: measured ones read, any written as numbers or as a solid to print (STL)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError
from sciadv.files.arrays import read_array, require_finite
from sciadv.files.folders import as_path
from sciadv.files.formats.triangles import stl, under_surface
from sciadv.files.reading import parsing, read_text
from sciadv.files.writing import write_file

Array = npt.NDArray[np.float64]

TEXTS = (".txt", ".csv")


def read_height_map(path: Path | str, *, key: str | None = None, unit: float = 1.0) -> Array:
    """Read a measured height map ``(rows, columns)``, or a profile ``(points,)``, in m.

    Parameters
    ----------
    path
        A ``.npy`` or ``.npz`` file, or numbers as text (``.txt``, ``.csv``): a row a line, between spaces,
        tabs, commas or semicolons; a profile is one line or one column. Lines that begin with # are left out.
    key
        Which array of a ``.npz``; if left out, ``height`` or the only one there is.
    unit
        What a 1 in the file stands for [m]: 1e-9 for nanometres.

    Raises
    ------
    InputError
        The file is missing, broken, or no table of finite real numbers, with two points or more each way.
    """
    place = as_path(path)
    if place.suffix.lower() in TEXTS:
        text = read_text(place, advice="give a table of numbers")
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        words = [line.replace(",", " ").replace(";", " ").split() for line in lines]
        with parsing(place, "a table of numbers", "Every line needs as many numbers as the others"):
            table = np.array([[float(word) for word in row] for row in words])
        if 1 in table.shape:  # a profile along a line or down a column
            table = table.reshape(-1)
    else:
        table = read_array(place, key=key, default="height")
    if table.ndim not in (1, 2) or min(table.shape) < 2 or table.dtype.kind not in "iuf":
        raise InputError(
            f"{place} is no height map: a profile (points,) or a map (rows, columns) of real numbers is "
            f"needed, but it holds {table.dtype} of shape {table.shape}"
        )
    require_finite(place, table)
    return unit * table.astype(np.float64)


def write_height_map(path: Path | str, height: Array, *, unit: float = 1.0) -> Path:
    """Write a height map as `read_height_map` reads it: ``.npy``, or ``.csv`` or ``.txt`` to 9 digits.

    Parameters
    ----------
    path
        The file.
    height
        ``(rows, columns)`` or ``(points,)`` [m].
    unit
        What a 1 in the file is to stand for [m].

    Raises
    ------
    InputError
        The file's name ends in something else.
    OutputError
        It cannot be written.
    """
    place = as_path(path)
    table = np.asarray(height, np.float64) / unit
    if place.suffix.lower() == ".npy":
        return write_file(place, lambda file: np.lib.format.write_array(file, table))
    if place.suffix.lower() not in TEXTS:
        raise InputError(f"{place} must end in .npy, .csv or .txt")
    between = "," if place.suffix.lower() == ".csv" else " "
    return write_file(place, height_map_text(table, between=between))


def height_map_text(table: Array, *, between: str = ",") -> str:
    """Return numbers ``(rows, columns)`` or ``(points,)`` as text to 9 digits, a row a line."""
    lines = [between.join(f"{value:.9g}" for value in row) for row in np.atleast_2d(table)]
    return "\n".join(lines) + "\n"


def write_stl(
    path: Path | str, height: Array, *, spacing: float, base: float | None = None, unit: float = 1e-3
) -> Path:
    """Write a surface as a closed solid in binary STL, for printing or finite elements.

    The points as they are: a periodic texture gets its full period by one more row and column, those of the
    other side. A profile is written as a ridge two points wide by ``numpy.tile(height, (2, 1))``.

    Parameters
    ----------
    path
        The file.
    height
        ``(rows, columns)`` [m]; rows along y, columns along x.
    spacing
        Of the points [m].
    base
        Thickness below the lowest point [m]; if left out, a tenth of the longer side.
    unit
        What a 1 in the file stands for [m]: printers read millimetres.

    Raises
    ------
    InputError
        It is no map of finite heights with two points or more each way.
    OutputError
        It cannot be written.
    """
    solid = under_surface(height, spacing=spacing, base=base)
    return write_file(as_path(path), stl(solid, unit=unit, words=f"surface; 1 is {unit:g} m"))
