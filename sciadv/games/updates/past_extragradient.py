"""Past extragradient: extragradient that looks ahead with the last gradient instead of a new one."""

from __future__ import annotations

from typing import ClassVar, final

from sciadv.games.two_player import TwoPlayerGame, copies, evaluate_both, parameters, restore
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both


@final
class PastExtragradient(Update):
    """``w_half = w - eta F(last w_half)``, then ``w' = w - eta F(w_half)``.

    The first step has no past and does not look ahead. With Adam both steps move its moments.

    Notes
    -----
    On the bilinear game ``sigma u v``, with ``s = eta sigma``, the eigenvalues are the roots of
    ``x^2 - (1 + 2 i s) x + i s``: it converges for ``s < 1 / sqrt(3)``, best at 1/2. Two gradients a
    step. The half-points make the same sequence as `Optimistic`.

    References
    ----------
    L. D. Popov, A modification of the Arrow-Hurwicz method for search of saddle points, Mathematical
    Notes 28, 1980.
    G. Gidel et al., A variational inequality perspective on generative adversarial networks, ICLR 2019,
    Eqs. 17 and 18.
    """

    kind: ClassVar[str] = "past-extragradient"

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        w = copies(parameters(game))
        if state.memory:
            move_both(game, optimizers, (state.memory[0], state.memory[1]))
        game.draw()
        losses, both = evaluate_both(game)
        restore(parameters(game), w)
        move_both(game, optimizers, both)
        return state.after(losses, (copies(both[0]), copies(both[1])))
