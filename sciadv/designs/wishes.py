"""What is asked of a design: values with a tolerance, ranges, limits, and what is to be small or large."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from sciadv.arguments.values import as_number, as_scalar, shown
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward import PropertyModel, Quantity

#: Directions of what is to be optimised.
Direction = Literal["minimise", "maximise"]
#: The name under which the share of parts as made that do what was asked can be a target.
YIELD = "yield"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(.*)")
_SPREAD = re.compile(rf"({_NUMBER})\s*(?:±|\+/?-)\s*({_NUMBER})\s*(.*)")
_VALUE = re.compile(rf"({_NUMBER})\s*(.*)")


@dataclass(frozen=True)
class Limits:
    """Ends of a range, each a number or a text with a unit; None for an open end."""

    low: object = None
    high: object = None


def at_least(value: float | str) -> Limits:
    """Ask for a property of `value` or more: a number in its SI unit, or a text such as "20 MPa".

    Examples
    --------
    >>> at_least("20 MPa")
    Limits(low='20 MPa', high=None)
    """
    return Limits(low=value)


def at_most(value: float | str) -> Limits:
    """Ask for a property of `value` or less: a number in its SI unit, or a text such as "20 MPa"."""
    return Limits(high=value)


@dataclass(frozen=True)
class Wish:
    """One demand on a property, in its SI unit.

    Parameters
    ----------
    name
        Of the property.
    low, high
        What counts as a hit.
    scale
        What counts as one tolerance.
    size
        What a part is a part of: the value asked for, the larger end, or the usual size where these are 0.
    value
        The value asked for, of which `low` and `high` are the tolerance; None for a range or a limit.
    direction
        Whether the property is to be small or large, with no limit; empty for a demand.
    unit
        SI unit.
    """

    name: str
    low: float = -math.inf
    high: float = math.inf
    scale: float = 1.0
    size: float = 1.0
    value: float | None = None
    direction: Direction | Literal[""] = ""
    unit: str = ""

    @property
    def goal(self) -> float:
        """A value that is asked for: the target, the middle of a range, or the limit."""
        if self.value is not None:
            return self.value
        if math.isinf(self.low) or math.isinf(self.high):
            return self.high if math.isinf(self.low) else self.low
        return 0.5 * (self.low + self.high)

    def __str__(self) -> str:
        """Write the demand in words."""
        unit = f" {self.unit}" if self.unit else ""
        if self.direction:
            return f"{self.name} {'small' if self.direction == 'minimise' else 'large'}"
        if self.value == 0 < self.scale:
            return f"{self.name} = 0 within {self.high:.2g}{unit}"
        if self.value is not None:
            return f"{self.name} = {self.value:.4g}{unit}"
        if math.isinf(self.high):
            return f"{self.name} at least {self.low:.4g}{unit}"
        if math.isinf(self.low):
            return f"{self.name} at most {self.high:.4g}{unit}"
        return f"{self.name} from {self.low:.4g} to {self.high:.4g}{unit}"


def read_wishes(
    model: PropertyModel,
    target: Mapping[str, object],
    *,
    tolerance: float,
    name: str,
    size: Callable[[str], float],
) -> tuple[Wish, ...]:
    """Return the demands of a target, checked against what the model's properties can be.

    Parameters
    ----------
    model
        What predicts the properties.
    target
        What is asked for, by property: a number in its SI unit; a text with a unit such as "20 MPa",
        "<= 20 MPa", ">= 0.1", "0.05..0.08", "20 +- 1 MPa" (from 19 to 21), "minimise" or "maximise"; a pair
        ``(low, high)``; `at_least` or `at_most`. ``yield`` is the share of parts as made that do all else.
    tolerance
        Part of a single value by which a hit may be off; of the property's usual size where that is 0.
    name
        Of the problem, for messages.
    size
        Returns the usual size of a property by its name, in its SI unit.

    Raises
    ------
    InputError
        No target was given, one cannot be read or has another kind of unit, or it lies outside of what the
        property can be.
    UnknownNameError
        There is no such property.
    """
    known = {quantity.name: quantity for quantity in model.PROPERTIES}
    if not target:
        raise InputError(f"give a target for {name}: a value of {' or '.join(known)}")
    wishes = []
    for key, value in target.items():
        if key in {variable.name for variable in model.variables} - set(known):
            raise InputError(
                f"{key} is a variable of {name}, which is designed, and no property: give it other bounds, "
                f"or ask for one of: {', '.join(known)}"
            )
        if key not in known and key != YIELD:
            raise UnknownNameError(f"property of {name}", key, known)
        quantity = known.get(key, Quantity(YIELD, "", 0.0, 1.0))
        wish = _read(quantity, value, tolerance)
        _check_possible(wish, quantity)
        is_around_zero = wish.size == 0 and key != YIELD
        wishes.append(_around_zero(wish, size(key), tolerance) if is_around_zero else wish)
    if all(wish.name == YIELD for wish in wishes):
        raise InputError("a yield is of parts that have something else: give a target for a property too")
    return tuple(wishes)


def _read(quantity: Quantity, value: object, tolerance: float) -> Wish:
    """Return the demand that a value of a target stands for."""
    plain = as_scalar(value)
    if isinstance(plain, str):
        plain = _from_text(plain.strip())
    if isinstance(plain, tuple | list):
        if len(plain) != 2:
            raise InputError(
                f"the target {quantity.name} must be a number, a text or a range (low, high), but it is "
                f"{shown(value)}"
            )
        plain = Limits(*plain)
    if isinstance(plain, str) and plain in {"minimise", "maximise"}:
        return Wish(quantity.name, direction=plain, unit=quantity.unit)  # type: ignore[arg-type]  # one of the two
    if isinstance(plain, Limits):
        return _range(quantity, plain, tolerance)
    number = in_unit(plain, quantity)
    width = tolerance * abs(number)
    if quantity.name == YIELD:
        raise InputError('a yield is a limit: give "yield": ">= 0.95"')
    return Wish(
        quantity.name,
        low=number - width,
        high=number + width,
        scale=width,
        size=abs(number),
        value=number,
        unit=quantity.unit,
    )


def _from_text(text: str) -> object:
    """Return the limits, the direction or the number with its unit that a text stands for."""
    words = {
        "minimise": "minimise",
        "minimize": "minimise",
        "maximise": "maximise",
        "maximize": "maximise",
    }
    if text.lower() in words:
        return words[text.lower()]
    for sign, side in ((">=", "low"), ("<=", "high"), (">", "low"), ("<", "high")):
        if text.startswith(sign):
            return Limits(**{side: text.removeprefix(sign).strip()})
    if found := _RANGE.fullmatch(text):
        return Limits(f"{found[1]} {found[3]}", f"{found[2]} {found[3]}")
    if found := _SPREAD.fullmatch(text):
        middle, spread = float(found[1]), float(found[2])
        return Limits(f"{middle - spread!r} {found[3]}", f"{middle + spread!r} {found[3]}")
    return text


def _range(quantity: Quantity, limits: Limits, tolerance: float) -> Wish:
    low = -math.inf if limits.low is None else in_unit(limits.low, quantity)
    high = math.inf if limits.high is None else in_unit(limits.high, quantity)
    if not low < high:
        raise InputError(
            f"the range of {quantity.name} must grow, but it is from {low:g} to {high:g}"
            + (": for one value, give a number" if low == high else "")
        )
    size = max(abs(end) for end in (low, high) if math.isfinite(end))
    scale = min(tolerance * size, 0.5 * (high - low))
    return Wish(quantity.name, low, high, scale, size, unit=quantity.unit)


def _around_zero(wish: Wish, size: float, tolerance: float) -> Wish:
    """Return a demand for 0, or one that ends there, with a size and a tolerance."""
    scale = tolerance * size
    if wish.value is None:
        return replace(wish, scale=scale, size=size)
    return replace(wish, low=-scale, high=scale, scale=scale, size=size)


def in_unit(value: object, quantity: Quantity) -> float:
    """Return a number, or a text with a unit, in the SI unit of a quantity.

    Raises
    ------
    InputError
        It is no finite number, its unit is not known, or is of another kind.

    Examples
    --------
    >>> in_unit("20 MPa", Quantity("pressure", "Pa"))
    20000000.0
    """
    what = f"the target {quantity.name}"
    if not isinstance(value, str):
        return as_number(value, what)
    found = _VALUE.fullmatch(value.strip())
    if found is None:
        raise InputError(
            f'{what} must be a finite number, with a unit or without, such as 0.08, "20 MPa", "<= 20 MPa", '
            f'"0.05..0.08" or "minimise", but it is {shown(value)}'
        )
    number = as_number(float(found[1]), what)
    return number if not found[2] else _converted(number, found[2], quantity)


def _converted(number: float, unit: str, quantity: Quantity) -> float:
    """Return a number of a unit in the SI unit of a quantity."""
    import pint

    if re.match(r"[-+±]|\d(?!\s*/)", unit):  # which pint would take for a factor of 1
        raise InputError(f"the target {quantity.name} has a unit that is not known: {unit!r}")
    if unit.strip() == quantity.unit:
        return number
    wanted = quantity.unit or "dimensionless"
    try:
        pint.Unit(wanted)
    except Exception as error:  # as below
        raise InputError(
            f"the target {quantity.name} is in {quantity.unit}, a unit that cannot be converted: give a "
            f"number of that unit, without another one"
        ) from error
    try:
        converted = pint.Quantity(number, unit).to(wanted)
    except pint.DimensionalityError as error:
        raise InputError(
            f"the target {quantity.name} is in {quantity.unit or 'parts of 1'}, and {number:g} {unit} is "
            f"another kind of quantity"
        ) from error
    except Exception as error:  # pint's parser raises whatever Python's tokenizer does
        raise InputError(f"the target {quantity.name} has a unit that is not known: {unit!r}") from error
    return float(converted.magnitude)


def _check_possible(wish: Wish, quantity: Quantity) -> None:
    """Refuse what a property cannot be by its definition.

    Raises
    ------
    InputError
        No value in the demand is one that the property can have.
    """
    if wish.direction:
        return
    low, high = quantity.low, quantity.high
    is_possible = wish.low <= high and wish.high > low
    if wish.value is not None:
        is_possible = low < wish.goal <= high
    if not is_possible:
        span = [f"above {low:g}"] * math.isfinite(low) + [f"at most {high:g}"] * math.isfinite(high)
        if high - low < 1e-6 * abs(high):
            span = [f"always {high:g}"]
        raise InputError(
            f"the target {wish} is not possible: {wish.name} is {' and '.join(span)} {quantity.unit}".rstrip()
        )
