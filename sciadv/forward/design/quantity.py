"""Physical quantities: the names, units and ranges of what a model takes and predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from sciadv.forward.base import Forward


@dataclass(frozen=True)
class Quantity:
    """A named number.

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


@runtime_checkable
class PropertyModel(Protocol):
    """A forward on rows of named quantities, so that one can design with it.

    `PROPERTIES` is all that it can predict, `properties` what it does.
    """

    VARIABLES: tuple[Quantity, ...]
    PROPERTIES: tuple[Quantity, ...]
    LEAP: str
    properties: tuple[str, ...]

    def with_properties(self, names: Sequence[str]) -> Forward:
        """Return the same model with other predictions; raise `UnknownNameError` for one it does not know."""
        ...

    def regime(self, x: Tensor) -> Tensor:
        """Return the number of each candidate's regime ``(batch,)``: properties may leap between regimes."""
        ...
