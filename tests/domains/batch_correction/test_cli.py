"""``sciadv correct``: its files, its words, and what it refuses."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from sciadv.cli import app


@pytest.fixture
def file(adata, tmp_path):
    path = tmp_path / "cells.h5ad"
    adata.write_h5ad(path)
    return path


def correct(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["correct", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return " ".join((result.stdout + result.stderr).split())


def test_it_writes_the_corrected_cells_and_a_report(file, tmp_path, monkeypatch) -> None:
    from anndata import read_h5ad

    monkeypatch.setattr("sciadv.domains.batch_correction.assessment.scib.has_scib", lambda: False)
    monkeypatch.setattr("sciadv.domains.batch_correction.assessment.flat_maps.find_spec", lambda name: None)
    out = tmp_path / "corrected.h5ad"
    words = correct(file, "--batch", "batch", "--label", "cell_type", "-o", out)
    assert "300 cells x 80 genes in 3 batches, corrected by the linear method" in words
    assert "the labels 'cell_type' were used for the fit, so numbers by label flatter it" in words
    found = read_h5ad(out)
    assert np.isfinite(found.layers["corrected"]).all()
    assert found.obsm["X_sciadv"].shape[0] == 300
    assert found.uns["sciadv"]["method"] == "linear"
    page = (tmp_path / "report.html").read_text()
    assert "batch found by a fresh probe" in page
    assert "sciadv correct" in page
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", page).group(1))
    assert picture.startswith(b"\x89PNG")
    assert "http" not in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.h5ad", "--batch", "batch"], "does not exist; give an .h5ad file"),
        (["text.h5ad", "--batch", "batch"], "cannot be read as an .h5ad file"),
        (["cells.h5ad", "--batch", "bach"], "no column of obs is named 'bach' (did you mean 'batch'?)"),
        (["cells.h5ad", "--batch", "batch", "--label", "x"], "no column of obs is named 'x'"),
        (["cells.h5ad", "--batch", "batch", "--method", "combat"], "no method is named 'combat'"),
        (["cells.h5ad", "--batch", "batch", "-o", "out.csv"], "has to end in .h5ad"),
        (["cells.h5ad", "--batch", "batch", "-o", "no/out.h5ad"], "cannot be written"),
        (["cells.h5ad", "--batch", "batch", "-o", "cells.h5ad"], "is the input cells.h5ad itself"),
        (["cells.h5ad", "--batch", "batch", "--device", "tpu9"], "is not on this machine"),
    ],
)
def test_bad_requests_are_answered_in_a_sentence(file, tmp_path, monkeypatch, arguments, words) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.h5ad").write_text("no HDF5")
    out = [] if "-o" in arguments else ["-o", "out.h5ad"]
    assert words in correct(*arguments, *out, code=2)
    assert not (tmp_path / "out.h5ad").exists()


def test_ctrl_c_during_the_report_writes_one_of_this_run_without_the_assessment(
    file, tmp_path, monkeypatch
) -> None:
    def interrupted(*arguments: object) -> str:
        raise KeyboardInterrupt

    (tmp_path / "report.html").write_text("of an older run")
    monkeypatch.setattr("sciadv.cli.correct_command._report", interrupted)
    out = tmp_path / "corrected.h5ad"
    words = correct(file, "--batch", "batch", "--seed", "7", "-o", out)
    assert "interrupted: the report is without the assessment" in words
    page = (tmp_path / "report.html").read_text()
    assert "--seed 7" in page
    assert "The assessment was interrupted." in page
