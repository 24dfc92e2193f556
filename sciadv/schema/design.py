"""Tables of the recipe of a generator of designs: its teacher is a problem's physics, not data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from sciadv.schema.tables import Count, Positive, RecipeSpec, Table
from sciadv.trainings.physics.design_training import DesignSchedule

_Row = Annotated[list[Positive], Field(min_length=1)]


class DesignDecoderTable(Table):
    """`sciadv.nets.DesignDecoder`."""

    kind: Literal["design-decoder"]
    n_latent: Count
    lower: _Row
    upper: _Row
    targets: Annotated[list[_Row], Field(min_length=1)]
    hidden: list[Count] | None = None


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class DesignScheduleTable(DesignSchedule):
    """`DesignSchedule`, with unknown keys refused."""


class DesignRecipe(RecipeSpec):
    """A generator of designs, taught by a problem's forward, target and constraints."""

    kind: Literal["design"]
    problem: str
    generator: DesignDecoderTable
    schedule: DesignScheduleTable = DesignScheduleTable()

    @property
    def net(self) -> dict[str, object]:
        """Settings of the generator for `sciadv.nets.build_net`."""
        return {"kind": self.generator.kind, **self.generator.settings()}
