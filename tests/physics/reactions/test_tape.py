"""Formulas as steps: right for floats and tensors alike, differentiable, each thing computed once."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.physics.reactions.elementary import OF_FLOATS, OF_TENSORS
from sciadv.physics.reactions.expressions import Expression, call, name, number
from sciadv.physics.reactions.tape import TapeBuilder

X = name("x")
#: What each function is at 0.3, by Python's own mathematics.
VALUES = {
    "exp": math.exp(0.3), "ln": math.log(0.3), "abs": 0.3, "floor": 0.0, "ceiling": 1.0, "factorial": 1.0,
    "sin": math.sin(0.3), "cos": math.cos(0.3), "tan": math.tan(0.3),
    "sec": 1 / math.cos(0.3), "csc": 1 / math.sin(0.3), "cot": 1 / math.tan(0.3),
    "sinh": math.sinh(0.3), "cosh": math.cosh(0.3), "tanh": math.tanh(0.3),
    "sech": 1 / math.cosh(0.3), "csch": 1 / math.sinh(0.3), "coth": 1 / math.tanh(0.3),
    "arcsin": math.asin(0.3), "arccos": math.acos(0.3), "arctan": math.atan(0.3),
    "arccot": math.pi / 2 - math.atan(0.3), "arcsinh": math.asinh(0.3), "arctanh": math.atanh(0.3),
    "arcsech": math.acosh(1 / 0.3), "arccsch": math.asinh(1 / 0.3),
}  # fmt: skip


def both(expression: Expression, **values: float) -> tuple[float, float]:
    """Return a formula's value on floats and on a tensor."""
    builder = TapeBuilder()
    names = list(values)
    slot = builder.add(expression, lambda key: builder.input(names.index(key)))
    tape = builder.tape([slot], n_inputs=len(names))
    floats = tape.function(OF_FLOATS)(list(values.values()))[0]
    tensors = tape.function(OF_TENSORS)([torch.tensor([v], dtype=torch.float64) for v in values.values()])[0]
    return float(floats), float(torch.as_tensor(tensors, dtype=torch.float64).reshape(-1)[0])


@pytest.mark.parametrize("head", VALUES)
def test_functions_of_one_argument_are_those_of_mathematics(head):
    np.testing.assert_allclose(both(call(head, X), x=0.3), VALUES[head], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (call("arcsec", number(2)), math.acos(0.5)),
        (call("arccsc", number(2)), math.asin(0.5)),
        (call("arccoth", number(2)), math.atanh(0.5)),
        (call("arccosh", number(2)), math.acosh(2)),
        (call("root", number(3), number(8)), 2.0),
        (call("root", number(2), X), 0.5**0.5),
        (call("log", number(10), X), math.log10(0.5)),
        (call("log", number(2), X), -1.0),
        (call("power", X, number(3)), 0.125),
        (call("minus", X), -0.5),
        (call("plus"), 0.0),
        (call("times"), 1.0),
        (call("times", X, X, number(4)), 1.0),
        (call("max", X, number(2), number(1)), 2.0),
        (call("min", X, number(2)), 0.5),
        (call("quotient", number(-7), number(2)), -3.0),
        (call("rem", number(-7), number(2)), -1.0),
        (Expression("avogadro"), 6.02214179e23),
        (call("piecewise", number(1), call("lt", X, number(0)), number(2), call("lt", X, number(1))), 2.0),
        (call("piecewise", number(1), call("lt", X, number(0)), number(7)), 7.0),
        (call("piecewise", X, call("lt", number(0), X, number(0.4)), number(7)), 7.0),
        (call("piecewise", X, call("implies", Expression("true"), Expression("false")), number(7)), 7.0),
        (call("piecewise", X, call("xor", call("gt", X, number(0)), call("eq", X, X)), number(7)), 7.0),
        (call("piecewise", X, call("not", call("neq", X, X)), number(7)), 0.5),
        (call("piecewise", X, call("and"), number(7)), 0.5),
        (call("piecewise", X, call("or"), number(7)), 7.0),
    ],
)
def test_functions_of_several_arguments_are_those_of_mathml(expression, value):
    np.testing.assert_allclose(both(expression, x=0.5), value, rtol=1e-14)


def _degree(expression: Expression) -> Expression:
    is_root = expression.head == "root"
    return call("root", number(2), *expression.args) if is_root else expression


leaves = st.sampled_from([X, name("y"), Expression("pi")]) | st.builds(number, st.floats(-3, 3))
formulas = st.recursive(
    leaves,
    lambda inner: (
        st.builds(call, st.sampled_from(["plus", "times", "minus", "divide", "max", "min"]), inner, inner)
        | st.builds(call, st.sampled_from(["sin", "exp", "arctan", "abs", "ln", "root"]), inner).map(_degree)
    ),
    max_leaves=12,
)


@given(formulas, st.floats(-2, 2), st.floats(0.1, 2))
def test_floats_and_tensors_give_the_same(expression, x, y):
    floats, tensors = both(expression, x=x, y=y)
    if math.isfinite(floats) and math.isfinite(tensors):
        np.testing.assert_allclose(floats, tensors, rtol=1e-9, atol=1e-9)
    else:
        assert math.isfinite(floats) == math.isfinite(tensors)


def test_what_several_formulas_share_is_one_step_and_numbers_are_folded():
    builder = TapeBuilder()
    shared = call("power", X, call("plus", number(1), number(2)))
    slots = [
        builder.add(one, lambda _: builder.input(0))
        for one in (call("sin", shared), call("plus", shared, number(1)))
    ]
    tape = builder.tape(slots, n_inputs=1)
    assert [head for head, _ in tape.steps] == ["power", "sin", "plus"]
    assert 3.0 in tape.constants


def test_a_models_own_function_sees_its_arguments_only_there():
    body = call("plus", name("x"), name("k"))
    builder = TapeBuilder({"f": (("x",), body)})
    slot = builder.add(
        Expression("call", (call("times", number(2), X),), name="f"),
        lambda key: builder.input(["x", "k"].index(key)),
    )
    assert builder.tape([slot], n_inputs=2).function(OF_FLOATS)([3.0, 10.0]) == [16.0]


def test_dividing_by_nothing_is_infinite_or_undefined_as_for_tensors():
    for a, b in ((1.0, 0.0), (-1.0, 0.0), (0.0, 0.0)):
        floats, tensors = both(call("divide", X, name("y")), x=a, y=b)
        np.testing.assert_equal(floats, tensors)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (call("sin", X, X), "sin of 2 arguments"),
        (call("wobble", X), "wobble of 1 arguments is no function"),
        (Expression("call", (X,), name="g"), "function g is not defined"),
        (Expression("call", (X, X), name="f"), "is of 1 arguments, but it is called with 2"),
        (call("delay", X, X), "delay cannot be simulated"),
    ],
)
def test_formulas_that_mean_nothing_are_refused_in_words(expression, words):
    builder = TapeBuilder({"f": (("x",), X)})
    with pytest.raises(InputError, match=words):
        builder.add(expression, lambda _: builder.input(0))
