"""Tables of the recipe of a generator of designs: its teacher is a problem's physics, not data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, with_config

from sciadv.forward.design.quantity import Variable
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
    """A generator of designs, taught by a problem's forward, target and constraints.

    `forward` are settings of the problem's forward that the training changes, such as a coarser grid.
    """

    kind: Literal["design"]
    problem: str
    forward: dict[str, int | float] = Field(default_factory=dict)
    generator: Annotated[PartTable, one_net("design-decoder")]
    schedule: DesignScheduleTable = DesignScheduleTable()
    game: UpdateTable = UpdateTable()

    def net(self, variables: Sequence[Variable]) -> dict[str, object]:
        """Return the settings of the generator for `sciadv.nets.build_net`.

        Parameters
        ----------
        variables
            Those of the problem, whose bounds the generator has where the recipe states none.
        """
        bounds: dict[str, object] = {
            "lower": [one.low for one in variables],
            "upper": [one.high for one in variables],
            "is_log": [one.is_log for one in variables],
        }
        given = self.generator.settings()
        return {"kind": self.generator.kind, **({} if given.get("lower") else bounds), **given}
