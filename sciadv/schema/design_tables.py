"""Tables of the recipe of a generator of designs: its teacher is a problem's physics, not data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, with_config

from sciadv.schema.game_tables import UpdateTable
from sciadv.schema.nets_tables import one_net
from sciadv.schema.parts import PartTable
from sciadv.schema.tables import RecipeSpec
from sciadv.trainings.physics.design_training import DesignSchedule


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True)
class DesignScheduleTable(DesignSchedule):
    """`DesignSchedule`, with unknown keys refused."""


class DesignRecipe(RecipeSpec):
    """A generator of designs, taught by a problem's forward, target and constraints."""

    kind: Literal["design"]
    problem: str
    generator: Annotated[PartTable, one_net("design-decoder")]
    schedule: DesignScheduleTable = DesignScheduleTable()
    game: UpdateTable = UpdateTable()

    @property
    def net(self) -> dict[str, object]:
        """Settings of the generator for `sciadv.nets.build_net`."""
        return {"kind": self.generator.kind, **self.generator.settings()}
