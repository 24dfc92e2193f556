"""Targets as people write them: numbers, units, ranges, limits, directions, and what is refused in words."""

import math
from typing import ClassVar

import numpy as np
import pytest
import torch

import sciadv
from sciadv.catalogue import untrained_prior
from sciadv.designs.evaluated import usual_size
from sciadv.designs.wishes import read_wishes
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Texture
from sciadv.forward.design.scripted import ScriptedModel

MODEL = Texture((2,), contact_modulus=3.5e9, nominal_pressure=20e6, shear_strength=5e6)


def read(value, name="contact_pressure", model=MODEL, size=None):
    (wish,) = read_wishes(model, {name: value}, tolerance=0.01, name="textures", size=size)
    return wish


@pytest.mark.parametrize(
    "value",
    [1e8, "1e8", "100 MPa", "1e5 kPa", "0.1 GPa", np.float32(1e8), np.array(1e8), torch.tensor(1e8), 10**8],
)
def test_one_pressure_is_read_alike_in_every_form(value):
    wish = read(value)
    assert (wish.value, wish.low, wish.high) == pytest.approx((1e8, 0.99e8, 1.01e8))


@pytest.mark.parametrize(
    "value",
    [
        "50..100 MPa",
        "5e7 .. 1e8",
        ("50 MPa", "100 MPa"),
        (5e7, 1e8),
        [5e7, 1e8],
        np.array([5e7, 1e8]).tolist(),
        "75 ± 25 MPa",
        "75+-25 MPa",
        "7.5e7 +/- 2.5e7",
    ],
)
def test_a_range_has_its_own_ends_and_no_tolerance(value):
    wish = read(value)
    assert (wish.low, wish.high, wish.value) == (5e7, 1e8, None)


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        ("<= 100 MPa", (-math.inf, 1e8)),
        ("<100 MPa", (-math.inf, 1e8)),
        (">= 1e8", (1e8, math.inf)),
        (sciadv.at_least("100 MPa"), (1e8, math.inf)),
        (sciadv.at_most(1e8), (-math.inf, 1e8)),
    ],
)
def test_limits_are_open_on_one_side(value, ends):
    wish = read(value)
    assert (wish.low, wish.high) == ends


def test_directions_have_no_limit():
    assert read("minimise").direction == "minimise"
    assert read("Maximize").direction == "maximise"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "must be a finite number"),
        (math.nan, "must be a finite number"),
        (None, "must be a finite number"),
        ("", "must be a finite number, with a unit"),
        ("fast", "must be a finite number, with a unit"),
        ("20 kg", "is another kind of quantity"),
        ("20 MPz", "a unit that is not known"),
        ("20 Pa)(", "a unit that is not known"),
        ("20 1 MPa", "a unit that is not known: '1 MPa'"),
        ("20 + 1 MPa", r"a unit that is not known: '\+ 1 MPa'"),
        ("20 MPa ± 5 %", "a unit that is not known"),
        ("20 +- -1 MPa", "must grow"),
        ("5..2 MPa", "must grow"),
        ((1e8, 1e8), "for one value, give a number"),
        ((1e8,), "must be a number, a text or a range"),
        (-1e8, "not possible: contact_pressure is above 0"),
        (0, "target contact_pressure = 0 Pa is not possible: contact_pressure is above 0"),
        ("<= 0", "not possible: contact_pressure is above 0"),
        ({"low": 1}, "must be a finite number"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(value, words):
    with pytest.raises(InputError, match=words):
        read(value)


def test_a_fraction_above_1_a_strange_property_and_a_lonely_yield_are_refused():
    with pytest.raises(InputError, match="at most 1"):
        read(">= 1.5", "contact_fraction")
    with pytest.raises(UnknownNameError, match="did you mean"):
        read(1.0, "contact_presure")
    with pytest.raises(InputError, match="give a target for a property too"):
        read(">= 0.9", "yield")
    with pytest.raises(InputError, match="a yield is a limit"):
        read_wishes(MODEL, {"yield": 0.9, "max_slope": 0.1}, tolerance=0.01, name="textures", size=None)


class Bridge:
    """Four resistors at 5 V; the voltage between the middles, in microvolts for the sake of small numbers."""

    variables: ClassVar = tuple(
        sciadv.Variable(f"r{i}", "ohm", 100, 1000, is_log=True, scatter=0.01) for i in range(1, 5)
    )
    properties: ClassVar = {"imbalance": "V", "power": "W"}

    def predict(self, r1, r2, r3, r4):
        return {
            "imbalance": 5e-6 * (r2 / (r1 + r2) - r4 / (r3 + r4)),
            "power": 25 / (r1 + r2) + 25 / (r3 + r4),
        }


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "0 uV", "0", np.float32(0), torch.tensor(0)])
def test_zero_is_met_within_a_part_of_the_usual_size(value):
    wish = read(value, "imbalance", ScriptedModel(Bridge()), size=lambda name: {"imbalance": 4e-7}[name])
    assert (wish.value, wish.low, wish.high, wish.scale) == (0, -4e-9, 4e-9, 4e-9)
    assert str(wish) == "imbalance = 0 within 4e-09 V"


