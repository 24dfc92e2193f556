"""Alternating gradient descent: the discriminator steps k times, then the generator against the new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from sciadv.errors import InputError
from sciadv.games.two_player import Player, TwoPlayerGame, evaluate
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class Alternating(Update):
    """Players take turns, each against where the other has just moved to.

    Parameters
    ----------
    n_first
        Steps of the player that begins, in each step of the update.
    n_second
        Steps of the other.
    first
        The player that begins: 1, the discriminator, as usual.
    fresh
        Whether each turn is on a minibatch of its own; False: all turns of a step are on the same.

    Raises
    ------
    InputError
        A number of steps < 1.

    Notes
    -----
    On the bilinear game ``sigma u v`` one step each has eigenvalues of modulus 1 for ``eta sigma < 2``:
    orbits stay bounded, without convergence. A negative momentum of the optimizers (beta = -1/2) makes it
    converge (Gidel et al., Negative momentum for improved game dynamics, AISTATS 2019, Theorem 6);
    torch's SGD takes a negative one through ``optimizer.param_groups[0]["momentum"]``.

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, NeurIPS 2014, Algorithm 1.
    """

    kind: ClassVar[str] = "alternating"

    n_first: int = 1
    n_second: int = 1
    first: Literal[0, 1] = 1
    fresh: bool = True

    def __post_init__(self) -> None:
        if min(self.n_first, self.n_second) < 1:
            raise InputError(
                f"each player needs at least one step, but n_first is {self.n_first} and "
                f"n_second is {self.n_second}"
            )

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        second: Player = 0 if self.first == 1 else 1
        turns: list[Player] = [self.first] * self.n_first + [second] * self.n_second
        losses = {}
        for turn, player in enumerate(turns):
            if self.fresh or turn == 0:
                game.draw()
            losses[player], gradient = evaluate(game, player)
            move(optimizers[player], game.players[player], gradient)
        return state.after((losses[0], losses[1]))
