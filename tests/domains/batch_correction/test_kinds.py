"""What numbers are: counts, scaled counts and logarithms are told apart, or asked about."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sciadv.domains.batch_correction import BatchCorrector, simulate_counts
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.kinds import COUNTS, FRACTIONAL, LOGGED, SCALED, SIGNED, kind_of
from sciadv.domains.batch_correction.reading.read import read_cells
from sciadv.errors import InputError, UnknownNameError


def scaled(counts: np.ndarray, target: float) -> np.ndarray:
    return counts / counts.sum(1, keepdims=True) * target


def tpm(counts: np.ndarray) -> np.ndarray:
    lengths = np.random.default_rng(0).lognormal(0, 0.6, counts.shape[1])
    return scaled(counts / lengths, 1e6)


VARIANTS = {
    "counts": (lambda c: c, {COUNTS}),
    "without ambient RNA": (lambda c: np.where(c > 0, (c - 0.1 * c.mean(0)).clip(0), 0), {FRACTIONAL}),
    "expected counts": (lambda c: c * np.random.default_rng(1).uniform(0.7, 1, c.shape), {FRACTIONAL}),
    "cpm": (lambda c: scaled(c, 1e6), {SCALED}),
    "some genes of cpm": (lambda c: scaled(c, 1e6)[:, ::3], {SCALED, FRACTIONAL}),
    "tpm": (tpm, {SCALED}),
    "logarithm": (lambda c: np.log1p(scaled(c, 1e4)), {LOGGED}),
    "some genes of the logarithm": (lambda c: np.log1p(scaled(c, 1e4))[:, ::3], {LOGGED}),
    "to base 2": (lambda c: np.log2(1 + scaled(c, 1e6)), {LOGGED}),
    "of tpm": (lambda c: np.log2(1 + tpm(c))[:, ::2], {LOGGED}),
    "z scores": (lambda c: (c - c.mean(0)) / (c.std(0) + 1e-9), {SIGNED}),
    "rounded logarithm": (lambda c: np.rint(np.log2(1 + scaled(c, 1e6))), {None}),
    "square root": (np.sqrt, {None}),
}


@pytest.mark.parametrize("name", VARIANTS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_kinds_are_told_by_the_numbers(name, seed) -> None:
    make, expected = VARIANTS[name]
    counts = simulate_counts(200, 150, seed=seed).counts.astype(np.float64)
    assert kind_of(np.asarray(make(counts), np.float32)) in expected


def test_a_sparse_matrix_is_what_its_array_is() -> None:
    counts = simulate_counts(100, 60, seed=1).counts
    for x in (counts, np.log1p(scaled(counts, 1e4))):
        assert kind_of(sparse.csr_matrix(x)) == kind_of(x)


def test_what_nothing_tells_is_asked_about_and_the_user_is_believed() -> None:
    microarray = np.rint(np.random.default_rng(0).normal(8, 2, 40) + np.zeros((50, 1))).clip(2)
    with pytest.raises(InputError, match=r"say is_counts=True .* or is_counts=False or --no-counts"):
        read_cells(microarray, Columns())
    assert read_cells(microarray, Columns(is_counts=False)).kind == LOGGED
    assert read_cells(microarray, Columns(is_counts=True)).kind == COUNTS


def test_counts_of_every_kind_are_corrected_alike() -> None:
    made = simulate_counts(240, 60, seed=2)
    whole = BatchCorrector(method="linear").correct(made.counts, batch=made.batch)
    cpm = BatchCorrector(method="linear").correct(scaled(made.counts, 1e6), batch=made.batch)
    logged = np.log1p(scaled(made.counts, 1e4))
    np.testing.assert_allclose(cpm, whole, atol=1e-3)
    given_logged = BatchCorrector(method="linear").correct(logged, batch=made.batch)
    np.testing.assert_allclose(given_logged, whole, atol=1e-3)


def test_an_anndatas_layer_is_read_and_a_missing_one_named(adata) -> None:
    other = adata.copy()
    other.layers["raw counts"] = adata.X
    other.X = np.zeros(adata.shape, np.float32)
    found = BatchCorrector(layer="raw counts", method="linear").correct(other)
    expected = BatchCorrector(method="linear").correct(adata)
    np.testing.assert_array_equal(found.layers["corrected"], expected.layers["corrected"])
    with pytest.raises(UnknownNameError, match="no layer is named 'counts'"):
        BatchCorrector(layer="counts").fit(adata)
    with pytest.raises(InputError, match="only an AnnData has layers"):
        BatchCorrector(layer="counts").fit(adata.X, batch=adata.obs["batch"])
