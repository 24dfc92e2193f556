"""`BatchCorrector`: every kind of data in and out, unseen cells, files, and bad input in words."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from scipy import sparse

import sciadv
from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector
from sciadv.errors import InputError, UnknownNameError, WeightsError


@pytest.fixture(scope="module")
def linear(cells) -> BatchCorrector:
    return BatchCorrector(method="linear").fit(cells.counts, batch=cells.batch)


@pytest.fixture(scope="module")
def adversarial(cells) -> BatchCorrector:
    settings = AdversarialSettings(20, 8, 32, least_steps=60, epochs=1, minibatch=64)
    return BatchCorrector(method="adversarial", settings=settings).fit(cells.counts, batch=cells.batch)


@pytest.mark.parametrize("method", ["linear", "adversarial"])
def test_arrays_tensors_sparse_matrices_and_frames_give_the_same_in_their_own_kind(
    method, cells, request
) -> None:
    corrector = request.getfixturevalue(method)
    expected = corrector.transform(cells.counts, batch=cells.batch)
    assert isinstance(expected, np.ndarray)
    tensor = corrector.transform(torch.as_tensor(cells.counts), batch=cells.batch)
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), expected, atol=1e-5)
    from_sparse = corrector.transform(sparse.csr_matrix(cells.counts), batch=list(cells.batch))
    np.testing.assert_allclose(from_sparse, expected, atol=1e-4)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(
        cells.counts, columns=cells.genes, index=[f"c{i}" for i in range(len(cells.batch))]
    )
    found = corrector.transform(frame, batch=pandas.Series(cells.batch))
    assert list(found.columns) == list(cells.genes)
    assert list(found.index) == list(frame.index)
    np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-5)


def test_an_anndata_gets_layer_and_embedding_and_keeps_its_counts(adata, quick) -> None:
    before = adata.X.copy()
    corrected = BatchCorrector("batch", method="adversarial", settings=quick).correct(adata)
    assert corrected.layers["corrected"].shape == adata.shape
    assert corrected.obsm["X_sciadv"].shape == (adata.n_obs, 8)
    np.testing.assert_array_equal(corrected.X, before)
    assert "X_sciadv" not in adata.obsm
    assert corrected.uns["sciadv"]["method"] == "adversarial"


def test_cells_that_the_fit_has_not_seen_are_placed_as_those_it_has(cells) -> None:
    seen = np.arange(len(cells.batch)) % 4 != 0
    for method in ("linear", "adversarial"):
        settings = AdversarialSettings(20, 8, 32, least_steps=60, epochs=1, minibatch=64)
        corrector = BatchCorrector(method=method, settings=settings)
        corrector.fit(cells.counts[seen], batch=cells.batch[seen])
        all_ = corrector.transform(cells.counts, batch=cells.batch)
        some = corrector.transform(cells.counts[~seen], batch=cells.batch[~seen])
        np.testing.assert_allclose(some, all_[~seen], atol=1e-4)


def test_cells_of_an_unknown_batch_have_a_code_but_no_corrected_expression(adversarial, cells) -> None:
    assert adversarial.embed(cells.counts[:5]).shape == (5, 8)
    with pytest.raises(
        InputError, match=r"5 cells are of batch 'new', which the corrector has not seen; .*'batch 1'"
    ):
        adversarial.transform(cells.counts[:5], batch=["new"] * 5)


def test_the_same_seed_gives_the_same_and_leaves_torchs_random_state(cells, quick) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, two = (
        BatchCorrector(method="adversarial", settings=quick, seed=1).fit(cells.counts, batch=cells.batch)
        for _ in range(2)
    )
    assert torch.equal(torch.rand(2), expected)
    np.testing.assert_array_equal(one.embed(cells.counts), two.embed(cells.counts))


@pytest.mark.parametrize("method", ["linear", "adversarial"])
def test_a_saved_corrector_corrects_the_same(method, cells, request, tmp_path) -> None:
    corrector = request.getfixturevalue(method)
    folder = corrector.save(tmp_path / "corrector")
    assert {p.name for p in folder.iterdir()} == {"weights.safetensors", "card.json"}
    again = BatchCorrector.load(folder)
    np.testing.assert_array_equal(
        again.transform(cells.counts, batch=cells.batch), corrector.transform(cells.counts, batch=cells.batch)
    )
    assert (
        again.card()
        == corrector.card()
        == {k: v for k, v in json.loads((folder / "card.json").read_text()).items() if k != "correction"}
    )


@pytest.mark.parametrize(
    ("file", "text"), [("card.json", "{}"), ("card.json", "no JSON"), ("weights.safetensors", "x")]
)
def test_a_broken_file_is_no_corrector(linear, tmp_path, file, text) -> None:
    folder = linear.save(tmp_path / "corrector")
    (folder / file).write_text(text)
    with pytest.raises(WeightsError, match="holds no corrector that can be read"):
        BatchCorrector.load(folder)


def test_auto_is_linear_for_few_cells_and_says_why(cells) -> None:
    corrector = BatchCorrector().fit(cells.counts, batch=cells.batch)
    assert corrector.fitted_method == "linear"
    assert "too few" in corrector.card()["chosen_because"]
    assert corrector.card()["p_value_of_no_batch"] == pytest.approx(0.005)


def test_genes_are_found_by_name_whatever_their_order(linear, adata) -> None:
    corrector = BatchCorrector(method="linear").fit(adata)
    turned = adata[:, ::-1].copy()
    found = corrector.transform(turned)
    assert list(found.var_names) == list(adata.var_names)
    np.testing.assert_allclose(
        found.layers["corrected"], corrector.transform(adata).layers["corrected"], atol=1e-5
    )


def test_labels_that_some_cells_lack_are_taken(cells, quick) -> None:
    labels = [None if i % 3 == 0 else name for i, name in enumerate(cells.cell_type)]
    corrector = BatchCorrector(method="adversarial", settings=quick)
    corrector.fit(cells.counts, batch=cells.batch, labels=labels)
    assert corrector.learnt().labels == ("type 1", "type 2", "type 3")
    assert np.isfinite(corrector.embed(cells.counts)).all()


def test_it_is_a_name_of_the_package() -> None:
    assert sciadv.BatchCorrector is BatchCorrector


def spoil(cells, what: str) -> dict[str, object]:
    """Return arguments of `fit` with one thing wrong."""
    counts, batch = cells.counts.copy(), cells.batch.copy()
    if what in {"nan", "inf"}:
        counts[2, 3] = float(what)
    elif what == "negative":
        counts[1, 1] = -4
    elif what == "empty cell":
        counts[7] = 0
    elif what == "text":
        counts = counts.astype(str)
    elif what == "one row":
        counts = counts[0]
    batches = {
        "one batch": ["a"] * len(batch),
        "short": batch[:-2],
        "missing": [None, *batch[1:]],
        "none": None,
        "small": ["tiny"] * 2 + list(batch[2:]),
    }
    return {"data": counts, "batch": batches.get(what, batch)}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", "1 values are NaN; only log expression"),
        ("inf", "1 of the 300 x 80 values are Inf"),
        ("negative", "1 counts are negative"),
        ("empty cell", "1 of 300 cells have no counts"),
        ("text", "expression must be an array of numbers"),
        ("one row", "expression is a matrix of numbers"),
        ("one batch", "all 300 cells are of one batch, 'a'"),
        ("short", "there are 298 batches for 300 cells"),
        ("missing", "1 of 300 cells have no batch"),
        ("none", "an array does not say which cell is of which batch"),
        ("small", "needs 3 cells in each batch, but 'tiny' has 2"),
    ],
)
def test_bad_cells_are_refused_in_words(cells, what, words) -> None:
    arguments = spoil(cells, what)
    with pytest.raises(InputError, match=re.escape(words)):
        BatchCorrector(method="linear").fit(arguments["data"], batch=arguments["batch"])


def test_a_missing_column_names_those_that_are_near(adata) -> None:
    with pytest.raises(
        UnknownNameError, match=r"no column of obs is named 'bach' \(did you mean 'batch'\?\)"
    ):
        BatchCorrector("bach").fit(adata)
    with pytest.raises(
        UnknownNameError, match=r"no column of obs is named 'celltype' \(did you mean 'cell_type'"
    ):
        BatchCorrector(label_key="celltype").fit(adata)


def test_missing_genes_are_counted_and_named(adata) -> None:
    corrector = BatchCorrector(method="linear").fit(adata)
    with pytest.raises(
        InputError, match=r"2 of the 80 genes .* are missing: gene 79, gene 80; the data have 78"
    ):
        corrector.transform(adata[:, :78].copy())


def test_other_bad_use_is_refused_in_words(linear, cells, tmp_path) -> None:
    with pytest.raises(InputError, match="call fit or correct first"):
        BatchCorrector().transform(cells.counts, batch=cells.batch)
    with pytest.raises(UnknownNameError, match="no method is named 'combat'"):
        BatchCorrector(method="combat")
    with pytest.raises(InputError, match="the cells have 79 genes, but the corrector was fitted on 80"):
        linear.transform(cells.counts[:, 1:], batch=cells.batch)
    with pytest.raises(InputError, match="was fitted on counts, but these are log expression"):
        linear.transform(np.log1p(cells.counts), batch=cells.batch)
    with pytest.raises(InputError, match="have no label, which the linear method needs"):
        BatchCorrector(method="linear").fit(
            cells.counts, batch=cells.batch, labels=[None, *cells.cell_type[1:]]
        )
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        linear.save(tmp_path / "file")
    with pytest.raises(InputError, match="n_latent must be a whole number, at least 1"):
        AdversarialSettings(n_latent=0)
