"""Units of circuits as those of SBML: levels and times in the words of their model."""

from __future__ import annotations

from sciadv.physics.reactions.network import ModelUnits, UnitFactor
from sciadv.physics.regulation.circuit_model import CircuitModel

_NONE = UnitFactor("dimensionless")


def units_of(model: CircuitModel) -> tuple[ModelUnits, tuple[str, ...]]:
    """Return the units of a model's levels and times, and a sentence for each that SBML has none for.

    Examples
    --------
    >>> units_of(CircuitModel(level_unit="nM", time_unit="min"))[0].defined["unit_of_time"][0].multiplier
    60.0
    >>> units_of(CircuitModel())[1][0]
    "SBML has no unit 'level'; levels are written without one"
    """
    substance, volume = _substance(model.level_unit)
    level = (*substance, *(UnitFactor(one.kind, -one.exponent) for one in volume if one != _NONE))
    time = (_time(model.time_unit),)
    per_time = tuple(UnitFactor(one.kind, -1.0, multiplier=one.multiplier) for one in time)
    defined = {
        "unit_of_substance": substance,
        "unit_of_volume": volume,
        "unit_of_level": level,
        "unit_of_time": time,
        "per_time": per_time,
        "level_per_time": (*level, *per_time),
    }
    defaults = {
        "substance": "unit_of_substance",
        "extent": "unit_of_substance",
        "time": "unit_of_time",
        "volume": "unit_of_volume",
    }
    notes = [
        f"SBML has no unit {word!r}; {what} are written without one"
        for word, what, factor in (
            (model.level_unit, "levels", substance[0]),
            (model.time_unit, "times", time[0]),
        )
        if factor == _NONE
    ]
    return ModelUnits(defined, defaults), tuple(notes)


def _substance(word: str) -> tuple[tuple[UnitFactor, ...], tuple[UnitFactor, ...]]:
    """Return the units of an amount and of the volume it is in."""
    powers = {"M": 0, "mM": -3, "uM": -6, "nM": -9, "pM": -12}
    if word in powers:
        return (UnitFactor("mole", scale=powers[word]),), (UnitFactor("litre"),)
    is_count = word.removesuffix("s") in ("molecule", "item", "copie", "copy")
    return (UnitFactor("item") if is_count else _NONE,), (_NONE,)


def _time(word: str) -> UnitFactor:
    """Return the unit of a time, given in full or by its first letters."""
    seconds = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
    lengths = [value for name, value in seconds.items() if name.startswith(word.removesuffix("s") or "s")]
    return UnitFactor("second", multiplier=lengths[0]) if lengths else _NONE
