"""Formulas of kinetic models as trees: numbers, names, and functions of them.

The functions are those of MathML's subset in SBML Level 3 Version 2 (Hucka et al., The Systems Biology Markup
Language, Journal of Integrative Bioinformatics 16, 2019, section 3.4), under MathML's names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

#: What stands for a number by itself.
CONSTANTS = ("pi", "exponentiale", "infinity", "notanumber", "avogadro", "true", "false")


def constant_value(head: str, *, avogadro: float = 6.02214179e23) -> float:
    """Return what one of `CONSTANTS` stands for; Avogadro's number is that of SBML L3V1, section 3.4.6."""
    numbers = {"pi": math.pi, "exponentiale": math.e, "infinity": math.inf, "notanumber": math.nan}
    return (numbers | {"avogadro": avogadro, "true": 1.0, "false": 0.0})[head]


@dataclass(frozen=True)
class Expression:
    """A formula.

    Parameters
    ----------
    head
        ``number``, ``name``, ``time``, one of `CONSTANTS`, ``call`` for a function that
        the model defines, or a function's name: ``plus``, ``power``, ``piecewise``.
    args
        What the function is of. Those of ``piecewise`` are value, condition, value, condition, ..., and the
        value otherwise where there is one; of ``root`` degree and radicand, of ``log`` base and argument.
    value
        Of a number.
    name
        Of a quantity, or of a function that the model defines.
    """

    head: str
    args: tuple[Expression, ...] = ()
    value: float = 0.0
    name: str = ""

    def walk(self) -> Iterator[Expression]:
        """Yield the formula and all that it is made of."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def names(self) -> set[str]:
        """Return the quantities that it is of."""
        return {part.name for part in self.walk() if part.head == "name"}

    def heads(self) -> set[str]:
        """Return the functions and symbols in it."""
        return {part.head for part in self.walk()}

    def replaced(self, others: Mapping[str, Expression]) -> Expression:
        """Return the formula with other formulas for some of its names."""
        if self.head == "name":
            return others.get(self.name, self)
        return replace(self, args=tuple(arg.replaced(others) for arg in self.args))


def number(value: float) -> Expression:
    """Return a number as a formula."""
    return Expression("number", value=float(value))


def name(text: str) -> Expression:
    """Return a quantity as a formula."""
    return Expression("name", name=text)


def call(head: str, *args: Expression) -> Expression:
    """Return a function of formulas.

    Examples
    --------
    >>> sorted(call("times", name("k"), name("S")).names())
    ['S', 'k']
    """
    return Expression(head, args)
