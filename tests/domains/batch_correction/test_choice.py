"""`auto`, and the design of an experiment: what is chosen and why, what is refused, what is warned of."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from benchmarks.biology.simulations import chain, simulate
from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.assessment.evidence import Probed, batch_p_value, kept_within, probe
from sciadv.domains.batch_correction.choice.automatic import Candidate, _least
from sciadv.domains.batch_correction.choice.confounding import Design, aliased_columns
from sciadv.domains.batch_correction.linear.combat import LinearCorrection
from sciadv.domains.batch_correction.matched.matched_correction import ResidualCorrection
from sciadv.errors import InputError


def test_auto_changes_nothing_where_batches_were_drawn_at_random() -> None:
    cells = simulate([[150, 150], [150, 150]], seed=0, batch_scale=0.0, n_genes=100)
    batch = np.random.default_rng(0).choice(["a", "b"], 600)
    corrector = BatchCorrector().fit(cells.counts, batch=batch)
    assert corrector.fitted_method == "nothing"
    assert "do not differ" in corrector.card()["chosen_because"]
    np.testing.assert_array_equal(corrector.embed(cells.counts), corrector.uncorrected(cells.counts))
    x = np.log1p(1e4 * cells.counts / cells.counts.sum(1, keepdims=True))
    np.testing.assert_allclose(corrector.transform(cells.counts, batch=batch), x, rtol=1e-5)


def test_auto_matches_cells_where_batches_hold_other_types_and_tells_what_it_compared(tmp_path) -> None:
    cells = simulate(chain(2, 300), seed=0, n_genes=200)
    corrector = BatchCorrector().fit(cells.counts, batch=cells.batch)
    assert corrector.fitted_method == "residual"
    assert [row[0] for row in corrector.card()["compared"]] == ["nothing", "linear", "residual"]
    assert BatchCorrector.load(corrector.save(tmp_path / "c")).card() == corrector.card()


@pytest.mark.parametrize(("shares", "is_said"), [((0.5, 0.5, 0.5), False), ((0.5, 0.75, 0.25), True)])
def test_few_samples_of_other_shares_are_warned_of(shares, is_said) -> None:
    rng = np.random.default_rng(0)
    batch = np.repeat(["a", "b", "c"], 24)
    group = np.concatenate([np.arange(24) < 24 * share for share in shares])
    effect = rng.normal(size=400) * (rng.random(400) < 0.3)
    shift = 0.6 * rng.normal(size=(3, 400))
    x = 8 + 0.3 * rng.normal(size=(72, 400)) + np.outer(group, effect) + np.repeat(shift, 24, 0)
    corrector = BatchCorrector()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        corrector.fit(x, batch=batch)
    assert corrector.fitted_method == "linear"
    assert any("other shares" in str(one.message) for one in caught) == is_said
    assert any("other shares" in note for note in corrector.card()["notes"]) == is_said


@pytest.mark.parametrize(("unpredictability", "chosen"), [(0.83, "residual"), (0.75, "linear")])
def test_what_hides_the_batch_as_well_within_chance_is_taken_where_it_keeps_more(
    unpredictability: float, chosen: str
) -> None:
    linear = Candidate(LinearCorrection, Probed(0.86, 1.0, 0.02), 0.9, 0.2)
    residual = Candidate(ResidualCorrection, Probed(unpredictability, 1.0, 0.02), 0.97, 0.4)
    assert _least((linear, residual), 0.001, least_kept=0.8).correction.method == chosen


def test_a_p_value_is_small_where_batches_differ_only() -> None:
    z = np.random.default_rng(1).normal(size=(200, 3))
    batch = np.arange(200) % 2
    assert batch_p_value(z, batch, seed=0) > 0.05
    assert batch_p_value(z + 3 * batch[:, None], batch, seed=0) == pytest.approx(0.005)


def test_the_probe_is_held_against_its_own_chance() -> None:
    rng = np.random.default_rng(0)
    z, batch, clusters = rng.normal(size=(300, 2)), np.arange(300) % 2, np.zeros(300, np.int64)
    found = probe(z, batch, clusters, seed=0)
    assert found is not None
    assert found.is_invariant()
    assert 0.85 < found.relative < 1.15
    apart = probe(z + 9 * batch[:, None], batch, clusters, seed=0)
    assert apart is not None
    assert apart.unpredictability == 0.0
    assert not apart.is_invariant()
    assert not Probed(1.5, 1.0, 0.02).is_invariant()  # below chance: cells were moved onto others
    assert probe(z, batch, batch, seed=0) is None


def test_neighbours_within_the_batch_do_not_see_the_batch_move() -> None:
    z = np.random.default_rng(0).normal(size=(100, 3))
    batch = np.arange(100) % 2
    assert kept_within(z + 5 * batch[:, None], z, batch) == 1.0
    assert kept_within(np.random.default_rng(1).normal(size=(100, 3)), z, batch) < 0.8


def test_cramers_v_and_what_can_be_compared() -> None:
    batch = np.repeat(["a", "b", "c"], 10)
    same = Design.of("x", batch, np.array(["1", "2"] * 15))
    assert same.cramers_v == pytest.approx(0.0)
    assert same.check() == ()
    alias = Design.of("x", batch, np.repeat(["1", "2", "3"], 10))
    assert alias.cramers_v == pytest.approx(1.0)
    assert alias.missing_rank == 2
    with pytest.raises(
        InputError, match=r"batch and 'x' are confounded: .*Cramer's V of batch and 'x' is 1.00"
    ):
        alias.check()
    partly = Design.of("x", batch, np.array(["1"] * 10 + ["1", "2"] * 5 + ["3"] * 10))
    (note,) = partly.check()
    assert "lacks a rank of 1" in note
    assert note.endswith("a, b; c")


def test_two_batches_of_one_condition_and_one_of_another_are_warned_of(cells) -> None:
    condition = np.where(cells.batch == "batch 3", "treated", "control")
    corrector = BatchCorrector(method="residual")
    with pytest.warns(UserWarning, match="partly confounded"):
        corrector.fit(cells.counts, batch=cells.batch, keep={"condition": condition})
    assert "partly confounded" in corrector.card()["notes"][0]


@pytest.mark.parametrize("method", ["auto", "linear", "residual", "adversarial"])
def test_a_condition_that_is_the_batch_is_refused_by_every_method(cells, method) -> None:
    with pytest.raises(InputError, match="batch and 'condition' are confounded"):
        BatchCorrector(method=method).fit(cells.counts, batch=cells.batch, keep={"condition": cells.batch})


def test_columns_that_the_batch_says_are_found(adata) -> None:
    adata.obs["chemistry"] = np.where(adata.obs["batch"] == "batch 1", "v2", "v3")
    batch = np.asarray(adata.obs["batch"], dtype=np.str_)
    assert aliased_columns(adata.obs, batch, used=("batch",)) == ("chemistry",)
    with pytest.warns(UserWarning, match="constant in every batch, and so removed with it: 'chemistry'"):
        BatchCorrector(method="linear").fit(adata)


def test_several_keys_of_the_batch_are_joined(adata) -> None:
    adata.obs["donor"] = np.where(np.arange(adata.n_obs) % 2, "x", "y")
    corrector = BatchCorrector(["batch", "donor"], method="linear").fit(adata)
    assert corrector.batches[0] == "batch 1 | x"
    assert len(corrector.batches) == 6
    kept = BatchCorrector("batch", keep="donor", method="linear")
    assert kept.correct(adata).layers["corrected"].shape == adata.shape


def test_a_series_is_put_into_the_cells_order_or_refused(adata, cells) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    turned = pandas.Series(cells.batch, index=adata.obs_names)[::-1]
    one = BatchCorrector(method="linear").fit(adata, batch=turned)
    two = BatchCorrector(method="linear").fit(adata)
    np.testing.assert_array_equal(
        one.transform(adata, batch=turned).layers["corrected"], two.transform(adata).layers["corrected"]
    )
    with pytest.raises(InputError, match="has an index, but it names 299 of the 300 cells"):
        BatchCorrector(method="linear").fit(adata, batch=turned[:-1])
