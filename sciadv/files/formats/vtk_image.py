"""Images as legacy VTK files in ASCII, as ParaView and others read them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def vtk_image(values: npt.NDArray[np.float64], name: str, *, title: str, spacing: float = 1.0) -> str:
    """Return an image as a legacy VTK file: one number a cell, to six digits.

    Parameters
    ----------
    values
        ``(rows, columns)``; the first row is the upper one, columns go along x.
    name
        Of the numbers, without spaces.
    title
        The second line of the file, 255 characters at most.
    spacing
        Side of a cell.

    References
    ----------
    VTK User's Guide, VTK File Formats, Simple Legacy Formats, STRUCTURED_POINTS.

    Examples
    --------
    >>> print(vtk_image(np.array([[0.0, 1.0], [0.5, 0.0]]), "density", title="beam"), end="")
    # vtk DataFile Version 3.0
    beam
    ASCII
    DATASET STRUCTURED_POINTS
    DIMENSIONS 3 3 1
    ORIGIN 0 0 0
    SPACING 1 1 1
    CELL_DATA 4
    SCALARS density double 1
    LOOKUP_TABLE default
    0.5 0
    0 1
    """
    rows, columns = values.shape
    lines = [
        "# vtk DataFile Version 3.0",
        title[:255],
        "ASCII",
        "DATASET STRUCTURED_POINTS",
        f"DIMENSIONS {columns + 1} {rows + 1} 1",
        "ORIGIN 0 0 0",
        f"SPACING {spacing:g} {spacing:g} {spacing:g}",
        f"CELL_DATA {values.size}",
        f"SCALARS {name} double 1",
        "LOOKUP_TABLE default",
        *(" ".join(f"{value:.6g}" for value in row) for row in values[::-1]),
    ]
    return "\n".join(lines) + "\n"
