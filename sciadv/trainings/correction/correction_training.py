"""The training of a correction: the game of an encoder against a discriminator of batches, step by step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

from torch import Tensor, nn
from torch.optim import Adam, AdamW

from sciadv.games.two_player import TwoPlayerGame
from sciadv.games.updates import Alternating, Update
from sciadv.nets.layers import GradientReversal
from sciadv.registry.checked import checked
from sciadv.trainings.players import Players, Side
from sciadv.types import Count, Decay, NotNegative, Positive, PositiveOrInfinite


@runtime_checkable
class CorrectingGame(TwoPlayerGame, Protocol):
    """Losses of an encoder with decoder and classifier (player 0), and of a discriminator of batches."""

    #: Minibatches drawn so far, and cells in one.
    n_draws: int
    n_drawn: int
    #: Present weight of the divergence of the codes.
    divergence_weight: float
    #: Reconstruction error where the last loss of player 0 was taken.
    error: float
    #: Of the encoder's gradient; a game may change its strength.
    reversal: GradientReversal

    @property
    def nets(self) -> nn.Module:
        """All networks."""
        ...


@final
@checked
@dataclass(frozen=True)
class CorrectionSchedule:
    """How long and how fast.

    Parameters
    ----------
    n_steps
        Steps.
    learning_rate
        Largest one; the encoder's rises from a 25th over the first tenth and falls to nothing along a cosine.
    divergence_weight
        Weight of the divergence, reached after a quarter of the steps.
    n_discriminator
        Discriminator steps in each step.
    weight_decay
        Of the encoder's side.
    largest_norm
        Longer gradients of a player are shortened to it.
    discriminator_momentum
        Adam's decay of the mean gradient of the discriminator.
    """

    n_steps: Count
    learning_rate: Positive
    divergence_weight: NotNegative
    n_discriminator: Count = 3
    weight_decay: NotNegative = 1e-4
    largest_norm: PositiveOrInfinite = 5.0
    discriminator_momentum: Decay = 0.5


@final
class CorrectionTraining:
    """A game of a correction with its optimizers; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    game
        Losses of both players.
    schedule
        Rates and numbers of steps.
    settings
        What a checkpoint must agree on.
    update
        How the players move; None for turns, `n_discriminator` of them the discriminator's.
    advice
        What to do about a gradient that is not finite.
    """

    def __init__(
        self,
        game: CorrectingGame,
        schedule: CorrectionSchedule,
        *,
        settings: Mapping[str, object],
        update: Update | None = None,
        advice: str | None = None,
    ) -> None:
        self.game, self.schedule = game, schedule
        self.n_done = 0
        self._settings = dict(settings)
        rate, momentum = schedule.learning_rate, schedule.discriminator_momentum
        names = {id(p): name for name, p in game.nets.named_parameters()}
        weights = [{names[id(p)]: p for p in player} for player in game.players]
        encoder = AdamW(game.players[0], lr=rate, weight_decay=schedule.weight_decay, fused=True)
        discriminator = Adam(game.players[1], lr=rate, betas=(momentum, 0.99), fused=True)
        self.players = Players(
            game,
            Alternating(n_first=schedule.n_discriminator) if update is None else update,
            (
                Side("encoder", encoder, weights[0], schedule.largest_norm),
                Side("discriminator", discriminator, weights[1], schedule.largest_norm),
            ),
            n_done=lambda: self.n_done,
            advice=advice,
        )

    @property
    def n_steps(self) -> int:
        """Steps at the end."""
        return self.schedule.n_steps

    @property
    def phases(self) -> tuple[int, ...]:
        """One phase."""
        return (self.schedule.n_steps,)

    @property
    def batch(self) -> int:
        """Cells a step: each turn of a player takes a minibatch."""
        return self.game.n_drawn * (self.schedule.n_discriminator + 1)

    def step(self) -> dict[str, float]:
        """Do one step of the update and return its losses.

        Raises
        ------
        DivergedError
            A gradient became NaN or infinite; the optimizers have not used it.
        """
        schedule = self.schedule
        done = self.n_done / schedule.n_steps
        self.game.divergence_weight = schedule.divergence_weight * min(1.0, 4 * done)
        rates = schedule.learning_rate * one_cycle(done), schedule.learning_rate
        losses = self.players.step(rates)
        self.n_done += 1
        return {
            "reconstruction": self.game.error,
            "discriminator": losses[1],
            "strength": self.game.reversal.lam,
        }

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return dict(self._settings)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = self.players.collect({"correction": self.game.nets}, {})
        own = {"n_done": self.n_done, "n_draws": self.game.n_draws, "lam": self.game.reversal.lam}
        return tensors, facts | own

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        self.players.restore(tensors, facts, {"correction": self.game.nets}, {})
        self.n_done, self.game.n_draws = int(facts["n_done"]), int(facts["n_draws"])
        self.game.reversal.lam = float(facts["lam"])

    def samples(self, n: int) -> None:  # there is no image to show
        """Return nothing: codes are drawn after the fit."""

    def measure(self) -> dict[str, float]:
        """Return nothing: a correction is assessed after the fit."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Return nothing, as `measure`."""
        return ()

    def stop_reason(self) -> None:
        """Go on to the end."""


def one_cycle(done: float) -> float:
    """Return the learning rate's part at a share of the steps: up from 1/25 to 1 over a tenth, then to 0.

    Both along a cosine: L. N. Smith, N. Topin, Super-convergence, SPIE 11006, 2019, section 3, annealed.

    Examples
    --------
    >>> one_cycle(0.0), one_cycle(0.1), round(one_cycle(1.0), 9)
    (0.04, 1.0, 0.0)
    """
    if done < 0.1:
        return 0.04 + 0.96 * 0.5 * (1 - math.cos(math.pi * done / 0.1))
    return 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))
