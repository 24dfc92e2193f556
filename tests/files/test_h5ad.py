"""Files of cells: read whole, or refused in a sentence before HDF5 or SciPy can do harm."""

import subprocess
import sys

import numpy as np
import pytest

from sciadv.errors import InputError, OutputError
from sciadv.files import h5ad
from sciadv.files.h5ad import read_h5ad, write_h5ad

anndata = pytest.importorskip("anndata")
h5py = pytest.importorskip("h5py")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def path(tmp_path):
    import pandas as pd
    from scipy import sparse

    counts = sparse.csr_matrix(np.arange(12.0, dtype=np.float32).reshape(4, 3))
    obs = pd.DataFrame({"batch": list("abab")}, index=[f"cell {i}" for i in range(4)])
    return write_h5ad(anndata.AnnData(counts, obs=obs), tmp_path / "cells.h5ad")


def test_what_is_written_is_read(path):
    found = read_h5ad(path)
    np.testing.assert_array_equal(found.X.toarray(), np.arange(12).reshape(4, 3))
    assert [place.name for place in path.parent.iterdir()] == ["cells.h5ad"]


@pytest.mark.parametrize(
    ("name", "place", "value"), [("indices", 1, 99), ("indices", 0, -1), ("indptr", 2, 0), ("indptr", 4, 99)]
)
def test_sparse_indices_outside_are_refused(path, name, place, value):
    with h5py.File(path, "r+") as file:
        file[f"X/{name}"][place] = value
    with pytest.raises(InputError, match=r"cells\.h5ad"):
        read_h5ad(path)


@pytest.mark.parametrize("kind", ["external", "soft"])
def test_links_to_other_places_are_refused(path, kind):
    with h5py.File(path, "r+") as file:
        file["uns/link"] = h5py.SoftLink("/X") if kind == "soft" else h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(InputError, match="link"):
        read_h5ad(path)


def test_a_dataset_that_would_take_all_memory_is_refused(path):
    with h5py.File(path, "r+") as file:
        file.create_dataset("layers/huge", (2**40, 2**10), "f8", chunks=(1024, 1024))
    with pytest.raises(InputError, match="would take"):
        read_h5ad(path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_file_that_hdf5_crashes_on_is_a_sentence(path, tmp_path, monkeypatch):
    (tmp_path / "h5ad_probe.py").write_text("import os\nos.abort()\n")
    monkeypatch.setattr(h5ad, "__file__", str(tmp_path / "h5ad.py"))
    with pytest.raises(InputError, match="crashes or does not end"):
        read_h5ad(path)


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + b"\xff" * 200]
)
def test_what_is_no_hdf5_is_a_sentence(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as an \.h5ad file"):
        read_h5ad(path)


def test_an_old_file_survives_a_failed_write(path, monkeypatch):
    before = path.read_bytes()
    cells = read_h5ad(path)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_h5ad(cells, path)
    assert path.read_bytes() == before


def test_a_full_disk_is_one_sentence_without_tracebacks_of_hdf5(tmp_path):
    script = """
import resource, signal, sys
from pathlib import Path
import anndata, numpy
from sciadv.errors import OutputError
from sciadv.files.h5ad import write_h5ad
from sciadv.files.publishing import publish
cells = anndata.AnnData(numpy.ones((4, 3), "float32"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (900, resource.RLIM_INFINITY))
try:
    publish(Path(sys.argv[1]), lambda new: write_h5ad(cells, new / "out.h5ad"))
except OutputError as error:
    print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith(f"{tmp_path / 'out.h5ad'} cannot be written: File too large")
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())
