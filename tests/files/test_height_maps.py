"""Height maps in, height maps and solids out."""

from collections import Counter

import numpy as np
import pytest

from sciadv.errors import InputError
from sciadv.files.formats.height_maps import read_height_map, write_height_map, write_stl

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


@pytest.mark.parametrize("name", ["map.npy", "map.csv", "map.txt"])
def test_maps_come_back_as_they_were_written(tmp_path, name):
    height = 1e-9 * np.random.default_rng(0).normal(size=(5, 7))
    path = write_height_map(tmp_path / name, height, unit=1e-9)
    np.testing.assert_allclose(read_height_map(path, unit=1e-9), height, rtol=1e-8)


@pytest.mark.parametrize("name", ["profile.npy", "profile.csv", "profile.txt"])
def test_profiles_come_back_as_they_were_written(tmp_path, name):
    path = write_height_map(tmp_path / name, np.array([1e-9, 2e-9, 4e-9]))
    np.testing.assert_allclose(read_height_map(path), [1e-9, 2e-9, 4e-9])


def test_a_column_of_numbers_is_a_profile(tmp_path):
    path = tmp_path / "scan.txt"
    path.write_text("1\n2\n4\n", encoding="utf-8")
    np.testing.assert_array_equal(read_height_map(path), [1, 2, 4])


def test_text_with_comments_and_any_separator_is_read(tmp_path):
    path = tmp_path / "afm.txt"
    path.write_text("# nm\n1; 2;3\n\n4,5 6\n", encoding="utf-8")
    np.testing.assert_array_equal(read_height_map(path), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2\n3\n", "cannot be read as a table of numbers"),
        ("1 b\n3 4\n", "cannot be read as a table of numbers"),
        ("1\n", "no height map"),
        ("1 2\n3 nan\n", "holds 1 NaN or Inf of 4 numbers"),
        ("", "no height map"),
    ],
)
def test_what_is_no_map_is_said(tmp_path, text, words):
    path = tmp_path / "map.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        read_height_map(path)


def test_a_map_with_another_ending_is_not_written(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.npy"):
        write_height_map(tmp_path / "map.png", np.zeros((2, 2)))


def test_the_solid_is_closed_faces_outwards_and_has_its_volume(tmp_path):
    height = 1e-3 * np.random.default_rng(0).random((6, 9))
    path = write_stl(tmp_path / "map.stl", height, spacing=0.5e-3, base=2e-3)
    raw = path.read_bytes()
    triangles = np.frombuffer(raw[84:], TRIANGLE)
    assert len(triangles) == int.from_bytes(raw[80:84], "little")
    corners = triangles["corners"].astype(np.float64)
    edges = Counter()
    for triangle in corners.round(5).tolist():
        for i in range(3):
            edges[tuple(triangle[i]), tuple(triangle[(i + 1) % 3])] += 1
    assert all(n == 1 and edges[end, start] == 1 for (start, end), n in edges.items())
    volume = np.einsum("ni,ni->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    thick = 1e3 * (height - height.min()) + 2
    # two triangles a cell, each of the mean of its corners
    below = (thick[:-1, :-1] + thick[:-1, 1:] + thick[1:, 1:]) / 3
    above = (thick[:-1, :-1] + thick[1:, 1:] + thick[1:, :-1]) / 3
    assert volume == pytest.approx(0.125 * (below + above).sum(), rel=1e-5)
    assert bool((triangles["normal"][:, 2] > 0).any())


def test_a_profile_is_no_solid(tmp_path):
    with pytest.raises(InputError, match="two or more each way"):
        write_stl(tmp_path / "map.stl", np.zeros(5), spacing=1.0)
