"""Optimistic gradient: each displacement is made twice, and the last one is taken back."""

from __future__ import annotations

from typing import ClassVar, final

from sciadv.games.two_player import TwoPlayerGame, add, copies, difference, evaluate_both, parameters, split
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both


@final
class Optimistic(Update):
    """``w' = w + 2 d - d_last``, with d the displacement that the optimizers would make.

    With plain gradient descent this is ``w' = w - 2 eta F(w) + eta F(w_last)``; with Adam it is
    Optimistic Adam. The first step has no past and is the optimizers' own.

    Notes
    -----
    On the bilinear game ``sigma u v``, with ``s = eta sigma``, the eigenvalues are the roots of
    ``x^2 - (1 + 2 i s) x + i s``: it converges for ``s < 1 / sqrt(3)``, best at 1/2. Two gradients a
    step.

    References
    ----------
    C. Daskalakis, A. Ilyas, V. Syrgkanis, H. Zeng, Training GANs with optimism, ICLR 2018, Eq. 6 and
    Algorithm 1.
    """

    kind: ClassVar[str] = "optimistic"

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        before = copies(parameters(game))
        game.draw()
        losses, both = evaluate_both(game)
        move_both(game, optimizers, both)
        displacement = difference(parameters(game), before)
        if state.memory:
            add(parameters(game), displacement)
            add(parameters(game), state.memory[0] + state.memory[1], -1.0)
        return state.after(losses, split(game, displacement))