@pytest.mark.parametrize(("value", "ends"), [("<= 0 V", (-math.inf, 0)), (">= 0", (0, math.inf))])
def test_limits_at_zero_have_a_tolerance_of_the_usual_size(value, ends):
    wish = read(value, "imbalance", ScriptedModel(Bridge()), size=lambda name: 4e-7)
    assert (wish.low, wish.high, wish.scale) == (*ends, 4e-9)


def test_the_usual_size_is_the_median_of_what_random_designs_have():
    model = ScriptedModel(Bridge())
    size = usual_size(model, untrained_prior(model), "imbalance")
    x = 100 * 10 ** torch.rand(20_000, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert size == pytest.approx(float(model(x)[:, 0].abs().median()), rel=0.15)
    assert usual_size(ScriptedModel(Nothing()), untrained_prior(model), "balance") == 1


class Nothing:
    """A property that is always 0."""

    variables: ClassVar = Bridge.variables
    properties: ClassVar = {"balance": ""}

    def predict(self, r1, r2, r3, r4):
        return {"balance": 0 * r1}


def test_designs_with_a_property_of_zero_balance_the_bridge():
    found = sciadv.design(Bridge(), {"imbalance": 0, "power": 0.04}, 8)
    r1, r2, r3, r4 = found.x.T
    assert found.n_good == found.facts["n_distinct"] == 8
    assert r1 * r4 / (r2 * r3) == pytest.approx(np.ones(8), rel=0.01)
    assert found.messages[0].startswith("8 of 8 designs have imbalance = 0 within ")
    assert any("1 % of the median size of imbalance over random designs" in line for line in found.messages)


def test_a_limit_at_zero_of_a_small_property_is_kept_by_the_best_designs():
    found = sciadv.design(Bridge(), {"imbalance": "<= 0", "power": "maximise"}, 4)
    assert found.n_good >= 1
    assert float(found.values["power"].max()) == pytest.approx(0.25, rel=1e-3)  # all at 100 ohm
    assert float(found.values["imbalance"].max()) <= 0


def test_a_limit_at_zero_of_ones_own_is_kept():
    class Tuned(Bridge):
        limits: ClassVar = {"imbalance": "<= 0"}

    found = sciadv.design(Tuned(), {"power": 0.04}, 6)
    assert found.n_good == 6
    assert float(found.values["imbalance"].max()) <= 0


def test_a_certificate_around_zero_is_in_parts_of_the_usual_size():
    class Measured(Bridge):
        def verify(self, x):
            found = self.predict(*x.T)
            return {"imbalance": found["imbalance"] + 1e-10}

    found = sciadv.design(Measured(), {"imbalance": 0}, 4)
    model = ScriptedModel(Bridge())
    part = 1e-10 / usual_size(model, untrained_prior(model), "imbalance")
    off = found.facts["certificate"]["largest_relative_deviations"]["imbalance"]
    assert off == pytest.approx(part, rel=1e-6)
    assert found.facts["certificate"]["n_verified"] == 4


class Odd:
    """A property in a unit that nobody else knows."""

    variables: ClassVar = (sciadv.Variable("power", "W", 100, 2000), sciadv.Variable("mass", "kg", 0.1, 5))
    properties: ClassVar = {"odd": "flob"}

    def predict(self, power, mass):
        return {"odd": power * mass}


def test_a_unit_of_ones_own_is_taken_and_not_converted():
    assert sciadv.design(Odd(), {"odd": "500 flob"}, 2).n_good == 2
    with pytest.raises(InputError, match="odd is in flob, a unit that cannot be converted: give a number"):
        sciadv.design(Odd(), {"odd": "500 m"}, 2)


def test_a_variable_in_place_of_a_property_and_a_class_in_place_of_an_object_are_named():
    with pytest.raises(InputError, match="mass is a variable of Odd, which is designed, and no property"):
        sciadv.design(Odd(), {"mass": "1 kg"}, 2)
    with pytest.raises(InputError, match=r"Odd is a class; give an object of it: Odd\(\)"):
        sciadv.design(Odd, {"odd": 500}, 2)
