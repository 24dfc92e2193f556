"""Extragradient: look ahead one step, then step from the start with the gradient found there."""

from __future__ import annotations

from typing import ClassVar, final

from sciadv.games.two_player import TwoPlayerGame, copies, evaluate_both, parameters, restore
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both


@final
class Extragradient(Update):
    """``w_half = w - eta F(w)``, then ``w' = w - eta F(w_half)``.

    With Adam both steps move its moments, which is Extra-Adam. Each of the two gradients has a minibatch
    of its own.

    Notes
    -----
    On the bilinear game ``sigma u v``, with ``s = eta sigma``, the squared modulus is ``1 - s^2 + s^4``:
    it converges for s < 1, best at ``s = 1 / sqrt(2)``. Four gradients a step.

    References
    ----------
    G. M. Korpelevich, The extragradient method for finding saddle points and other problems, Matecon 12,
    1976.
    G. Gidel, H. Berard, G. Vignoud, P. Vincent, S. Lacoste-Julien, A variational inequality perspective
    on generative adversarial networks, ICLR 2019, Algorithms 2 and 4.
    """

    kind: ClassVar[str] = "extragradient"

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        w = copies(parameters(game))
        game.draw()
        move_both(game, optimizers, evaluate_both(game)[1])
        game.draw()
        losses, both = evaluate_both(game)
        restore(parameters(game), w)
        move_both(game, optimizers, both)
        return state.after(losses)
