"""Promoters as formulas: which part of its largest production a gene has, by the logic of its model.

The formulas are those of `CircuitModel`; every number in them is a parameter with a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sciadv.physics.reactions.expressions import Expression, call, name, number

ONE = number(1.0)


def product(factors: Sequence[Expression]) -> Expression:
    """Return the product of formulas; 1 of none."""
    return _joined("times", factors, ONE)


def total(terms: Sequence[Expression]) -> Expression:
    """Return the sum of formulas; 0 of none."""
    return _joined("plus", terms, number(0.0))


def _joined(head: str, parts: Sequence[Expression], nothing: Expression) -> Expression:
    """Return a product of products, or a sum of sums, as one."""
    flat = [one for part in parts for one in (part.args if part.head == head else (part,))]
    if len(flat) < 2:
        return flat[0] if flat else nothing
    return call(head, *flat)


def over(a: Expression, b: Expression) -> Expression:
    """Return ``a / b``."""
    return call("divide", a, b)


def rest(a: Expression) -> Expression:
    """Return ``1 - a``."""
    return call("minus", ONE, a)


def between(low: Expression, part: Expression) -> Expression:
    """Return ``low + (1 - low) part``."""
    return total([low, product([rest(low), part])])


@dataclass(frozen=True)
class Site:
    """An edge to a promoter: names of the regulator's level and of the edge's numbers, and what it does."""

    level: str
    threshold: str
    hill: str
    fold: str
    is_activator: bool

    @property
    def bound(self) -> Expression:
        """``u = (x / K)^n``."""
        return call("power", over(name(self.level), name(self.threshold)), name(self.hill))

    @property
    def condition(self) -> Expression:
        """``e``: ``u / (1 + u)`` of an activator, ``1 / (1 + u)`` of a repressor."""
        all_of = total([ONE, self.bound])
        return over(self.bound if self.is_activator else ONE, all_of)

    @property
    def lowest(self) -> Expression:
        """``1 / fold``."""
        return over(ONE, name(self.fold))

    @property
    def more(self) -> Expression:
        """``fold - 1``."""
        return call("minus", name(self.fold), ONE)

    @property
    def produces(self) -> Expression:
        """What a promoter that holds the regulator produces, relative to the empty one."""
        return name(self.fold) if self.is_activator else self.lowest

    def beside(self, other: Site) -> Expression:
        """Return what two regulators produce: the mean of theirs; as the empty promoter if they disagree."""
        if self.is_activator != other.is_activator:
            return ONE
        return over(total([self.produces, other.produces]), number(2.0))


@dataclass(frozen=True)
class Promoter:
    """The edges to a gene, and names of its own parameters.

    Parameters
    ----------
    sites
        The edges.
    largest
        Production of a promoter that holds the strongest activator, relative to the empty one.
    second_site
        Dissociation constant of the second regulator over that of the first.
    """

    sites: tuple[Site, ...]
    largest: str
    second_site: str

    def formula(self, logic: str) -> Expression:
        """Return f, in (0, 1], by the logic of the circuit's model; there is one edge at least."""
        formulas = {
            "multiplicative": self.multiplicative,
            "and": self.all_of,
            "or": self.any_of,
            "additive": self.additive,
            "competitive": self.competitive,
            "two-site": self.two_site,
        }
        return formulas[logic]()

    @property
    def leak(self) -> Expression:
        """Product of the 1 / fold."""
        return product([site.lowest for site in self.sites])

    def multiplicative(self) -> Expression:
        """Return the product of shifted Hill functions."""
        return product([between(site.lowest, site.condition) for site in self.sites])

    def all_of(self) -> Expression:
        """Return f where all conditions must hold."""
        return between(self.leak, product([site.condition for site in self.sites]))

    def any_of(self) -> Expression:
        """Return f where one condition must hold."""
        none = product([rest(site.condition) for site in self.sites])
        return between(self.leak, rest(none))

    def additive(self) -> Expression:
        """Return f where each condition adds to the leak."""
        added = [product([site.more, site.condition]) for site in self.sites]
        most = [site.more for site in self.sites]
        return over(total([ONE, *added]), total([ONE, *most]))

    def competitive(self) -> Expression:
        """Return the mean over what one site holds: nothing, or one regulator."""
        weights = [site.bound for site in self.sites]
        produced = [product([site.produces, site.bound]) for site in self.sites]
        mean = over(total([ONE, *produced]), total([ONE, *weights]))
        return over(mean, name(self.largest))

    def two_site(self) -> Expression:
        """Return the mean over what two sites hold: nothing, one regulator, one twice, two of them."""
        weights = [ONE]
        produced = [ONE]
        pair = call("times", number(2.0), name(self.second_site))
        for place, site in enumerate(self.sites):
            twice = over(call("power", site.bound, number(2.0)), pair)
            weights += [site.bound, twice]
            produced += [product([site.produces, one]) for one in (site.bound, twice)]
            for other in self.sites[:place]:
                both = product([site.bound, other.bound])
                weights.append(both)
                produced.append(product([site.beside(other), both]))
        return over(over(total(produced), total(weights)), name(self.largest))
