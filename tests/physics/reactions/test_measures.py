"""Measures of trajectories are those of closed forms, alone and in a batch."""

import math

import numpy as np
import pytest
import torch

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.reactions.expressions import call, name
from sciadv.physics.reactions.layout import declared_values, with_values
from sciadv.physics.reactions.measures import Course, Measure, measured
from sciadv.physics.reactions.network import (
    Compartment,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
)


def oscillator() -> ReactionNetwork:
    """Return ``x' = w y, y' = -w x`` from (1, 0), beside S, which comes at a and goes at b S."""
    moving = {"x": Parameter(1.0, False), "y": Parameter(0.0, False)}
    return ReactionNetwork(
        "oscillator",
        {"c": Compartment(2.0)},
        {"S": Species("c", 0.0)},
        {**moving, "w": Parameter(2.0), "a": Parameter(3.0), "b": Parameter(0.5)},
        {
            "in": Reaction((), (Reference("S"),), rate=call("times", name("a"), name("c"))),
            "out": Reaction((Reference("S"),), rate=call("times", name("b"), name("S"), name("c"))),
        },
        rate_rules={
            "x": call("times", name("w"), name("y")),
            "y": call("minus", call("times", name("w"), name("x"))),
        },
    )


TEXTS = (
    "period of x",
    "amplitude of x",
    "highest of y",
    "mean of x",
    "level of S",
    "period of S",
    "level of in",
)


@pytest.mark.parametrize("batch_from", [1, 1000])
def test_measures_are_those_of_the_closed_form(batch_from):
    w = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    values = {"w": w, "a": 3 * w}
    course = Course(60.0, 30.0, batch_from=batch_from)
    found = measured(oscillator(), [Measure.read(text) for text in TEXTS], course, values=values).numpy()
    np.testing.assert_allclose(found[:, 0], 2 * math.pi / w, rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], 2.0, rtol=1e-4)
    np.testing.assert_allclose(found[:, 2], 1.0, rtol=1e-3)
    np.testing.assert_allclose(found[:, 3], 0.0, atol=0.06)
    np.testing.assert_allclose(found[:, 4], 6 * w, rtol=1e-6)
    assert np.isnan(found[:, 5]).all()
    np.testing.assert_allclose(found[:, 6], 6 * w, rtol=1e-9)


def test_sets_that_cannot_be_integrated_are_nan_and_others_are_not():
    network = oscillator()
    network.rate_rules["x"] = call("times", name("w"), name("x"), name("x"))
    w = torch.tensor([1e-3, 1.0], dtype=torch.float64)
    for batch_from in (1, 1000):
        found = measured(
            network, [Measure.read("level of x")], Course(2.0, batch_from=batch_from), values={"w": w}
        )
        np.testing.assert_allclose(found[:, 0], [1 / (1 - 2e-3), math.nan], rtol=1e-6)


def test_values_are_put_into_a_network_wherever_they_are_declared():
    network = with_values(oscillator(), {"w": 5.0, "S": 2.0, "c": 4.0})
    declared = declared_values(network)
    assert (declared["w"], declared["S"], declared["c"], declared["a"]) == (5.0, 2.0, 4.0, 3.0)
    assert declared_values(oscillator())["w"] == 2.0
    with pytest.raises(UnknownNameError, match="named 'v'"):
        with_values(oscillator(), {"v": 1.0})


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("period", InputError, "a text such as 'period of S'"),
        ("wobble of S", UnknownNameError, "no measure of a trajectory is named 'wobble'"),
    ],
)
def test_measures_are_read_in_words(text, error, words):
    with pytest.raises(error, match=words):
        Measure.read(text)


def test_a_quantity_that_a_network_lacks_is_named():
    with pytest.raises(UnknownNameError, match="named 'Z'"):
        measured(oscillator(), [Measure("level", "Z")], Course(1.0), values={})
