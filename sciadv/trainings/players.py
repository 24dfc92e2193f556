"""Two players with their optimizers: the step of any update in any game, guarded, and what it remembers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn
from torch.optim import Optimizer

from sciadv.games.two_player import TwoPlayerGame
from sciadv.games.updates import Optimizers, Update, UpdateState
from sciadv.trainings.guard import GradientGuard, set_rate
from sciadv.trainings.protocol import diverged
from sciadv.trainings.training_state import Parts, Stateful, collect, restore_state


@final
@dataclass(frozen=True)
class Side:
    """One player of a game.

    Parameters
    ----------
    name
        What it is called in the log and in errors.
    optimizer
        What moves it.
    weights
        What it moves, by the names for errors.
    largest_norm
        A longer gradient is shortened to it.
    """

    name: str
    optimizer: Optimizer
    weights: Mapping[str, Tensor]
    largest_norm: float = math.inf


@final
class Players:
    """The two players of a game and how they move.

    Parameters
    ----------
    game
        Their losses.
    update
        How they move in a step; None of its kinds needs more of a game than `TwoPlayerGame` has, but for
        the trust region in outputs, which needs `WatchedGame`.
    sides
        Player 0 and player 1.
    n_done
        Gives the steps that the training has done.
    advice
        What to do about a gradient that is not finite; None for lower learning rates and penalties.
    """

    def __init__(
        self,
        game: TwoPlayerGame,
        update: Update,
        sides: tuple[Side, Side],
        *,
        n_done: Callable[[], int],
        advice: str | None = None,
    ) -> None:
        self.game, self.update = game, update
        self.optimizers: Optimizers = (sides[0].optimizer, sides[1].optimizer)
        self.names = (sides[0].name, sides[1].name)
        self._n_done, self._advice = n_done, advice
        self.guard = GradientGuard(n_done)
        for side in sides:
            self.guard.watch(
                side.name, side.optimizer, side.weights, largest_norm=side.largest_norm, advice=advice
            )
        self.state: UpdateState | None = None

    def step(self, rates: tuple[float, float]) -> tuple[float, float]:
        """Move both players and return their losses.

        Parameters
        ----------
        rates
            Learning rates of the step.

        Raises
        ------
        DivergedError
            A loss or gradient became NaN or infinite; the optimizers have not used it.
        """
        for optimizer, rate in zip(self.optimizers, rates, strict=True):
            set_rate(optimizer, rate)
        state = self.update.init(self.game) if self.state is None else self.state
        self.state = self.update.step(self.game, self.optimizers, state)
        return self.state.losses

    def require_finite(self, numbers: Mapping[str, float]) -> None:
        """Check the players' losses.

        Raises
        ------
        DivergedError
            One is NaN or infinite.
        """
        for name in self.names:
            if not math.isfinite(numbers[name]):
                raise diverged(f"the loss of the {name}", self._n_done() + 1, advice=self._advice)

    @property
    def gradients(self) -> dict[str, float]:
        """Norms of the last gradients, by names for the log."""
        return {f"{name}_gradient": norm for name, norm in self.guard.norms.items()}

    def collect(
        self, nets: Mapping[str, nn.Module], memories: Mapping[str, Stateful]
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy the state of networks, optimizers, memories and the update."""
        tensors, facts = collect(self._parts(nets, memories), self.state or UpdateState())
        return tensors, facts | {"has_update": self.state is not None}

    def restore(
        self,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],
        nets: Mapping[str, nn.Module],
        memories: Mapping[str, Stateful],
    ) -> None:
        """Go back to what `collect` copied."""
        state = restore_state(tensors, facts, self._parts(nets, memories))
        self.state = state if facts["has_update"] else None

    def _parts(self, nets: Mapping[str, nn.Module], memories: Mapping[str, Stateful]) -> Parts:
        return Parts(nets, dict(zip(self.names, self.optimizers, strict=True)), memories)
