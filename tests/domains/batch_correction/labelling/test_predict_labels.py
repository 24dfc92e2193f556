"""Labels of further batches, as a user asks for them."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector, simulate_counts
from sciadv.errors import InputError


@pytest.fixture(scope="module")
def three():
    cells = simulate_counts(900, 120, n_batches=3, n_types=3, seed=1)
    return cells, cells.batch == "batch 3"


@pytest.mark.parametrize("by", ["labels", "reference_labels"])
def test_labels_are_carried_over_to_a_further_batch(by, three, tmp_path) -> None:
    cells, is_new = three
    corrector = BatchCorrector(method="residual").fit(
        cells.counts[~is_new], batch=cells.batch[~is_new], **{by: cells.cell_type[~is_new]}
    )
    new = {"batch": cells.batch[is_new]}
    adapted = corrector.adapt(cells.counts[is_new], **new)
    found = adapted.predict_labels(cells.counts[is_new], **new)
    right = found.labels == cells.cell_type[is_new]
    assert right.mean() > 0.95
    assert found.probability.mean() == pytest.approx(right.mean(), abs=0.05)
    assert found.is_unlike(0.01).mean() < 0.05
    again = BatchCorrector.load(adapted.save(tmp_path / "corrector"))
    np.testing.assert_array_equal(again.predict_labels(cells.counts[is_new], **new).labels, found.labels)


def test_labels_that_the_correction_does_not_read_change_nothing_else(three) -> None:
    cells, is_new = three
    some = {"batch": cells.batch[~is_new]}
    plain = BatchCorrector(method="residual").fit(cells.counts[~is_new], **some)
    told = BatchCorrector(method="residual").fit(
        cells.counts[~is_new], **some, reference_labels=cells.cell_type[~is_new]
    )
    np.testing.assert_array_equal(
        told.transform(cells.counts[~is_new], **some), plain.transform(cells.counts[~is_new], **some)
    )
    with pytest.raises(InputError, match="no two labels"):
        plain.predict_labels(cells.counts[~is_new], **some)
    with pytest.raises(InputError, match="reference_labels for"):
        BatchCorrector(method="residual").fit(cells.counts, batch=cells.batch, reference_labels=["a"])


@pytest.mark.parametrize("method", ["residual", "adversarial"])
def test_labels_of_a_single_batch_are_no_confounded_design(method) -> None:
    cells = simulate_counts(300, 120, n_batches=3, n_types=3, seed=1)
    is_known = cells.batch == "batch 1"
    known = [name if is_in else None for name, is_in in zip(cells.cell_type, is_known, strict=True)]
    quick = AdversarialSettings(least_steps=60, epochs=1)
    corrector = BatchCorrector(method=method, settings=quick)
    corrector.fit(cells.counts, batch=cells.batch, labels=known)
    found = corrector.predict_labels(cells.counts, batch=cells.batch)
    assert (found.labels == cells.cell_type)[~is_known].mean() > 0.8
