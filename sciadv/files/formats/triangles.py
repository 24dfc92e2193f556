"""Solids as triangles, and as binary STL files: what lies under a surface, and extruded images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sciadv.errors import InputError

Array = npt.NDArray[np.float64]

#: A triangle of a binary STL file.
_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def under_surface(height: Array, *, spacing: float, base: float | None = None) -> Array:
    """Return the triangles ``(n, 3, 3)`` of the closed solid between a surface and a flat bottom [m].

    Parameters
    ----------
    height
        ``(rows, columns)`` [m]; rows along y, columns along x.
    spacing
        Of the points [m].
    base
        Thickness below the lowest point [m]; if left out, a tenth of the longer side.

    Raises
    ------
    InputError
        It is no map of finite heights with two points or more each way.
    """
    z = np.asarray(height, np.float64)
    if z.ndim != 2 or min(z.shape) < 2 or not np.isfinite(z).all():
        raise InputError(
            f"a solid is made of finite heights (rows, columns), two or more each way, not of shape {z.shape}"
        )
    if base is None:
        base = 0.1 * spacing * max(z.shape)
    along = [spacing * np.arange(n) for n in z.shape]
    y, x = np.meshgrid(*along, indexing="ij")
    low = np.full_like(z, z.min() - base)
    top = np.stack([x, y, z], -1)
    bottom = np.stack([x, y, low], -1)
    # seen from outside, the corners of every face go round to the left
    below = _around(bottom)
    walls = [_halves(np.stack(pair)) for pair in zip(below, _around(top), strict=True)]
    edge = np.concatenate([side[:-1] for side in below])
    middle = np.broadcast_to(bottom.mean((0, 1)), edge.shape)
    floor = np.stack([np.roll(edge, -1, 0), edge, middle], 1)
    return np.concatenate([_halves(top), floor, *walls])


def extruded(filled: npt.NDArray[np.bool_], *, thickness: float) -> Array:
    """Return the triangles ``(n, 3, 3)`` of the solid of an image's filled elements, squares with sides of 1.

    Parameters
    ----------
    filled
        Which are filled ``(rows, columns)``; the first row is the upper one, columns go along x.
    thickness
        Along z, in sides of an element.

    Raises
    ------
    InputError
        No element is filled.

    Notes
    -----
    The surface is closed. Where filled elements touch in a corner alone, four faces share an edge.
    """
    if not filled.any():
        raise InputError("a solid needs one filled element or more, but the image is empty")
    image = np.pad(filled[::-1], 1)
    up, right = np.nonzero(image)
    corner: Array = np.stack([right, up], 1).astype(np.float64) - 1
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    top = _quads(corner, square, [thickness] * 4)
    bottom = _quads(corner, square[::-1], [0.0] * 4)
    faces = [top, bottom]
    beside = ((-1, 0), (0, 1), (1, 0), (0, -1))
    for side, (down, across) in enumerate(beside):
        is_open = ~image[up + down, right + across]
        start = square[side]
        end = square[(side + 1) % 4]
        wall = np.stack([start, end, end, start])
        rise = [0.0, 0.0, thickness, thickness]
        faces.append(_quads(corner[is_open], wall, rise))
    return np.concatenate(faces)


def stl(triangles: Array, *, unit: float, words: str) -> bytes:
    """Return a solid as a binary STL file.

    Parameters
    ----------
    triangles
        Corners ``(n, 3, 3)``, which go round to the left where they are seen from outside.
    unit
        What a 1 in the file stands for, in the unit of the corners.
    words
        What it is, for the file's header: 80 characters of ASCII at most.
    """
    corners = triangles / unit
    a, b, c = corners.transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    solid = np.zeros(len(corners), _TRIANGLE)
    solid["corners"] = corners
    solid["normal"] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    head = words.encode("ascii")[:80].ljust(80)
    count = len(solid).to_bytes(4, "little")
    return head + count + solid.tobytes()


def _around(points: Array) -> list[Array]:
    """Return the four sides of a grid of points ``(rows, columns, 3)``, one after the other."""
    return [points[0], points[:, -1], points[-1, ::-1], points[::-1, 0]]


def _halves(points: Array) -> Array:
    """Return the triangles ``(n, 3, 3)`` of a grid of points ``(rows, columns, 3)``, two a cell."""
    a = points[:-1, :-1].reshape(-1, 3)
    b = points[:-1, 1:].reshape(-1, 3)
    c = points[1:, 1:].reshape(-1, 3)
    d = points[1:, :-1].reshape(-1, 3)
    lower = np.stack([a, b, c], 1)
    upper = np.stack([a, c, d], 1)
    return np.concatenate([lower, upper])


def _quads(corner: Array, offsets: Array, heights: list[float]) -> Array:
    """Return the triangles of a quadrilateral ``(4, 2)`` with heights at each of the corners ``(n, 2)``."""
    four = np.empty((len(corner), 4, 3))
    four[:, :, :2] = corner[:, None] + offsets
    four[:, :, 2] = heights
    lower = four[:, [0, 1, 2]]
    upper = four[:, [0, 2, 3]]
    return np.concatenate([lower, upper])
