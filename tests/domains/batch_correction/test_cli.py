"""``sciadv correct``: its files, its words, and what it refuses."""

from __future__ import annotations

import re

import numpy as np
import pytest
from typer.testing import CliRunner

from sciadv.cli import app
from sciadv.domains.batch_correction import BatchCorrector
from sciadv.report.correction_page import correction_page
from sciadv.trainings.protocol import TrainingProgress


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
    page = (tmp_path / "corrected.html").read_text()
    assert "batch found by a fresh probe" in page
    assert "Variance between batches" in page
    assert "sciadv correct" in page
    assert "<svg" in page
    assert "http" not in page


def test_a_report_shows_the_losses_of_a_training_and_none_without_one() -> None:
    steps = [TrainingProgress(i, 3, {"encoder": 2.0 / i, "discriminator": 0.1 * i}, 0.1) for i in (1, 2, 3)]
    trained, untrained = (
        correction_page("cells", {"method": "adversarial"}, None, command="", steps=some)
        for some in (steps, [])
    )
    assert "losses over the steps" in trained
    assert "Training" not in untrained


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

    (tmp_path / "corrected.html").write_text("of an older run")
    monkeypatch.setattr("sciadv.report.correction_page.assess_cells", interrupted)
    out = tmp_path / "corrected.h5ad"
    words = correct(file, "--batch", "batch", "--seed", "7", "-o", out)
    assert "interrupted: the report is without the assessment" in words
    page = (tmp_path / "corrected.html").read_text()
    assert "--seed 7" in page
    assert "The assessment was interrupted." in page


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.setattr("sciadv.domains.batch_correction.assessment.scib.has_scib", lambda: False)
    monkeypatch.setattr("sciadv.domains.batch_correction.assessment.flat_maps.find_spec", lambda name: None)


@pytest.mark.parametrize("options", [(), ("--to", "batch 2"), ("--embedding-only",)])
def test_a_file_too_large_for_the_memory_is_corrected_as_a_small_one(
    file, tmp_path, monkeypatch, plain, options
) -> None:
    from anndata import read_h5ad

    small, large = tmp_path / "small.h5ad", tmp_path / "large.h5ad"
    common = ("--batch", "batch", "--method", "residual", *options)
    correct(file, *common, "-o", small, "--no-report")
    monkeypatch.setattr("sciadv.cli.correct_request.Request.is_large", lambda self: True)
    monkeypatch.setattr("sciadv.cli.correct_request.Request._parts.__kwdefaults__", {"n": 70})
    correct(file, *common, "-o", large, "--no-report")
    one, other = read_h5ad(small), read_h5ad(large)
    np.testing.assert_allclose(other.obsm["X_sciadv"], one.obsm["X_sciadv"], atol=1e-4)
    np.testing.assert_array_equal(other.X, one.X)
    assert list(other.uns["sciadv"]["batches"]) == list(one.uns["sciadv"]["batches"])
    assert ("corrected" in other.layers) == ("--embedding-only" not in options)
    if "corrected" in one.layers:
        np.testing.assert_allclose(np.asarray(other.layers["corrected"]), one.layers["corrected"], atol=1e-4)


def test_a_sparse_file_gets_a_sparse_layer(adata, tmp_path, monkeypatch, plain) -> None:
    from anndata import read_h5ad
    from scipy import sparse

    thin = adata.copy()
    thin.X = sparse.csr_matrix(np.where(np.quantile(adata.X, 0.7) < adata.X, adata.X, 0))
    thin.write_h5ad(tmp_path / "thin.h5ad")
    out = tmp_path / "out.h5ad"
    common = ("--batch", "batch", "--method", "residual", "--no-report")
    correct(tmp_path / "thin.h5ad", *common, "-o", tmp_path / "dense.h5ad")
    monkeypatch.setattr("sciadv.cli.correct_request.Request.is_large", lambda self: True)
    correct(tmp_path / "thin.h5ad", *common, "-o", out)
    found = read_h5ad(out).layers["corrected"]
    assert sparse.issparse(found)
    expected = read_h5ad(tmp_path / "dense.h5ad").layers["corrected"]
    np.testing.assert_allclose(found.toarray(), expected, atol=1e-4)


