"""Simultaneous gradient descent: both players step from the same point."""

from __future__ import annotations

from typing import ClassVar, final

from sciadv.games.two_player import TwoPlayerGame, evaluate_both
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both


@final
class Simultaneous(Update):
    """Both gradients are taken at the present point, then both players step: ``w' = w - eta F(w)``.

    Notes
    -----
    On the bilinear game ``sigma u v`` the step multiplies the distance to the equilibrium by
    ``sqrt(1 + eta^2 sigma^2)``: it diverges at any rate. Two gradients a step.

    References
    ----------
    L. Mescheder, S. Nowozin, A. Geiger, The numerics of GANs, NeurIPS 2017, Algorithm 1.
    """

    kind: ClassVar[str] = "simultaneous"

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        game.draw()
        losses, both = evaluate_both(game)
        move_both(game, optimizers, both)
        return state.after(losses)
