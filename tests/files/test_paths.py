"""Paths that callers give: text or `pathlib.Path`, and files too large to be read."""

from __future__ import annotations

import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sciadv.errors import InputError
from sciadv.files.arrays import read_array, read_matrix
from sciadv.files.folders import as_path
from sciadv.files.reading import file_sha256

TERABYTE = 10**12


@pytest.mark.parametrize("value", ["a/b", Path("a/b"), Path()])
def test_text_and_paths_are_paths(value):
    assert as_path(value) == Path(value)


def test_the_home_folder_is_spelled_out(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/x") == tmp_path / "x"


@pytest.mark.parametrize("value", [None, 3, b"a", ["a"], "", "  ", True])
def test_what_is_no_path_is_refused_by_its_name(value):
    with pytest.raises(InputError, match=r"folder must be a path, as text or a pathlib\.Path, but it is"):
        as_path(value, "folder")


def test_a_loop_of_links_is_no_path(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="is no path of a file or folder"):
        as_path(tmp_path / "a")


def _hollow(path: Path, content: bytes) -> Path:
    """Write a file of a terabyte that takes no room."""
    path.write_bytes(content)
    os.truncate(path, TERABYTE)
    return path


@pytest.mark.parametrize("shape", [(2, 3), (10**11, 2)])
def test_an_array_file_of_a_terabyte_is_refused_before_it_is_read(tmp_path, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path = _hollow(tmp_path / "y.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    for read in (read_array, lambda path: read_matrix(path, default="y")):
        with pytest.raises(InputError, match="would take 931 GiB of memory"):
            read(path)


def test_an_archive_of_a_terabyte_is_refused_before_it_is_read(tmp_path):
    path = _hollow(tmp_path / "y.npz", b"PK")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y.npy", b"")
    with pytest.raises(InputError, match="would take 931 GiB of memory"):
        read_array(path)


def test_a_file_of_a_terabyte_is_not_hashed(tmp_path):
    with pytest.raises(InputError, match="would take 931 GiB of memory"):
        file_sha256(_hollow(tmp_path / "cells.h5ad", b""))


def test_bytes_after_an_array_are_not_left_out_in_silence(tmp_path):
    with (tmp_path / "y.npy").open("wb") as file:
        np.save(file, np.zeros(3))
        np.save(file, np.ones(3))
    with pytest.raises(InputError, match=r"goes on after its array of shape \(3,\)"):
        read_array(tmp_path / "y.npy")
