"""The fair classifier: what it hides, what it says of it, scikit-learn's conventions, and refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sciadv.domains.fairness import FairClassifier, FairSettings, fairness_gaps, simulate_decisions
from sciadv.errors import InputError, UnknownNameError

QUICK = FairSettings(n_steps=120, strengths=(0.0, 1.0, 8.0), n_folds=2, n_seeds=1)


@pytest.fixture(scope="module")
def table():
    return simulate_decisions(800, seed=1)


@pytest.fixture(scope="module", params=["demographic_parity", "equalised_odds"])
def fitted(request, table):
    model = FairClassifier(0.12, criterion=request.param, settings=QUICK)
    return model.fit(table.x, table.y, protected=table.group)


def test_the_gap_of_new_rows_falls_and_accuracy_stays_above_a_constant(fitted) -> None:
    new = simulate_decisions(20_000, seed=2)
    fair = fairness_gaps(new.y, fitted.predict(new.x), new.group)
    assert getattr(fitted.curve_[0].gaps, fitted.criterion) > 0.15
    assert getattr(fair, fitted.criterion) < 0.12
    assert fair.accuracy > max(new.y.mean(), 1 - new.y.mean()) + 0.1


def test_the_chosen_point_has_the_gap_and_none_more_accurate_has_it(fitted) -> None:
    within = [p for p in fitted.curve_ if getattr(p.gaps, fitted.criterion) <= fitted.gap]
    assert fitted.point_ in within
    assert fitted.point_.gaps.accuracy == max(p.gaps.accuracy for p in within)
    assert "of at most 0.12 was asked" in fitted.message_


def test_a_gap_of_zero_ends_in_a_constant_decision(fitted, table) -> None:
    model = fitted.with_gap(0.0)
    assert len(np.unique(model.predict(table.x))) == 1
    assert "constant" in model.message_
    assert fitted.gap == 0.12  # the other one is as it was


def test_probabilities_agree_with_decisions(fitted, table) -> None:
    p = fitted.predict_proba(table.x)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_array_equal(fitted.predict(table.x), fitted.classes_[p.argmax(1)])


def test_members_do_not_touch_each_other(table) -> None:
    alone = FairSettings(n_steps=40, strengths=(1.0,), n_folds=2, n_seeds=1)
    both = FairSettings(n_steps=40, strengths=(1.0, 50.0), n_folds=2, n_seeds=1)
    one, two = (
        FairClassifier(1.0, settings=s).fit(table.x, table.y, protected=table.group) for s in (alone, both)
    )
    assert one.curve_[0].gaps.accuracy == pytest.approx(two.curve_[0].gaps.accuracy, abs=0.01)


def test_the_same_seed_gives_the_same_and_names_do_not_matter(table) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(table.x, columns=[f"c{i}" for i in range(table.x.shape[1])])
    settings = FairSettings(n_steps=20, strengths=(1.0,), n_folds=2, n_seeds=1)
    one = FairClassifier(1.0, settings=settings).fit(table.x, table.y, protected=table.group)
    named = FairClassifier(1.0, settings=settings).fit(
        frame, pandas.Series(np.where(table.y, "yes", "no")), protected=pandas.Series(table.group)
    )
    np.testing.assert_array_equal(named.predict_proba(frame), one.predict_proba(table.x))
    assert set(named.predict(frame)) <= {"yes", "no"}
    with pytest.raises(InputError, match="X has the columns"):
        named.predict(frame.rename(columns={"c0": "other"}))
    with pytest.raises(InputError, match="encode them"):
        named.predict(frame.assign(c0="text"))


def test_it_clones_and_pickles(fitted, table) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(table.x), fitted.predict(table.x))
    with pytest.raises(InputError, match="call fit first"):
        clone(fitted).predict(table.x)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protected": None}, "protected is missing"),
        ({"protected": ["a"] * 800}, "one group"),
        ({"protected": ["a"] * 799}, "as many rows"),
        ({"protected": ["a"] * 799 + ["b"]}, "2 folds"),
        ({"y": np.ones(800)}, "two different labels"),
        ({"y": np.arange(800) % 3}, "two different labels"),
        ({"X": np.full((800, 2), np.nan)}, "NaN or infinite"),
        ({"X": np.zeros(800)}, "must be a table"),
    ],
)
def test_what_it_cannot_learn_from_is_refused_in_words(table, given, words) -> None:
    rows = {"X": table.x, "y": table.y, "protected": table.group} | given
    with pytest.raises(InputError, match=words):
        FairClassifier(settings=QUICK).fit(**rows)


@pytest.mark.parametrize("given", [{"gap": -0.1}, {"gap": 2}, {"seed": -1}])
def test_wrong_settings_are_refused_by_fit(table, given) -> None:
    with pytest.raises(InputError):
        FairClassifier(**given).fit(table.x, table.y, protected=table.group)
    with pytest.raises(UnknownNameError, match="equalised_odds"):
        FairClassifier(criterion="fair").fit(table.x, table.y, protected=table.group)
    with pytest.raises(InputError, match="rising"):
        FairSettings(strengths=(2.0, 1.0))
