"""The bench of circuits in and out counts what moves, agrees with CVODE and comes back equal."""

import numpy as np
import pytest

from benchmarks.design import circuit_exchange as bench


def test_a_distance_is_a_part_of_each_species_largest_level():
    exact = np.array([[0.0, 100.0], [1.0, 50.0]])
    assert bench.distance(np.add(exact, [[0.0, 1.0], [0.0, 0.0]]), exact) == pytest.approx(0.01)
    assert bench.distance(exact, exact) == 0.0


def test_what_stays_below_the_absolute_tolerance_is_nothing():
    rounding = np.array([[1e-28, 1.0], [0.0, 1.0]])
    exact = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert bench.distance(exact, rounding) == 1.0
    assert bench.distance(exact, rounding, nothing=1e-16) < 1e-16


@pytest.mark.parametrize(
    "lost", ["moves", "error_to_cvode", "differences_after_sbml", "error_after_antimony"]
)
def test_a_model_is_held_only_if_all_of_it_holds(lost):
    row = {
        "row": "one",
        "moves": 1.0,
        "error_to_cvode": 1e-9,
        "differences_after_sbml": 0,
        "error_after_sbml": 0.0,
        "error_after_antimony": 1e-9,
    }
    assert bench.holds(row)
    assert not bench.holds(row | {lost: 0.0 if lost == "moves" else 2.0})
    assert not bench.holds({"row": "not read", "what": "not read: it is no SBML"})


def test_circuits_come_back_and_boolean_models_without_data_say_so(monkeypatch, tmp_path):
    pytest.importorskip("antimony", reason="circuits go out as Antimony")
    pytest.importorskip("libsbml", reason="circuits come in as SBML")
    assert bench.circuits(2, seed=0)["largest_difference"] < 1e-6
    monkeypatch.setenv("SCIADV_DATA", str(tmp_path))
    assert "not under SCIADV_DATA" in bench.boolean("none.gz", bench.contradictions, "none")["what"]


def test_signs_against_those_stated_are_counted():
    stated = {"model.aeon": "a -> b\nc -| b\n", "model.bnet": "b, a & c\na, a\nc, c\n"}
    assert bench.contradictions(stated) == 1
    assert bench.contradictions({"model.bnet": "b, a &\n"}) is None
