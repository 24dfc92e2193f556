"""Intervals of corrected values as a user asks for them: what may lack, what is kept, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError


@pytest.fixture(scope="module")
def corrector(cells) -> BatchCorrector:
    found = BatchCorrector(method="residual").fit(cells.counts, batch=cells.batch)
    found.intervals(cells.counts, batch=cells.batch)
    return found


def some(cells, n: int = 12):
    return cells.counts[:n], cells.batch[:n]


def test_bounds_are_ordered_and_wider_at_a_higher_level(corrector, cells) -> None:
    counts, batch = some(cells)
    lower, upper = corrector.intervals(counts, batch=batch, level=0.9)
    assert lower.shape == upper.shape == counts.shape
    assert (lower <= upper).all()
    assert (lower >= 0).all()
    inner = corrector.intervals(counts, batch=batch, level=0.5)
    assert (inner[0] >= lower).all()
    assert (inner[1] <= upper).all()
    middle = corrector.intervals(counts, batch=batch, level=0)
    np.testing.assert_array_equal(*middle)


def test_most_intervals_have_the_corrected_value_of_genes_with_many_counts(corrector, cells) -> None:
    counts, batch = some(cells, 60)
    lower, upper = corrector.intervals(counts, batch=batch)
    corrected = corrector.transform(counts, batch=batch)
    many = counts > 20
    assert ((corrected >= lower) & (corrected <= upper))[many].mean() > 0.8


def covered(intervals, cells, rows) -> float:
    """Return how often intervals have the expression without the batch, up to a constant of each gene.

    What all batches have in common, no counts tell from what the genes have.
    """
    lower, upper = intervals
    truth = np.log1p(1e4 * cells.expected / cells.expected.sum(1, keepdims=True))[rows]
    truth += ((lower + upper) / 2 - truth).mean(0)
    return float(((truth >= lower) & (truth <= upper)).mean())


def test_they_cover_the_expression_that_was_simulated_without_a_batch_effect(corrector, cells) -> None:
    intervals = corrector.intervals(cells.counts, batch=cells.batch)
    assert 0.86 <= covered(intervals, cells, slice(None)) <= 0.94


def test_what_was_not_measured_is_solved_for(corrector, cells) -> None:
    counts, batch = some(cells, 60)
    lacks = counts.copy()
    lacks[:, ::4] = np.nan
    lower, upper = corrector.intervals(lacks, batch=batch)
    whole_lower, whole_upper = corrector.intervals(counts, batch=batch)
    width, whole = upper - lower, whole_upper - whole_lower
    assert width[:, ::4].mean() > 1.2 * whole[:, ::4].mean()
    np.testing.assert_allclose(width[:, 1::4].mean(), whole[:, 1::4].mean(), rtol=0.05)


def test_genes_that_lack_are_found_by_name(adata, cells) -> None:
    corrector = BatchCorrector(method="linear").fit(adata)
    corrector.intervals(adata)
    part = adata[:10, ::-2].copy()
    lower, upper = corrector.intervals(part)
    assert lower.shape == (10, adata.n_vars)
    whole = corrector.intervals(adata[:10].copy())
    has = np.isin(adata.var_names, part.var_names)
    np.testing.assert_allclose(upper[:, has].mean(), whole[1][:, has].mean(), rtol=0.1)
    assert (upper - lower)[:, ~has].mean() > (whole[1] - whole[0])[:, ~has].mean()
    part.var_names = [f"other {name}" for name in part.var_names]
    with pytest.raises(InputError, match="are they named otherwise"):
        corrector.intervals(part)


def test_a_saved_corrector_gives_the_same_and_a_further_batch_has_some(cells, tmp_path) -> None:
    is_new = cells.batch == "batch 3"
    known = {"batch": cells.batch[~is_new]}
    corrector = BatchCorrector(method="residual").fit(cells.counts[~is_new], **known)
    expected = corrector.intervals(cells.counts[~is_new], **known)
    again = BatchCorrector.load(corrector.save(tmp_path / "corrector"))
    for one, other in zip(again.intervals(cells.counts[~is_new], **known), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    new = {"batch": cells.batch[is_new]}
    with pytest.raises(InputError, match="has not seen"):
        corrector.intervals(cells.counts[is_new], **new)
    intervals = corrector.adapt(cells.counts[is_new], **new).intervals(cells.counts[is_new], **new)
    assert 0.84 <= covered(intervals, cells, is_new) <= 0.96


def test_sparse_and_dense_counts_give_the_same(corrector, cells) -> None:
    counts, batch = some(cells)
    dense = corrector.intervals(counts, batch=batch)
    for one, other in zip(corrector.intervals(sparse.csr_matrix(counts), batch=batch), dense, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_has_no_intervals_is_refused_in_words(corrector, cells) -> None:
    counts, batch = some(cells)
    with pytest.raises(InputError, match="level must be"):
        corrector.intervals(counts, batch=batch, level=1)
    with pytest.raises(InputError, match="give raw counts"):
        corrector.intervals(counts + 0.3, batch=batch)
    with pytest.raises(InputError, match="79 genes without a name"):
        corrector.intervals(counts[:, 1:], batch=batch)
    logged = BatchCorrector(method="linear", is_counts=False).fit(np.log1p(cells.counts), batch=cells.batch)
    with pytest.raises(InputError, match="intervals are those of counts"):
        logged.intervals(np.log1p(cells.counts), batch=cells.batch)
    order = {"order": np.arange(len(cells.batch))}
    with pytest.warns(UserWarning, match="covariates predict nothing"):
        varied = BatchCorrector(covariates="order", method="linear").fit(
            cells.counts, batch=cells.batch, covariates=order
        )
    with pytest.raises(InputError, match="covariates has no intervals"):
        varied.learnt().with_counts(cells.counts, Given(cells.batch, covariates=order))
