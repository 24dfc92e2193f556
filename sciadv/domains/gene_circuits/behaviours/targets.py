"""Targets on what is measured of circuits: ``period=20``, ``edges<=5``, ``genes=3``, ``amplitude=0.5..2``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.errors import InputError, UnknownNameError

_TEXT = re.compile(r"\s*(<=|>=|=)?\s*(\S+?)\s*(?:\.\.\s*(\S+))?\s*")
#: Numbers that are counted: a target on one of them is met exactly.
_COUNTED = ("genes", "edges", "n_states", "input_gene", "output_gene", "oscillating_gene", "n_cycles")


@dataclass(frozen=True)
class Target:
    """An interval in which a number must lie.

    Parameters
    ----------
    name
        Of the number.
    low, high
        The interval, ends included.
    """

    name: str
    low: float
    high: float

    def holds(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether it lies there; NaN does not.

        Raises
        ------
        UnknownNameError
            There is no such number.
        """
        if self.name not in measured:
            raise UnknownNameError("number measured of this behaviour", self.name, measured)
        value = measured[self.name]
        return (value >= self.low) & (value <= self.high)


def read_targets(
    wanted: Mapping[str, object],
    *,
    tolerance: float = 0.1,
) -> tuple[Target, ...]:
    """Read targets, as ``--target`` gives them.

    Parameters
    ----------
    wanted
        By name a number, which a measured one meets within `tolerance` of it and a counted one exactly; a
        pair ``(low, high)``; or a text such as "20", "<= 5", ">= 0.1" or "0.5..2".
    tolerance
        Relative.

    Raises
    ------
    InputError
        A value is none of these, or its interval is empty.

    Examples
    --------
    >>> read_targets({"period": 20, "edges": "<=5"})
    (Target(name='period', low=18.0, high=22.0), Target(name='edges', low=-inf, high=5.0))
    """
    targets = []
    for given, value in wanted.items():
        name, text = given.strip(), value
        if given[-1:] in ("<", ">"):  # the command splits period<=20 at its equals sign
            name, text = given[:-1].strip(), f"{given[-1]}={value}"
        low, high = _interval(name, text, tolerance)
        if not low <= high:
            raise InputError(
                f"no number lies between {low:g} and {high:g}, as the target of {name} asks; swap its ends"
            )
        targets.append(Target(name, low, high))
    return tuple(targets)


def _interval(name: str, value: object, tolerance: float) -> tuple[float, float]:
    """Return the ends of what a value stands for."""
    if isinstance(value, str):
        return _of_text(name, value, tolerance)
    if isinstance(value, tuple | list) and len(value) == 2:
        low, high = (_number(name, end) for end in value)
        return low, high
    number = _number(name, value)
    room = 0.0 if name in _COUNTED else tolerance * abs(number)
    return number - room, number + room


def _of_text(name: str, text: str, tolerance: float) -> tuple[float, float]:
    """Return the ends of what a text stands for."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise InputError(f"the target of {name} must be a number, <= or >= one, or LOW..HIGH; it is {text!r}")
    sign, first, last = match.groups()
    number = _number(name, first)
    if last is not None:
        return number, _number(name, last)
    if sign in ("<=", ">="):
        return (-math.inf, number) if sign == "<=" else (number, math.inf)
    return _interval(name, number, tolerance)


def _number(name: str, value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever a caller gave
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, bool):
        raise InputError(
            f"the target of {name} must be a number, <= or >= one, or LOW..HIGH; it is {value!r}"
        )
    return number
