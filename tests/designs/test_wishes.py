"""Targets as people write them: numbers, units, ranges, limits, directions, and what is refused in words."""

import math

import numpy as np
import pytest
import torch

import sciadv
from sciadv.designs.wishes import read_wishes
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import Texture

MODEL = Texture((2,), contact_modulus=3.5e9, nominal_pressure=20e6, shear_strength=5e6)


def read(value, name="contact_pressure"):
    (wish,) = read_wishes(MODEL, {name: value}, tolerance=0.01, name="textures")
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
        ("5..2 MPa", "must grow"),
        ((1e8, 1e8), "for one value, give a number"),
        ((1e8,), "must be a number, a text or a range"),
        (-1e8, "not possible: contact_pressure is above 0"),
        (0, "has no tolerance"),
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
        read_wishes(MODEL, {"yield": 0.9, "max_slope": 0.1}, tolerance=0.01, name="textures")
