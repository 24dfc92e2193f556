"""The rules of the game in a prior's training where a recipe says nothing."""

from __future__ import annotations

from collections.abc import Sequence

from sciadv.games.objectives import Objective
from sciadv.games.penalties import R1, R2, AnyPenalty
from sciadv.games.updates import Alternating, Update
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.game.game_parts import Named
from sciadv.trainings.game.game_rules import GameOptions, Rules

#: How the players move where a recipe says nothing: in turns, on the same minibatch.
DEFAULT_UPDATE = Alternating(fresh=False)


def prior_rules(
    schedule: PriorSchedule,
    *,
    objective: Named | Objective = "relativistic",
    penalties: Sequence[Named | AnyPenalty] | None = None,
    update: Named | Update = DEFAULT_UPDATE,
) -> Rules:
    """Return the rules of the second phase.

    Parameters
    ----------
    schedule
        Strength and period of R1 and R2.
    objective, update
        As for `sciadv.Game`.
    penalties
        As for `sciadv.Game`; None for R1 and R2 of the schedule.

    Raises
    ------
    UnknownNameError
        There is no part of a name.
    InputError
        A part does not fit its place.
    """
    if penalties is None:
        gamma, every = schedule.gamma, schedule.penalty_every
        penalties = (R1(gamma, every=every), R2(gamma, every=every))
    return Rules.of(objective, penalties, update, None, GameOptions())
