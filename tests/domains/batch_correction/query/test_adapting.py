"""Further batches onto a fitted corrector: known ones stay, new ones are laid onto them, files keep it."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction import BatchCorrector, batch_unpredictability, simulate_counts
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError

METHODS = ("nothing", "linear", "residual", "adversarial")


@pytest.fixture(scope="module")
def halves(cells):
    """Counts and batches of two batches, and of a third."""
    is_new = cells.batch == "batch 3"
    return (cells.counts[~is_new], cells.batch[~is_new]), (cells.counts[is_new], cells.batch[is_new])


def fitted(method: str, counts, batch, settings) -> BatchCorrector:
    return BatchCorrector(method=method, settings=settings).fit(counts, batch=batch)


@pytest.mark.parametrize("method", METHODS)
def test_a_further_batch_is_corrected_and_the_known_ones_as_before(method, halves, quick, tmp_path) -> None:
    (counts, batch), (new, new_batch) = halves
    corrector = fitted(method, counts, batch, quick)
    adapted = corrector.adapt(new, batch=new_batch)
    assert adapted.batches == ("batch 1", "batch 2", "batch 3")
    assert corrector.batches == ("batch 1", "batch 2")
    before = corrector.transform(counts, batch=batch)
    np.testing.assert_array_equal(adapted.transform(counts, batch=batch), before)
    np.testing.assert_array_equal(adapted.embed(counts, batch=batch), corrector.embed(counts, batch=batch))
    corrected = adapted.transform(new, batch=new_batch)
    assert np.isfinite(corrected).all()
    same = BatchCorrector.load(adapted.save(tmp_path / method))
    np.testing.assert_allclose(same.transform(new, batch=new_batch), corrected, atol=1e-6)
    np.testing.assert_allclose(same.transform(counts, batch=batch), before, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_corrector_adapts_as_the_fitted_one(method, halves, quick, tmp_path) -> None:
    (counts, batch), (new, new_batch) = halves
    corrector = fitted(method, counts, batch, quick)
    same = BatchCorrector.load(corrector.save(tmp_path / method))
    found = same.adapt(new, batch=new_batch).transform(new, batch=new_batch)
    expected = corrector.adapt(new, batch=new_batch).transform(new, batch=new_batch)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_residual_lays_a_further_batch_onto_the_reference() -> None:
    cells = simulate_counts(900, 120, n_batches=3, n_types=3, batch_scale=0.4, seed=1)
    is_new = cells.batch == "batch 3"
    corrector = fitted("residual", cells.counts[~is_new], cells.batch[~is_new], None)
    adapted = corrector.adapt(cells.counts[is_new], batch=cells.batch[is_new])
    of = np.where(is_new, "new", "known")
    z = adapted.embed(cells.counts, batch=cells.batch)
    raw = corrector.fitted().components.scores(
        corrector.learnt().prepare(cells.counts, Given(), needs_batch=False)[1]
    )
    assert batch_unpredictability(raw, of, cells.cell_type) < 0.5
    assert batch_unpredictability(z, of, cells.cell_type) > 0.85


def test_two_further_batches_at_once_are_each_as_alone() -> None:
    four = simulate_counts(400, 60, n_batches=4, n_types=2, seed=2)
    known = np.isin(four.batch, ["batch 1", "batch 2"])
    third = four.batch == "batch 3"
    corrector = fitted("residual", four.counts[known], four.batch[known], None)
    both = corrector.adapt(four.counts[~known], batch=four.batch[~known])
    one = corrector.adapt(four.counts[third], batch=four.batch[third])
    some = four.counts[third][:10]
    at_once = both.embed(some, batch=["batch 3"] * 10)
    np.testing.assert_allclose(at_once, one.embed(some, batch=["batch 3"] * 10), atol=1e-5)


def test_linear_with_labels_takes_those_of_the_further_batch(cells) -> None:
    is_new = cells.batch == "batch 3"
    corrector = BatchCorrector(method="linear").fit(
        cells.counts[~is_new], batch=cells.batch[~is_new], labels=cells.cell_type[~is_new]
    )
    told = {"batch": cells.batch[is_new], "labels": cells.cell_type[is_new]}
    adapted = corrector.adapt(cells.counts[is_new], **told)
    moved = adapted.transform(cells.counts[is_new], **told) - corrector.transform(
        cells.counts[is_new], batch=["batch 1"] * int(is_new.sum()), labels=cells.cell_type[is_new]
    )
    assert np.abs(moved).mean() > 0
    with pytest.raises(InputError, match="was fitted with labels"):
        corrector.adapt(cells.counts[is_new], batch=cells.batch[is_new])


def test_batches_that_are_known_or_too_small_are_refused_in_words(halves, quick) -> None:
    (counts, batch), (new, new_batch) = halves
    corrector = fitted("residual", counts, batch, quick)
    with pytest.raises(InputError, match="knows these batches already: 'batch 1'"):
        corrector.adapt(counts, batch=batch)
    with pytest.raises(InputError, match="needs 10 cells of a further batch, but 'batch 3' has 5"):
        corrector.adapt(new[:5], batch=new_batch[:5])