def test_a_saved_corrector_takes_further_cells(adata, tmp_path, plain) -> None:
    from anndata import read_h5ad

    known = adata[adata.obs["batch"] != "batch 3"].copy()
    known.write_h5ad(tmp_path / "known.h5ad")
    new = adata[adata.obs["batch"] == "batch 3"].copy()
    new.write_h5ad(tmp_path / "new.h5ad")
    saved, out = tmp_path / "saved", tmp_path / "out.h5ad"
    common = ("--batch", "batch", "--method", "linear", "--no-report", "--save", saved)
    correct(tmp_path / "known.h5ad", *common, "-o", tmp_path / "one.h5ad")

    def transform(*arguments: object) -> str:
        result = CliRunner().invoke(app, ["transform", *map(str, arguments)], env={"COLUMNS": "200"})
        return " ".join((result.stdout + result.stderr).split())

    assert "wrote" in transform(saved, tmp_path / "known.h5ad", "-o", out)
    expected = read_h5ad(tmp_path / "one.h5ad").layers["corrected"]
    np.testing.assert_array_equal(read_h5ad(out).layers["corrected"], expected)
    assert "which the corrector has not seen" in transform(saved, tmp_path / "new.h5ad", "-o", out)
    assert "3 batches" in transform(saved, tmp_path / "new.h5ad", "-o", out, "--adapt")


def test_the_command_of_a_report_does_the_same_again(file, tmp_path, plain) -> None:
    out = tmp_path / "one.h5ad"
    options = ("--batch", "batch", "--keep", "cell_type", "--counts", "--method", "linear", "--to", "batch 1")
    correct(file, *options, "-o", out)
    page = (tmp_path / "one.html").read_text()
    command = re.search(r"<pre[^>]*>sciadv correct (.*?)</pre>", page, re.DOTALL).group(1)
    for part in ("--batch batch", "--keep cell_type", "--counts", "--method linear", "batch 1"):
        assert part in command
    assert "Genes changed most" in page


def test_genes_made_out_of_nothing_are_named(file, tmp_path) -> None:
    from sciadv.domains.batch_correction.assessment.genes import GeneChanges

    before = np.zeros((40, 3), np.float32)
    before[:, 0] = 1
    after = before.copy()
    after[:20, 1] = 0.5
    batch = np.repeat([0, 1], 20)
    found = GeneChanges.of(before, after, batch, ("a", "b", "c"))
    assert found.alarms()[0].startswith("1 of 3 genes are expressed after the correction")
    assert "b (in 100% of a batch)" in found.alarms()[0]
    assert found.most_changed(1)[0][0] == "b"


@pytest.fixture
def two_modalities(adata, tmp_path):
    """Write a file of two modalities, whose batches stand in the ``obs`` of the whole file."""
    import h5py
    from anndata.io import write_elem

    path = tmp_path / "cells.h5mu"
    known = adata.obs.rename(columns={"cell_type": "rna:cell_type"})
    rna = adata[::-1].copy()
    rna.obs = rna.obs[["cell_type"]]
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "MuData"
        write_elem(file, "obs", known)
        write_elem(file, "mod", {"rna": rna, "protein": adata[:50, :9].copy()})
    return path


def test_a_modality_of_a_file_is_corrected_whole_or_in_parts(two_modalities, adata, monkeypatch) -> None:
    from anndata import read_h5ad

    out = two_modalities.parent / "out.h5ad"
    asked = [two_modalities, "--batch", "batch", "--method", "linear", "--no-report", "-o", out]
    words = correct(*asked, "--modality", "rna", "--save", out.with_name("saved"))
    assert "300 cells x 80 genes in 3 batches" in words
    found = read_h5ad(out)
    assert list(found.obs_names) == list(adata.obs_names[::-1])
    assert list(found.obs.columns) == ["cell_type", "batch"]
    assert list(found.obs["batch"]) == list(adata.obs["batch"][::-1])
    expected = BatchCorrector(method="linear").correct(adata).layers["corrected"]
    np.testing.assert_allclose(found.layers["corrected"][::-1], expected, atol=1e-5)
    monkeypatch.setattr("sciadv.cli.correct_request.Request.is_large", lambda self: True)
    correct(*asked, "--modality", "rna")
    np.testing.assert_allclose(read_h5ad(out).layers["corrected"], found.layers["corrected"], atol=1e-5)
    arguments = [out.with_name("saved"), two_modalities, "--modality", "rna", "-o", out]
    result = CliRunner().invoke(app, ["transform", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(read_h5ad(out).layers["corrected"], found.layers["corrected"], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cells.h5mu", [], "several modalities ('protein', 'rna'); say which one by --modality"),
        ("cells.h5mu", ["--modality", "rma"], "no modality is named 'rma' (did you mean 'rna'?)"),
        ("cells.h5ad", ["--modality", "rna"], "has no modalities, which an .h5mu file has"),
    ],
)
def test_a_modality_that_lacks_is_said_with_those_there_are(
    file, two_modalities, name, options, words
) -> None:
    assert words in correct(file.with_name(name), "--batch", "batch", *options, code=2)
