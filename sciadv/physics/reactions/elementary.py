"""The functions that formulas come down to, of Python's floats and of tensors of many models at once."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import torch
from torch import Tensor

Operation = Callable[..., Any]


def _guarded(function: Operation) -> Operation:
    """Return a function of floats that gives NaN or infinity, as tensors do, where Python would raise."""

    @wraps(function)
    def guarded(*args: float) -> float:
        try:
            found = function(*args)
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return math.nan
        return math.nan if isinstance(found, complex) else float(found)

    return guarded


def _divided(a: float, b: float) -> float:
    """Return ``a / b``, infinite or NaN where ``b`` is 0."""
    if b:
        return a / b
    is_nothing = a == 0 or math.isnan(a)
    return math.nan if is_nothing else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _of_doubles(function: Operation) -> Operation:
    """Return a function of tensors whose last two arguments may be numbers, which count as doubles."""

    def wrapped(*args: Tensor | float) -> Any:
        last = (torch.as_tensor(one, dtype=torch.float64) for one in args[-2:])
        return function(*args[:-2], *last)

    return wrapped


_BOTH: dict[str, Operation] = {
    "plus": operator.add,
    "minus": operator.sub,
    "times": operator.mul,
    "negative": operator.neg,
    "abs": operator.abs,
    "lt": operator.lt,
    "leq": operator.le,
    "gt": operator.gt,
    "geq": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}
_UNARY = "exp sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh log10 floor ceil"

#: Functions of Python's floats.
OF_FLOATS: Mapping[str, Operation] = {
    **_BOTH,
    **{name: _guarded(getattr(math, name)) for name in _UNARY.split()},
    "divide": _divided,
    "power": _guarded(lambda a, b: math.inf if a == 0 and b < 0 else a**b),
    "ln": _guarded(lambda x: -math.inf if x == 0 else math.log(x)),
    "factorial": _guarded(lambda x: math.factorial(int(x))),
    "where": lambda condition, a, b: a if condition else b,
    "max": max,
    "min": min,
    "and": lambda a, b: bool(a) and bool(b),
    "or": lambda a, b: bool(a) or bool(b),
    "xor": lambda a, b: bool(a) is not bool(b),
    "not": operator.not_,
}

#: The same functions of tensors, differentiable.
OF_TENSORS: Mapping[str, Operation] = {
    **_BOTH,
    **{name: getattr(torch, name) for name in _UNARY.split()},
    "divide": operator.truediv,
    "power": torch.pow,
    "ln": torch.log,
    "factorial": lambda x: (x + 1).lgamma().exp().round(),
    "where": _of_doubles(lambda condition, a, b: torch.where(_truth(condition), a, b)),
    "max": _of_doubles(torch.maximum),
    "min": _of_doubles(torch.minimum),
    "and": lambda a, b: _truth(a) & _truth(b),
    "or": lambda a, b: _truth(a) | _truth(b),
    "xor": lambda a, b: _truth(a) ^ _truth(b),
    "not": lambda a: ~_truth(a),
}


def _truth(x: Tensor | float) -> Tensor:
    return torch.as_tensor(x).bool()
