"""What an update of a two-player game is.

An update is `init(game) -> state`, then `step(game, optimizers, state) -> state`: it decides at which
points gradients are taken and in which order the players move; the steps are made by a torch optimizer a
player.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import final

from torch import Tensor
from torch.optim import Optimizer

from sciadv.games.two_player import Point, TwoPlayerGame

#: Player 0's optimizer and player 1's.
Optimizers = tuple[Optimizer, Optimizer]


@final
@dataclass(frozen=True)
class UpdateState:
    """What an update remembers from step to step.

    Parameters
    ----------
    n_steps
        Steps made.
    losses
        The players' losses where the last gradients were taken, for the log; NaN before the first step.
    memory
        Tensors the rule needs again (past gradients, displacements, slow weights), player 0's first.
    inner
        State of the update that this one wraps.
    """

    n_steps: int = 0
    losses: tuple[float, float] = (float("nan"), float("nan"))
    memory: tuple[Point, ...] = field(default=(), repr=False)
    inner: UpdateState | None = None

    def after(self, losses: tuple[float, float], memory: tuple[Point, ...] = ()) -> UpdateState:
        """Return the state one step later."""
        return replace(self, n_steps=self.n_steps + 1, losses=losses, memory=memory)


class Update(ABC):
    """How two players move in one step."""

    def init(self, game: TwoPlayerGame) -> UpdateState:  # noqa: ARG002  others need the game
        """Return the state before the first step."""
        return UpdateState()

    @abstractmethod
    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place by their optimizers; return the next state."""


def move(optimizer: Optimizer, player: Sequence[Tensor], gradient: Point) -> None:
    """Let a player's optimizer make its step with a given gradient; gradients are cleared after it."""
    for p, g in zip(player, gradient, strict=True):
        p.grad = g.detach()
    optimizer.step()
    for p in player:
        p.grad = None


def move_both(game: TwoPlayerGame, optimizers: Optimizers, both: tuple[Point, Point]) -> None:
    """Let both players step with given gradients."""
    for optimizer, player, gradient in zip(optimizers, game.players, both, strict=True):
        move(optimizer, player, gradient)
