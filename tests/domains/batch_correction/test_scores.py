"""The judges: what they say of embeddings whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from sciadv.domains.batch_correction import (
    batch_unpredictability,
    has_scib,
    label_transfer,
    probe_accuracy,
    scib_scores,
)
from sciadv.domains.batch_correction.assessment.assess import assess
from sciadv.domains.batch_correction.assessment.flat_maps import flat_map
from sciadv.domains.batch_correction.assessment.variance_by_batch import variance_by_batch
from sciadv.domains.batch_correction.reading.keys import as_names
from sciadv.errors import InputError
from sciadv.report.plotting import plot_maps, plot_variance_by_batch

N = 1200


@pytest.fixture(scope="module")
def known():
    """Two batches, two labels; an embedding without batches, and one in which the batch is a coordinate."""
    rng = np.random.default_rng(0)
    batch, label = np.arange(N) % 2, rng.integers(0, 2, N)
    mixed = rng.normal(size=(N, 4))
    mixed[:, 0] += 8 * label
    apart = mixed.copy()
    apart[:, 1] += 30 * batch
    return mixed, apart, np.array(["a", "b"])[batch], np.array(["x", "y"])[label]


def test_a_probe_finds_a_batch_that_is_there_and_only_that(known) -> None:
    mixed, apart, batch, _ = known
    assert abs(probe_accuracy(mixed, batch) - 0.5) < 0.15
    assert probe_accuracy(apart, batch) > 0.97


def test_unpredictability_is_0_when_apart_and_1_when_mixed(known) -> None:
    mixed, apart, batch, label = known
    assert batch_unpredictability(apart, batch, label) == 0
    assert abs(batch_unpredictability(mixed, batch, label) - 1) < 0.12


def test_unpredictability_does_not_blame_other_shares_of_the_labels(known) -> None:
    mixed, _, _, label = known
    rng = np.random.default_rng(1)
    batch = np.where(rng.random(N) < np.where(label == "x", 0.8, 0.2), "a", "b")
    assert probe_accuracy(mixed, batch) > 0.7
    assert abs(batch_unpredictability(mixed, batch, label) - 1) < 0.15


def test_cells_moved_onto_those_of_the_other_batch_are_below_chance() -> None:
    rng = np.random.default_rng(2)
    centres = 20 * rng.normal(size=(60, 3))  # each neighbourhood: 9 cells of one batch, 1 of the other
    place = np.repeat(np.arange(60), 10)
    batch = np.where((np.arange(600) % 10 == 0) ^ (place % 2 == 0), "a", "b")
    z = centres[place] + 0.01 * rng.normal(size=(600, 3))
    assert batch_unpredictability(z, batch, np.full(600, "x")) < 0.6
    pairs = np.repeat(5 * rng.normal(size=(300, 3)), 2, axis=0)  # every cell on one of the other batch
    assert batch_unpredictability(pairs, np.array(["a", "b"] * 300), np.full(600, "x")) > 1


def test_labels_carry_over_when_batches_lie_on_each_other(known) -> None:
    mixed, apart, batch, label = known
    assert label_transfer(mixed, batch, label).accuracy > 0.97
    swapped = apart.copy()
    swapped[(batch == "b")] *= [-1, 1, 1, 1]
    swapped[(batch == "b"), 0] += 8
    assert label_transfer(swapped, batch, label).accuracy < 0.1


def test_without_a_shared_label_nothing_can_be_judged(known) -> None:
    mixed, _, batch, _ = known
    with pytest.raises(InputError, match="no label occurs in two batches"):
        label_transfer(mixed, batch, batch)
    with pytest.raises(InputError, match="no label has 10 cells in each of two batches"):
        batch_unpredictability(mixed, batch, batch)
    found = assess({"before": mixed}, batch, batch, with_scib=False)
    assert len(found.notes) == 2
    assert [row[0] for row in found.rows()] == [
        "batch found by a fresh probe (share of held-out cells)",
        "the same by chance",
        "neighbours within its batch that a cell keeps",
    ]


def test_missing_names_of_every_kind_are_unknown() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    values = ["a", None, float("nan"), pandas.NA, 3]
    assert as_names(values, 5, what="labels").tolist() == ["a", "", "", "", "3"]


def test_scib_needs_its_package_in_words(known, monkeypatch) -> None:
    mixed, _, batch, label = known
    monkeypatch.setattr("sciadv.domains.batch_correction.assessment.scib.has_scib", lambda: False)
    with pytest.raises(InputError, match="need scib-metrics; pip install"):
        scib_scores({"it": mixed}, mixed, batch, label)


@pytest.mark.slow
@pytest.mark.skipif(not has_scib(), reason="scib-metrics is not installed")
def test_scib_gives_an_embedding_without_batches_nearly_full_marks(known) -> None:
    part = slice(0, 200)  # nearly all of its time is compilation
    mixed, apart, batch, label = (array[part] for array in known)
    found = scib_scores({"it": mixed.astype(np.float32)}, apart.astype(np.float32), batch, label)["it"]
    assert found["batch"] > 0.85
    assert found["total"] == pytest.approx(0.6 * found["bio"] + 0.4 * found["batch"])


def test_a_map_without_umap_is_two_components(known) -> None:
    _, apart, batch, _ = known
    found = flat_map(apart, has_umap=False)
    assert found.shape == (N, 2)
    first = found[:, 0]
    assert abs(first[batch == "a"].mean() - first[batch == "b"].mean()) > 25


def test_maps_are_drawn_with_titles_and_every_group_is_named(known) -> None:
    mixed, apart, batch, label = known
    figure = plot_maps(
        {"before": apart[:, :2], "after": mixed[:, :2]}, {"batch": batch, "label": label}, what="PCs"
    )
    assert [axes.get_title() for axes in figure.axes] == ["before", "after", "", ""]
    legends = [[text.get_text() for text in axes.get_legend().texts] for axes in figure.axes[1::2]]
    assert legends == [["a", "b"], ["x", "y"]]


def test_what_cannot_be_judged_of_few_cells_is_said_and_nothing_breaks(monkeypatch) -> None:
    batch, labels = np.repeat(["a", "b", "c"], 3), np.tile(["x", "y", "z"], 3)
    found = assess({"before": np.eye(9), "after": np.eye(9)}, batch, labels)
    assert "probe" not in found.numbers["after"]
    assert "'a' has 3" in found.notes[0]
    assert any("scores of scIB need" in note for note in found.notes)
    assert found.rows()[0][0].startswith("labels carried over")


def test_variance_between_batches_falls_where_they_are_laid_onto_each_other() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 5)) * [3, 1, 1, 1, 1]
    batch = np.repeat(["a", "b"], 100)
    apart = z + 4 * (batch == "b")[:, None]
    before, after = variance_by_batch(apart, batch), variance_by_batch(z, batch)
    assert before[0] > 0.5
    assert after.max() < 0.1
    figure = plot_variance_by_batch({"before": before, "after": after})
    assert [line.get_label() for line in figure.axes[0].lines] == ["before", "after"]
