"""Labels carried over: guesses, probabilities that are met, and cells that are unlike the reference."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction.labelling.label_transfer import LabelTransfer
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.errors import InputError

CENTRES = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 0.0], [7.5, 0.0, 0.0]])
NAMES = ("far", "one", "other")


def drawn(n: int, *, seed: int, kinds=(0, 1, 2)):
    """Cells of three types, two of which overlap, among noise; their types."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(kinds, n)
    z = rng.normal(0, 0.3, (n, 12))
    z[:, :3] = CENTRES[kind] + rng.normal(0, 1.0, (n, 3))
    return z.astype(np.float32), kind


@pytest.fixture(scope="module")
def transfer() -> LabelTransfer:
    z, kind = drawn(900, seed=0)
    return LabelTransfer.of(Reference(z, np.arange(900) % 3, kind, NAMES))


def test_probabilities_are_met(transfer) -> None:
    z, kind = drawn(3000, seed=1)
    found = transfer.predict(z)
    right = found.labels == np.array(NAMES)[kind]
    assert right[kind == 0].mean() > 0.98
    for low, high in ((0.5, 0.7), (0.7, 0.9), (0.9, 1.0)):
        some = (found.probability > low) & (found.probability <= high)
        assert right[some].mean() == pytest.approx(found.probability[some].mean(), abs=0.07)


def test_cells_like_the_reference_are_called_unlike_as_often_as_the_level_says(transfer) -> None:
    z, _ = drawn(3000, seed=2)
    found = transfer.predict(z)
    for level in (0.01, 0.05, 0.2):
        assert found.is_unlike(level).mean() == pytest.approx(level, abs=0.03)


def test_a_type_that_the_reference_lacks_is_unlike_it(transfer) -> None:
    z, _ = drawn(200, seed=3)
    z[:, 1] += 12
    assert transfer.predict(z).is_unlike().mean() > 0.95


def test_cells_without_a_label_take_no_part(transfer) -> None:
    z, kind = drawn(900, seed=0)
    told = np.where(np.arange(900) % 2, kind, -1)
    half = LabelTransfer.of(Reference(z, np.arange(900) % 3, told, NAMES))
    query, kinds = drawn(500, seed=4)
    right = (half.predict(query).labels == np.array(NAMES)[kinds]).mean()
    assert right == pytest.approx((transfer.predict(query).labels == np.array(NAMES)[kinds]).mean(), abs=0.03)


def test_one_batch_is_guessed_from_parts_of_it() -> None:
    z, kind = drawn(600, seed=5)
    found = LabelTransfer.of(Reference(z, np.zeros(600, np.int64), kind, NAMES)).predict(z)
    assert (found.labels == np.array(NAMES)[kind]).mean() > 0.8


def test_what_gives_no_labels_is_refused_in_words() -> None:
    z, kind = drawn(60, seed=6)
    batch = np.arange(60) % 2
    with pytest.raises(InputError, match="no two labels"):
        LabelTransfer.of(Reference(z, batch, np.full(60, -1), ()))
    with pytest.raises(InputError, match="no label occurs in two batches"):
        LabelTransfer.of(Reference(z, batch, batch, ("a", "b")))
    assert kind.max() == 2
