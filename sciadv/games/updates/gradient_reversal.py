"""The one-pass form of a game: a gradient reversal layer makes one loss the gradients of both players."""

from __future__ import annotations

from typing import ClassVar, final

from sciadv.games.two_player import TwoPlayerGame, derivative, parameters, split
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both


@final
class OnePass(Update):
    """Both players step along the gradient of ``loss(0)``, in which a gradient reversal layer sits.

    ``loss(0)`` is the task's loss plus the discriminator's loss, with
    `sciadv.nets.layers.GradientReversal` between encoder and discriminator; ``loss(1)`` is not read.

    Notes
    -----
    The same step as `Simultaneous` on the game with losses ``task - lam * domain`` and ``domain``, for
    half the passes.

    References
    ----------
    Y. Ganin et al., Domain-adversarial training of neural networks, JMLR 17, 2016, Eqs. 13 to 15 and 18.
    """

    kind: ClassVar[str] = "one-pass"

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        game.draw()
        loss = game.loss(0)
        gradient = derivative(loss, parameters(game))
        move_both(game, optimizers, split(game, game.reduce(gradient)))
        return state.after((float(loss.detach()), float(loss.detach())))
