"""Symplectic gradient adjustment: the rotation of the game is turned into attraction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch

from sciadv.errors import InputError
from sciadv.games.two_player import (
    Point,
    TwoPlayerGame,
    copies,
    forward_product,
    parameters,
    split,
    transposed_product,
    vector_field,
)
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move_both
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class SymplecticAdjustment(Update):
    """Steps along ``F + lam A^T F``, A the antisymmetric part ``(J - J^T) / 2`` of the Jacobian of F.

    Parameters
    ----------
    lam
        Weight of the adjustment, >= 0.
    aligned
        Whether the sign of the adjustment is chosen so that it points to stable and away from unstable
        points: ``sign(<F, J^T F> <A^T F, J^T F> / d + 1/10)``, with d the number of parameters.

    Raises
    ------
    InputError
        `lam` < 0.

    Notes
    -----
    On the bilinear game, where J = A, it is consensus optimisation: eigenvalues
    ``1 - eta lam sigma^2 +- i eta sigma``. Unlike it, it leaves games without rotation alone, saddle
    points of a single loss too. Costs two gradients and two backward passes through them.

    References
    ----------
    D. Balduzzi et al., The mechanics of n-player differentiable games, ICML 2018, Algorithm 1 and
    Proposition 7.
    """

    kind: ClassVar[str] = "symplectic"

    lam: float = 1.0
    aligned: bool = False

    def __post_init__(self) -> None:
        if self.lam < 0:
            raise InputError(f"the weight of the adjustment must be >= 0, but is {self.lam}")

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        game.draw()
        losses, local = vector_field(game)
        F = game.reduce(copies(local))
        w = parameters(game)
        transposed = game.reduce(transposed_product(local, w, F))
        forward = game.reduce(forward_product(local, w, F))
        adjustment = tuple((t - f) / 2 for t, f in zip(transposed, forward, strict=True))  # A^T F
        lam = self.lam * self._sign(F, transposed, adjustment)
        step = tuple(f + lam * a for f, a in zip(F, adjustment, strict=True))
        move_both(game, optimizers, split(game, step))
        return state.after(losses)

    def _sign(self, F: Point, transposed: Point, adjustment: Point) -> float:
        if not self.aligned:
            return 1.0
        d = sum(f.numel() for f in F)
        value = _dot(F, transposed) * _dot(adjustment, transposed) / d + 0.1
        return -1.0 if value < 0 else 1.0


def _dot(a: Point, b: Point) -> float:
    return float(torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum())
