"""Physical quantities: the names, units and ranges of what a property model takes and predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from sciadv.arguments.values import as_flag, as_number, as_text
from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.base import Forward
from sciadv.nets import Box

#: What a property is between, by theory: lowest and highest value, and the theory in words.
Possible = tuple[float, float, str]
#: Ranges that are asked of properties, by name.
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Quantity:
    """A named number that a model predicts.

    Parameters
    ----------
    name
        In the field's words, such as ``friction_coefficient``.
    unit
        SI unit; empty for a pure number.
    low, high
        What it can be at all, by its definition.
    """

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Variable:
    """A number that a designer chooses.

    Parameters
    ----------
    name
        In the field's words, such as ``wavelength``.
    unit
        SI unit; empty for a pure number.
    low, high
        Bounds between which designs are searched; left out for one of `choices`.
    is_log
        Whether designs are spread evenly in the logarithm; then ``low > 0``.
    is_whole
        Whether it is a whole number.
    choices
        Names that it stands for, by its value 0, 1, ...; empty for a number.
    scatter
        Standard deviation of what is made from what was drawn: a part of the value where `is_log`, in `unit`
        elsewhere.

    Raises
    ------
    InputError
        The bounds do not grow, a logarithm is to be taken of what is not positive, whole numbers have a
        logarithm or choices, choices are fewer than two, or what can only be whole scatters.

    Examples
    --------
    >>> Variable("height", "m", 1e-9, 1e-7, is_log=True, scatter=0.05).low
    1e-09
    >>> Variable("material", choices=("silica", "titania")).high
    1.0
    """

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    is_whole: bool = False
    choices: tuple[str, ...] = ()
    scatter: float = 0.0

    def __post_init__(self) -> None:
        """Check every field."""
        as_text(self.name, "the name of a variable")
        where = f"of variable {self.name!r}"
        for flag in ("is_log", "is_whole"):
            as_flag(getattr(self, flag), f"{flag} {where}")
        if self.choices:
            if len(self.choices) < 2 or self.is_log or self.is_whole:
                raise InputError(f"choices {where} must be two names or more, without is_log and is_whole")
            object.__setattr__(self, "choices", tuple(str(choice) for choice in self.choices))  # frozen
            object.__setattr__(self, "low", 0.0)
            object.__setattr__(self, "high", float(len(self.choices) - 1))
        low = as_number(self.low, f"low {where}", above=0 if self.is_log else -math.inf)
        high = as_number(self.high, f"high {where}", above=low)
        if self.is_whole and (self.is_log or low != round(low) or high != round(high)):
            raise InputError(f"the bounds {where} must be whole numbers, without is_log")
        scatter = as_number(self.scatter, f"scatter {where}", least=0)
        if self.is_discrete and scatter > 0:
            raise InputError(f"scatter {where} must be 0: it is one of a few values")
        for name, value in (("low", low), ("high", high), ("scatter", scatter)):
            object.__setattr__(self, name, value)

    @property
    def is_discrete(self) -> bool:
        """Whether it is a whole number or one of the choices."""
        return self.is_whole or bool(self.choices)

    def plain(self, value: float) -> object:
        """Return a value as a table has it: the choice's name, a whole number, or the number."""
        if self.choices:
            return self.choices[round(value)]
        return round(value) if self.is_whole else value


def known_names(what: str, known: Sequence[Quantity], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of properties that a model is asked for.

    Parameters
    ----------
    what
        What the model is of, for a message: ``"coating"``.
    known
        What it can predict.
    names
        What is asked for.

    Raises
    ------
    InputError
        Nothing is asked for.
    UnknownNameError
        There is no such property.
    """
    every = [quantity.name for quantity in known]
    for name in names:
        if name not in every:
            raise UnknownNameError(f"property of a {what}", name, every)
    if not names:
        raise InputError(f"a {what} needs one property or more of: {', '.join(every)}")
    return tuple(names)


@runtime_checkable
class PropertyModel(Protocol):
    """A forward that predicts named properties of candidates, so that one can design with it.

    `PROPERTIES` is all that it can predict, `properties` what it does. `variables` are the numbers of a
    candidate, in the order of its elements; empty for candidates that only a generator can make, such as
    images. `n_library` is how many random candidates a search may evaluate before it starts: fewer where a
    prediction is dear.

    A model may name ``costly`` properties, which a search evaluates only where they are asked for, and have
    further methods. ``canonical(x)`` returns the same one of all candidates that symmetry
    makes equal, so that they count once. ``verify(x)`` returns ``{property: values}`` from a solver that
    shares no code with the model; it raises `sciadv.errors.MissingPackageError` where that is not installed.
    ``library(n, seed)`` returns random candidates for a search to begin with, where few of those even between
    the bounds are of use. ``with_regime(x)`` returns predictions and regimes together, where that is cheaper.
    ``residuals(x)`` returns numbers ``(batch, n)`` whose mean square is the first of `PROPERTIES`, and their
    derivatives ``(batch, variables, n)``: where that property is to be small, a memetic search uses them.
    ``improved(x, name)`` returns candidates that start from `x` and have less of one property, by the model's
    own method, which may leave the range of a generator; those between `x` and them are candidates, too. None
    where it has no method for the property. ``first_guess()`` returns what that method starts from where
    nothing is known. ``conditions()`` returns the numbers ``(1, n)`` of the problem that a conditional
    generator takes by its ``latent``, None where there are none.
    ``possible(asked)`` returns `Possible` values by property: what theory leaves of each for any candidate
    that has what is asked of others, `Ranges`, which may be empty. What lies beyond is refused at once.
    ``files(x)`` returns ``{name: text or bytes}`` of files that other programs read, written beside the
    designs; names end in the number of the design, from 1, in three digits.
    ``as_made(x, n_parts, seed=...)`` returns parts ``(batch * n_parts, *shape)`` of candidates without
    variables as they are made, or None where their scatter is not known.
    ``generator()`` returns an untrained network of candidates that have no variables, for problems without a
    trained prior; its ``n_latent`` is how many latents it takes.
    """

    variables: tuple[Variable, ...]
    PROPERTIES: tuple[Quantity, ...]
    LEAP: str
    properties: tuple[str, ...]
    n_library: int

    def with_properties(self, names: Sequence[str]) -> Forward:
        """Return the same model with other predictions; raise `UnknownNameError` for one it does not know."""
        ...

    def regime(self, x: Tensor) -> Tensor:
        """Return the number of each candidate's regime ``(batch,)``: properties may leap between regimes."""
        ...


def box_of(model: PropertyModel) -> Box:
    """Return the box of a model's variables."""
    variables = model.variables
    return Box(
        [one.low for one in variables],
        [one.high for one in variables],
        is_log=[one.is_log for one in variables],
        levels=[round(one.high - one.low) + 1 if one.is_discrete else 0 for one in variables],
    )
