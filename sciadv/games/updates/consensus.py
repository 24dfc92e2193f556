"""Consensus optimisation: the players also descend, together, the squared length of their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from sciadv.errors import InputError
from sciadv.games.two_player import TwoPlayerGame, copies, parameters, split, transposed_product, vector_field
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class Consensus(Update):
    """Steps along ``F + gamma * grad (1/2 |F|^2) = F + gamma J^T F``, J the Jacobian of F.

    Parameters
    ----------
    gamma
        Weight of the consensus, >= 0.

    Raises
    ------
    InputError
        `gamma` < 0.

    Notes
    -----
    On the bilinear game ``sigma u v`` the eigenvalues are ``1 - eta gamma sigma^2 +- i eta sigma``. Every
    stationary point attracts for a large gamma, bad ones too. Costs two gradients and one backward pass
    through them. On minibatches ``|F|^2`` is biased upwards by the gradients' variance.

    References
    ----------
    L. Mescheder, S. Nowozin, A. Geiger, The numerics of GANs, NeurIPS 2017, Algorithm 2.
    """

    kind: ClassVar[str] = "consensus"

    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.gamma < 0:
            raise InputError(f"the weight of the consensus must be >= 0, but is {self.gamma}")

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        game.draw()
        losses, local = vector_field(game)
        F = game.reduce(copies(local))
        towards = game.reduce(transposed_product(local, parameters(game), F))
        step = tuple(f + self.gamma * t for f, t in zip(F, towards, strict=True))
        move_both(game, optimizers, split(game, step))
        return state.after(losses)
