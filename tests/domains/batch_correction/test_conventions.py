"""The conventions of scikit-learn and of the scverse, and correction to a batch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector
from sciadv.errors import InputError, UnknownNameError

QUICK = AdversarialSettings(20, 8, 32, least_steps=20, epochs=1, minibatch=64)


def test_it_is_cloned_and_its_parameters_are_read_and_set() -> None:
    corrector = BatchCorrector(["lab", "day"], keep=["drug"], method="linear", seed=3)
    twin = clone(corrector)
    assert twin.get_params() == corrector.get_params()
    assert twin.set_params(seed=4).seed == 4
    assert "batch_key=" in repr(corrector)


def test_it_is_a_step_of_a_pipeline(cells) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(cells.counts, columns=cells.genes).assign(batch=cells.batch)
    steps = make_pipeline(BatchCorrector(method="linear"), FunctionTransformer())
    found = steps.fit_transform(frame, None)
    expected = BatchCorrector(method="linear").fit(frame).transform(frame)
    np.testing.assert_array_equal(np.asarray(found), expected.to_numpy())
    assert list(steps[0].get_feature_names_out()) == list(cells.genes)


def test_arrays_become_data_frames_if_that_is_wanted(cells) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    corrector = BatchCorrector(method="linear").set_output(transform="pandas")
    found = corrector.correct(cells.counts, batch=cells.batch)
    assert isinstance(found, pandas.DataFrame)
    assert list(found.columns[:2]) == ["x0", "x1"]
    with pytest.raises(UnknownNameError, match="no output is named 'polars'"):
        corrector.set_output(transform="polars")


def test_an_anndata_is_written_into_under_a_key(adata) -> None:
    data = adata.copy()
    found = BatchCorrector(method="linear").fit(data).transform(data, key_added="mine", copy=False)
    assert found is data
    assert {"mine"} == set(data.layers)
    assert {"X_mine"} == set(data.obsm)
    facts = data.uns["mine"]
    assert facts["batches"] == ["batch 1", "batch 2", "batch 3"]
    assert facts["sciadv_version"]
    fitted = BatchCorrector(method="linear").fit(data)
    with pytest.raises(InputError, match="other genes than were fitted"):
        fitted.transform(data[:, ::-1].copy(), copy=False)


@pytest.mark.parametrize("method", ["nothing", "linear", "residual", "adversarial"])
def test_cells_are_given_as_a_batch_has_them_and_its_own_stay(method, cells) -> None:
    corrector = BatchCorrector(method=method, settings=QUICK).fit(cells.counts, batch=cells.batch)
    found = corrector.transform(cells.counts, batch=cells.batch, to="batch 2")
    own = cells.batch == "batch 2"
    expression = corrector.learnt().prepare(cells.counts, _given(cells), needs_batch=True)[1]
    np.testing.assert_allclose(found[own], expression[own], atol=1e-5)
    if method != "nothing":
        assert np.abs(found - expression)[~own].mean() > 0.01
    with pytest.raises(UnknownNameError, match="no batch is named 'batch 9'"):
        corrector.transform(cells.counts, batch=cells.batch, to="batch 9")


@pytest.mark.parametrize("method", ["linear", "residual", "adversarial"])
def test_values_that_were_not_measured_stay_so_and_move_little(method, cells) -> None:
    logged = np.log1p(cells.counts / cells.counts.sum(1, keepdims=True) * 1e4)
    gaps = np.random.default_rng(0).random(logged.shape) < 0.05
    some = np.where(gaps, np.nan, logged)
    torch.manual_seed(0)
    whole = BatchCorrector(method=method, settings=QUICK).correct(logged, batch=cells.batch)
    found = BatchCorrector(method=method, settings=QUICK).correct(some, batch=cells.batch)
    np.testing.assert_array_equal(np.isnan(found), gaps)
    if method == "adversarial":  # other numbers, other networks
        return
    change = (whole - logged)[~gaps]
    assert np.square((found - whole)[~gaps]).mean() < 0.3 * np.square(change).mean()


def _given(cells):
    from sciadv.domains.batch_correction.reading.columns import Given

    return Given(cells.batch)


def _mudata(adata):
    """Return what a MuData has of cells, some of which have a second modality: mudata is not needed."""
    protein = adata[:100, :20].copy()
    return SimpleNamespace(mod={"rna": adata, "protein": protein}, obs=adata.obs[[]], shape=adata.shape)


def test_a_modality_of_a_mudata_is_corrected_as_it_is_by_itself(adata, tmp_path) -> None:
    several = _mudata(adata)
    corrector = BatchCorrector(method="linear").fit(
        several, modality="rna", reference_labels=adata.obs["cell_type"]
    )
    expected = BatchCorrector(method="linear").correct(adata)
    saved = BatchCorrector.load(corrector.save(tmp_path / "saved"))
    for each in (corrector, saved):
        found = each.transform(several)
        np.testing.assert_array_equal(found.layers["corrected"], expected.layers["corrected"])
        np.testing.assert_array_equal(each.embed(several), each.embed(adata))
    assert (corrector.predict_labels(several).labels == adata.obs["cell_type"].to_numpy()).mean() > 0.9
    lower, upper = corrector.intervals(several)
    assert lower.shape == upper.shape == adata.shape
    found = BatchCorrector(method="linear").correct(several, modality="protein")
    assert found.shape == (100, 20)
    corrector.transform(several, copy=False)
    assert "corrected" in several.mod["rna"].layers


def test_a_modality_that_lacks_is_answered_with_those_that_there_are(adata) -> None:
    several = _mudata(adata)
    with pytest.raises(InputError, match=r"several modalities \('rna', 'protein'\); say which one by mod"):
        BatchCorrector().fit(several)
    with pytest.raises(UnknownNameError, match=r"no modality is named 'rma'.*there are: protein, rna"):
        BatchCorrector().fit(several, modality="rma")
    with pytest.raises(InputError, match="only a MuData has modalities"):
        BatchCorrector().fit(adata, modality="rna")
