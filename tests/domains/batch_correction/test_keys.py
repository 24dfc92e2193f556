"""Names of batches and labels: numbers and texts, missing ones, and those written in two ways."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.reading.keys import as_names
from sciadv.errors import InputError


def test_a_number_is_the_same_name_whatever_its_type() -> None:
    assert as_names([1, 1.0, "1", np.float32(1), np.int8(1)], 5, what="batches").tolist() == ["1"] * 5


@pytest.mark.parametrize("names", [("1", "1.0"), ("01", 1), ("a", "a "), ("b", " b")])
def test_names_that_differ_in_how_they_are_written_are_refused(names) -> None:
    with pytest.raises(InputError, match="differ only in how they are written"):
        as_names(names, 2, what="batches")


@pytest.mark.parametrize("text", ["nan", "NA", "unknown", "None", "missing", " N/A "])
def test_a_text_that_means_missing_is_asked_about(text) -> None:
    with pytest.raises(InputError, match=r"1 of 2 labels are the text .*; is it a name, or is the value"):
        as_names(["T cell", text], 2, what="labels")


def test_a_series_is_put_into_the_order_of_the_cells_by_correct_too(cells) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    names = [f"cell {i}" for i in range(len(cells.batch))]
    frame = pandas.DataFrame(cells.counts, index=names, columns=cells.genes)
    batch = pandas.Series(cells.batch, index=names)
    expected = BatchCorrector(method="linear").correct(frame, batch=batch)
    found = BatchCorrector(method="linear").correct(frame, batch=batch[::-1])
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())


def test_a_data_frame_may_hold_the_batch_beside_the_genes(cells) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(cells.counts, columns=cells.genes)
    expected = BatchCorrector(method="linear").correct(frame, batch=cells.batch)
    found = BatchCorrector(method="linear").correct(frame.assign(batch=cells.batch))
    assert list(found.columns) == list(cells.genes)
    np.testing.assert_array_equal(found.to_numpy(), expected.to_numpy())
