"""What equations a circuit stands for: promoter logic, mRNA, delay, shared promoters, ranges and units.

The ranges of RACIPE are the default (Huang et al., Interrogating the topological robustness of gene
regulatory circuits by randomization, PLOS Computational Biology 13, 2017, Table 1), with one difference:
RACIPE sets the middle of a threshold's range to the median level of the regulator (its half-functional rule),
here a threshold is a part of the regulator's largest level, from 1 % of it to all of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal, get_args

from torch import Tensor

from sciadv.arguments.values import as_one_of, shown
from sciadv.errors import InputError, UnknownNameError

# Any text in Python, which the constructor answers; one of these in a file.
Expression = Annotated[str, Literal["protein", "mrna"]]
Logic = Annotated[str, Literal["multiplicative", "and", "or", "additive", "competitive", "two-site"]]
Shared = Annotated[str, Literal["none", "regulator", "target", "circuit"]]
#: Quantities that must be above 0.
_POSITIVE = (
    "threshold",
    "hill",
    "production",
    "degradation",
    "second_site",
    "mrna_degradation",
    "translation",
)


@dataclass(frozen=True)
class Range:
    """The lowest and highest value of a parameter, its unit, and whether its logarithm is what is uniform.

    Parameters
    ----------
    low, high
        The same for a number that is fixed.
    unit
        In the words "level" and "time", for which `CircuitModel.unit` puts the model's own units.
    is_log
        Whether places in [-1, 1] are even in the logarithm.

    Raises
    ------
    InputError
        The ends are reversed or not finite, or a logarithmic range does not lie above 0.

    Examples
    --------
    >>> Range(1.0, 100.0, "1", is_log=True).middle
    10.0
    """

    low: float
    high: float
    unit: str = "1"
    is_log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise InputError(f"a range has finite ends, but this one is {self.low:g} to {self.high:g}")
        if self.low > self.high:
            raise InputError(
                f"a range goes from low to high, but this one is {self.low:g} to {self.high:g}; reverse it"
            )
        if self.is_log and self.low <= 0:
            raise InputError(f"a logarithmic range lies above 0, but this one starts at {self.low:g}")

    @property
    def middle(self) -> float:
        """The value at place 0."""
        if self.is_log:
            return math.sqrt(self.low * self.high)
        return (self.low + self.high) / 2

    def value(self, place: Tensor) -> Tensor:
        """Return values for places in [-1, 1]."""
        part = (place + 1) / 2
        if self.is_log:
            return self.low * (self.high / self.low) ** part
        return self.low + (self.high - self.low) * part

    def place(self, value: Tensor) -> Tensor:
        """Return the places of values; of the only value of a fixed number it is 0."""
        if self.low == self.high:
            return (value - self.low).sign() * ((value - self.low).abs() > 1e-5 * abs(self.low)) * 2
        if self.is_log:
            return 2 * (value / self.low).log() / math.log(self.high / self.low) - 1
        return 2 * (value - self.low) / (self.high - self.low) - 1


@dataclass(frozen=True)
class Ranges:
    """The range of every quantity of a circuit; RACIPE's where it has one.

    Parameters
    ----------
    threshold
        Level of the regulator at which an edge is half on, in parts of the regulator's largest level.
    hill
        Hill coefficient.
    fold
        By how much an edge changes the production of its target at most.
    production
        Largest production of a gene: of protein, or of mRNA where there is mRNA.
    degradation
        Of the protein.
    basal
        Production that no regulator can take away, as a part of the largest.
    second_site
        Of promoters of two sites: dissociation constant of the second regulator over that of the first; 1
        where they do not help each other.
    mrna_degradation, translation
        Where there is mRNA; mRNA lives a tenth as long as protein by default, since transcripts of bacteria
        live for minutes and proteins until they are diluted (Bernstein et al., PNAS 99, 2002, page 9697).
    delay
        Mean time of maturation.

    Raises
    ------
    InputError
        A range holds values that the quantity cannot have.
    """

    threshold: Range = Range(0.01, 1.0, "parts of the regulator's largest level", is_log=True)
    hill: Range = Range(1.0, 6.0, "1")
    fold: Range = Range(1.0, 100.0, "1")
    production: Range = Range(1.0, 100.0, "level / time")
    degradation: Range = Range(0.1, 1.0, "1 / time")
    basal: Range = Range(0.0, 0.0, "parts of the largest production")
    second_site: Range = Range(1.0, 1.0, "1")
    mrna_degradation: Range = Range(1.0, 10.0, "1 / time", is_log=True)
    translation: Range = Range(1.0, 1.0, "1 / time")
    delay: Range = Range(0.0, 0.0, "time")

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            self._check(name, getattr(self, name).low > 0, "above 0")
        self._check("fold", self.fold.low >= 1, "at least 1; an edge's sign says whether it represses")
        self._check("delay", self.delay.low >= 0, "at least 0")
        self._check("basal", self.basal.low >= 0 and self.basal.high < 1, "from 0 to below 1")

    def _check(self, name: str, is_right: object, words: str) -> None:
        if not is_right:
            limits: Range = getattr(self, name)
            raise InputError(
                f"the range of {name} must be {words}, but it is {limits.low:g} to {limits.high:g}"
            )

    @staticmethod
    def of(settings: object) -> Ranges:
        """Return RACIPE's ranges with some others: ``{"fold": [1, 1000]}``, or a table of a `Range`.

        Raises
        ------
        UnknownNameError
            There is no such quantity.
        InputError
            It is no table, or a range is no pair of numbers and no table.
        """
        standard = Ranges()
        names = [one.name for one in fields(Ranges)]
        if not isinstance(settings, Mapping):
            return as_one_of(settings, "ranges", Ranges, f"Ranges(...), or a table of {', '.join(names)}")
        made = {}
        for name, value in settings.items():
            if name not in names:
                raise UnknownNameError("quantity of a circuit", name, names)
            made[name] = _range(name, value, getattr(standard, name))
        return Ranges(**made)


def _range(name: str, value: object, standard: Range) -> Range:
    """Read a range: ``[low, high]`` or a table, with the unit of the standard one; or take one as it is."""
    if isinstance(value, list | tuple) and len(value) == 2:
        value = {"low": value[0], "high": value[1]}
    if not isinstance(value, Mapping):
        what = "[low, high], a table of low, high, unit and is_log, or Range(...)"
        return as_one_of(value, f"the range of {name}", Range, what)
    given = dict(value)
    ends = [given.pop(end, None) for end in ("low", "high")]
    unit, is_log = given.pop("unit", standard.unit), given.pop("is_log", standard.is_log)
    is_number = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
    if given or not is_number or not isinstance(unit, str) or not isinstance(is_log, bool):
        raise InputError(
            f"the range of {name} must be [low, high] or a table of low, high, unit and is_log, but it is "
            f"{shown(value)}"
        )
    return Range(float(str(ends[0])), float(str(ends[1])), unit, is_log)


@dataclass(frozen=True)
class CircuitModel:
    """The form of a circuit's equations, the ranges of its quantities, and its units.

    Every gene j makes protein by a cascade of linear steps, whose source is regulated::

        source_j = production_j (basal_j + (1 - basal_j) f_j(levels of its regulators))

    With ``h_ij = x_i^n / (K^n + x_i^n)``, ``u_ij = (x_i / K)^n`` and ``e_ij`` = h for an activation, 1 - h
    for a repression, f is 1 where a gene has no regulators, and of one regulator always RACIPE's shifted Hill
    function ``1 / fold + (1 - 1 / fold) e``. Of several

    - "multiplicative": the product of these (RACIPE);
    - "and": ``leak + (1 - leak) prod e``, where leak is the product of the 1 / fold;
    - "or": ``leak + (1 - leak) (1 - prod (1 - e))``;
    - "additive": ``(1 + sum (fold - 1) e) / (1 + sum (fold - 1))``, each condition adds to the leak;
    - "competitive": one site that is empty (weight 1) or holds one regulator (weight u): the mean of 1,
      fold for activators and 1 / fold for repressors, over the largest of them;
    - "two-site": two sites, as in CircuiTree's model: weights 1 empty, u with one regulator, u^2 / (2 r) with
      a regulator twice, u_i u_j with two different ones; r is `second_site`. An activator and a
      repressor together have the production of the empty promoter, two activators the mean of theirs.

    Parameters
    ----------
    expression
        "protein", or "mrna": the source makes mRNA, which is degraded and translated.
    logic
        See above.
    shared
        Whether the threshold, Hill coefficient and fold change are each edge's own ("none"), one for all
        edges from a gene ("regulator"), for all to a gene ("target"), or for a whole circuit ("circuit").
        Of places that differ, the mean over the edges counts.
    n_maturation
        Steps of maturation after translation, a linear chain: the delay of each gene is gamma distributed
        with its mean and a relative spread of ``n_maturation ** -0.5``; 0 for none. What matures is not
        degraded.
    ranges
        Of all quantities.
    level_unit, time_unit
        Words of the units, which are reported and exported.

    Raises
    ------
    UnknownNameError
        An unknown expression, logic or way to share.
    InputError
        A number of steps below 0, steps without a delay, a delay without steps, or a unit that is no word.

    Examples
    --------
    >>> model = CircuitModel.of({"expression": "mrna", "logic": "and", "ranges": {"fold": [1, 1000]}})
    >>> model.n_stages, model.ranges.fold.high
    (2, 1000.0)
    """

    expression: Expression = "protein"
    logic: Logic = "multiplicative"
    shared: Shared = "none"
    n_maturation: int = 0
    ranges: Ranges = field(default_factory=Ranges)
    level_unit: str = "level"
    time_unit: str = "time"

    def __post_init__(self) -> None:
        for what, name, known in (
            ("expression of a circuit", self.expression, Expression),
            ("promoter logic", self.logic, Logic),
            ("way to share promoter parameters", self.shared, Shared),
        ):
            names = get_args(get_args(known)[1])
            if name not in names:
                raise UnknownNameError(what, str(name), names)
        for name in ("level_unit", "time_unit"):
            self._check_unit(name)
        self._check_delay()

    def _check_unit(self, name: str) -> None:
        """Check that a unit is a word."""
        unit = getattr(self, name)
        if not isinstance(unit, str) or not unit.strip():
            raise InputError(f"{name} must be a word, such as nM or min, but it is {shown(unit)}")

    def _check_delay(self) -> None:
        """Check that there are steps where there is a delay, and a delay where there are steps."""
        steps, delay = self.n_maturation, self.ranges.delay
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
            raise InputError(f"n_maturation must be a whole number, at least 0, but it is {shown(steps)}")
        if steps > 0 and delay.low <= 0:
            raise InputError(
                f"{steps} steps of maturation take time, but the range of delay starts at {delay.low:g}; "
                f"give ranges a delay above 0"
            )
        if steps == 0 and delay.high > 0:
            raise InputError(
                f"delay is {delay.low:g} to {delay.high:g}, but there are no steps that take it; "
                f"set n_maturation, 3 for instance"
            )

    @staticmethod
    def of(settings: object) -> CircuitModel:
        """Return a model: itself, or that of a table of settings, as a file has it.

        Raises
        ------
        InputError
            It is neither, or has other keys.
        """
        names = [one.name for one in fields(CircuitModel)]
        if not isinstance(settings, Mapping):
            return as_one_of(settings, "model", CircuitModel, f"CircuitModel(...), or {', '.join(names)}")
        for name in settings:
            if name not in names:
                raise UnknownNameError("setting of a circuit's model", str(name), names)
        given: dict[str, Any] = dict(settings)
        if "ranges" in given:
            given["ranges"] = Ranges.of(given["ranges"])
        return CircuitModel(**given)

    @property
    def n_stages(self) -> int:
        """Number of states of each gene: protein, what matures to it, and mRNA."""
        return 1 + self.n_maturation + (self.expression == "mrna")

    @property
    def slowness(self) -> float:
        """How much longer a gene takes than one of RACIPE's: sum of its stages' mean times, over theirs.

        Examples
        --------
        >>> CircuitModel().slowness
        1.0
        """
        ranges = self.ranges
        time = 1 / ranges.degradation.middle + ranges.delay.middle
        if self.expression == "mrna":
            time += 1 / ranges.mrna_degradation.middle
        return time * Ranges().degradation.middle

    def stage_names(self) -> list[str]:
        """Return what the blocks of a state hold, in order: ``["protein", "immature 2", ..., "mrna"]``."""
        immature = [f"immature {step}" for step in range(self.n_maturation, 0, -1)]
        return ["protein", *immature, *(["mrna"] if self.expression == "mrna" else [])]

    def unit(self, name: str) -> str:
        """Return the unit of a quantity in the model's units.

        Examples
        --------
        >>> CircuitModel(level_unit="nM", time_unit="min").unit("production")
        'nM / min'
        """
        words = {"level": self.level_unit, "time": self.time_unit}
        unit: str = getattr(self.ranges, name).unit
        if unit.startswith("parts"):
            return unit
        return " ".join(words.get(word, word) for word in unit.split(" "))


#: Protein only, multiplicative logic and RACIPE's ranges: what a circuit is where nothing else is said.
RACIPE = CircuitModel()
