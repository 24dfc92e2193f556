"""The bench omics-scale: files that anndata reads, and rows with their time and memory."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.biology.omics_scale import of_file, of_fit, table, write_cells


def test_files_are_written_in_parts_and_read_by_anndata(tmp_path, monkeypatch) -> None:
    anndata = pytest.importorskip("anndata", reason="anndata is not installed")
    monkeypatch.setattr("benchmarks.biology.omics_scale._CHUNK", 70)
    write_cells(tmp_path / "cells.h5ad", 200, 30, 0)
    found = anndata.read_h5ad(tmp_path / "cells.h5ad")
    assert found.shape == (200, 30)
    assert set(found.obs["batch"]) == {f"b{i}" for i in range(5)}
    counts = found.X.toarray()
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert 50 < counts.sum(1).mean() < 300


def test_rows_have_time_and_memory() -> None:
    pytest.importorskip("anndata", reason="anndata is not installed")
    row = of_file(300, 40, 0, "--method", "linear")
    assert row["peak_bytes"] > 10**8
    assert row["bytes_out"] > row["bytes_in"] > 0
    fit = of_fit("linear", 300, 40, 0)
    assert 0 < fit["cpu_seconds"] < 60
    assert "fit, linear" in table([{"row": "fit, linear", **fit}])
