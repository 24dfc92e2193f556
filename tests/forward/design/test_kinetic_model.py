"""Networks are designed: parameters are found with which they behave as asked."""

import math

import pytest
import torch

import sciadv
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.design.kinetic_model import DesignableNetwork, designable
from sciadv.physics.reactions.expressions import call, name
from sciadv.physics.reactions.measures import Course
from sciadv.physics.reactions.network import Parameter, ReactionNetwork

COURSE = Course(20.0, 5.0, n_samples=150, relative=1e-6, absolute=1e-8)


def oscillator() -> ReactionNetwork:
    """Return ``x' = w y, y' = -w x``, whose period is 2 pi / w, from (1, 0)."""
    w, x, y = (name(one) for one in "wxy")
    return ReactionNetwork(
        "oscillator",
        {},
        {},
        {"w": Parameter(2.0), "x": Parameter(1.0, False), "y": Parameter(0.0, False)},
        {},
        rate_rules={"x": call("times", w, y), "y": call("minus", call("times", w, x))},
    )


def model(parameters: tuple[str, ...] = ("w", "x"), span: float = 2.0) -> DesignableNetwork:
    properties = {"period": "period of x", "amplitude": "amplitude of x"}
    return designable(oscillator(), parameters, properties, course=COURSE, span=span, n_library=4)


def test_periods_and_amplitudes_have_the_derivatives_of_the_closed_form():
    x = torch.tensor([[2.0, 1.0], [3.0, 2.0]], dtype=torch.float64, requires_grad=True)
    found = model().predict(w=x[:, 0], x=x[:, 1])
    torch.testing.assert_close(found["period"], 2 * math.pi / x[:, 0], rtol=1e-3, atol=0)
    (by_period,) = torch.autograd.grad(found["period"].sum(), x, retain_graph=True)
    (by_amplitude,) = torch.autograd.grad(found["amplitude"].sum(), x)
    torch.testing.assert_close(by_period[:, 0], -2 * math.pi / x[:, 0].detach() ** 2, rtol=0.02, atol=0)
    torch.testing.assert_close(by_amplitude[:, 1], torch.full((2,), 2.0).double(), rtol=0.02, atol=0)


@pytest.mark.slow
def test_a_period_is_asked_for_and_found():
    network = model(("w",))
    designs = sciadv.design(network, {"period": 2.5}, 1)
    found = network.designed(designs.x[0])
    assert math.isclose(found.parameters["w"].value, 2 * math.pi / 2.5, rel_tol=0.02)
    assert network.network.parameters["w"].value == 2.0


@pytest.mark.parametrize(
    ("call_", "error", "words"),
    [
        (lambda: model(span=1.0), InputError, "span must be a finite number larger than 1"),
        (
            lambda: designable(oscillator(), ["q"], {"m": "mean of x"}, course=Course(1.0)),
            UnknownNameError,
            "named 'q'",
        ),
        (
            lambda: designable(oscillator(), ["y"], {"m": "mean of x"}, course=Course(1.0)),
            InputError,
            "y is 0: only what is positive",
        ),
    ],
)
def test_what_cannot_be_designed_is_refused_in_words(call_, error, words):
    with pytest.raises(error, match=words):
        call_()
