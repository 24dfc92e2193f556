"""Solids and images that other programs read: written, and read back here by their formats' definitions."""

from collections import Counter

import numpy as np
import pytest

from sciadv.errors import InputError
from sciadv.files.formats.triangles import extruded, stl, under_surface
from sciadv.files.formats.vtk_image import vtk_image

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(content):
    """Return the header and the triangles of a binary STL file, of which it must have as many as it says."""
    triangles = np.frombuffer(content[84:], TRIANGLE)
    assert len(triangles) == int.from_bytes(content[80:84], "little")
    return content[:80].decode().rstrip(), triangles


def read_vtk(text):
    """Return an image of a legacy VTK file, the upper row first, and its spacing."""
    lines = text.splitlines()
    assert lines[0] == "# vtk DataFile Version 3.0"
    assert lines[2:4] == ["ASCII", "DATASET STRUCTURED_POINTS"]
    head = {line.split()[0]: line.split()[1:] for line in lines[4:10]}
    columns, rows, layers = (int(number) for number in head["DIMENSIONS"])
    values = np.array(" ".join(lines[10:]).split(), float)
    assert layers == 1
    assert len(values) == int(head["CELL_DATA"][0])
    return values.reshape(rows - 1, columns - 1)[::-1], float(head["SPACING"][0])


def is_closed(corners):
    """Whether every edge is gone along as often in one direction as in the other."""
    edges = Counter()
    for triangle in np.round(corners, 6).tolist():
        for i in range(3):
            edges[tuple(triangle[i]), tuple(triangle[(i + 1) % 3])] += 1
    return all(edges[end, start] == n for (start, end), n in edges.items())


def volume(corners):
    return np.einsum("ni,ni->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6


@pytest.mark.parametrize("seed", range(5))
def test_an_extruded_image_is_closed_and_has_its_volume_and_surface(seed):
    filled = np.random.default_rng(seed).random((6, 9)) < 0.5
    corners = extruded(filled, thickness=2.5)
    assert is_closed(corners)
    assert volume(corners) == pytest.approx(2.5 * filled.sum())
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    around = np.pad(filled, 1)
    edges = np.abs(np.diff(around.astype(int), axis=0)).sum() + np.abs(np.diff(around.astype(int))).sum()
    assert np.linalg.norm(sides, axis=1).sum() / 2 == pytest.approx(2 * filled.sum() + 2.5 * edges)


def test_the_upper_row_of_an_image_is_the_upper_end_of_its_solid():
    corners = extruded(np.array([[True, True, True], [False, False, True]]), thickness=1.0)
    upper = corners[(corners[:, :, 1] >= 1).all(1)]
    assert (upper[:, :, 0].min(), upper[:, :, 0].max()) == (0, 3)
    lower = corners[(corners[:, :, 1] < 1).any(1)]
    assert (lower[:, :, 0].min(), lower[:, :, 0].max()) == (2, 3)


def test_an_empty_image_is_no_solid():
    with pytest.raises(InputError, match="one filled element or more"):
        extruded(np.zeros((2, 2), dtype=bool), thickness=1.0)


def test_an_stl_file_has_its_words_unit_and_outward_normals():
    corners = under_surface(np.full((2, 3), 2e-6), spacing=1e-6, base=1e-6)
    words, triangles = read_stl(stl(corners, unit=1e-6, words="a plate; 1 is 1e-06 m"))
    assert words == "a plate; 1 is 1e-06 m"
    assert volume(triangles["corners"].astype(float)) == pytest.approx(2, rel=1e-6)
    away = triangles["corners"].mean(1) - np.array([1.0, 0.5, 1.5])
    assert bool(((triangles["normal"] * away).sum(1) > 0).all())
    np.testing.assert_allclose(np.linalg.norm(triangles["normal"], axis=1), 1, rtol=1e-6)


def test_an_image_comes_back_from_vtk():
    image = np.random.default_rng(0).random((3, 5))
    again, spacing = read_vtk(vtk_image(image, "density", title="x" * 300, spacing=0.25))
    np.testing.assert_allclose(again, image, rtol=1e-5)
    assert spacing == 0.25
    assert len(vtk_image(image, "density", title="x" * 300).splitlines()[1]) == 255
