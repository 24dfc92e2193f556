"""A yield that is asked for counts, beside objectives too: on parts that the search has not seen."""

import numpy as np
import pytest

import sciadv
from sciadv import Variable


class Strut:
    """A square strut under 10 kN; its stress and its mass."""

    variables = (Variable("length", "m", 0.1, 1.0), Variable("side", "m", 0.002, 0.05, scatter=2e-4))
    properties = {"stress": "Pa", "mass": "kg"}  # noqa: RUF012  # as a user writes it

    def predict(self, length, side):
        return {"stress": 1e4 / side**2, "mass": 7850 * length * side**2}


def share_that_bears(side, limit):
    made = side + 2e-4 * np.random.default_rng(5).standard_normal(20_000)
    return float((1e4 / made**2 <= limit).mean())


def test_the_lightest_designs_bear_the_yield_that_is_asked_for():
    target = {"mass": "minimise", "stress": "<= 200 MPa"}
    plain = sciadv.design(Strut(), target, 2)
    robust = sciadv.design(Strut(), target | {"yield": ">= 0.95"}, 2)
    assert share_that_bears(float(plain.x[0, 1]), 200e6) < 0.6
    mass = robust.values["mass"]
    assert robust.n_good == int((mass <= 1.01 * mass.min()).sum())
    for length, side in robust.x.tolist():
        assert length > 0
        assert share_that_bears(side, 200e6) >= 0.94
    least = (1e4 / 200e6) ** 0.5 + 1.645 * 2e-4  # the normal quantile of 95 %
    assert float(robust.values["mass"].min()) < 1.08 * 7850 * 0.1 * least**2


@pytest.mark.parametrize("other", [{"mass": "minimise"}, {}])
def test_a_yield_that_is_not_reached_is_not_counted_as_reached(other):
    found = sciadv.design(Strut(), other | {"stress": "199..201 MPa", "yield": ">= 0.9"}, 2)
    assert found.n_good == 0
    assert found.facts["status"] == "missed"
    assert found.messages[0].startswith("0 of 2 designs")
    assert any("no design was found of which 90% of the parts do it" in line for line in found.messages)
    assert not any(row["hit"] for row in found.table)


def test_random_designs_are_not_said_to_bear_a_yield_that_was_not_tried():
    found = sciadv.design(Strut(), {"stress": "100..400 MPa", "yield": ">= 0.9"}, 2)
    assert found.n_good == 2
    (baseline,) = (line for line in found.messages if line.startswith("baseline"))
    assert baseline.endswith("without a search, whatever their yield")
    assert found.beside[1]["do what was asked"].endswith(", whatever their yield")
