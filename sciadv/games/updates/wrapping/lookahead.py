"""Lookahead-minmax: every k steps both players go back part of the way they came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

import torch

from sciadv.errors import InputError
from sciadv.games.two_player import TwoPlayerGame, copies, parameters, split
from sciadv.games.updates.alternating import Alternating
from sciadv.games.updates.update import Optimizers, Update, UpdateState
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class Lookahead(Update):
    """After every k steps of an update, ``w = slow = slow + alpha (w - slow)``, both players at once.

    Parameters
    ----------
    inner
        The update that makes the steps.
    k
        Steps between two averages, >= 1.
    alpha
        Share of the way that is kept, in (0, 1].

    Raises
    ------
    InputError
        `k` < 1 or `alpha` not in (0, 1].

    Notes
    -----
    On the bilinear game, around simultaneous steps with ``s = eta sigma``, the modulus a step is
    ``|1 - alpha + alpha (1 + i s)^k|^(1/k)``. The optimizers' moments are not averaged. Two gradients a
    step.

    References
    ----------
    T. Chavdarova, M. Pagliardini, S. U. Stich, F. Fleuret, M. Jaggi, Taming GANs with lookahead-minmax,
    ICLR 2021, Algorithm 1.
    """

    kind: ClassVar[str] = "lookahead"

    inner: Update = Alternating()  # noqa: RUF009  has no state
    k: int = 5
    alpha: float = 0.5

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 < self.alpha <= 1:
            raise InputError(
                f"lookahead needs k >= 1 and alpha in (0, 1], but they are {self.k} and {self.alpha}"
            )

    def init(self, game: TwoPlayerGame) -> UpdateState:
        """Return the state before the first step; the slow weights are the present ones."""
        slow = split(game, copies(parameters(game)))
        return UpdateState(memory=slow, inner=self.inner.init(game))

    @torch.no_grad()
    def _average(self, game: TwoPlayerGame, state: UpdateState) -> UpdateState:
        slow = state.memory[0] + state.memory[1]
        for w, s in zip(parameters(game), slow, strict=True):
            w.copy_(s + self.alpha * (w - s))
        return replace(state, memory=split(game, copies(parameters(game))))

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        inner = self.inner.step(game, optimizers, state.inner or self.inner.init(game))
        state = replace(state.after(inner.losses, state.memory), inner=inner)
        return self._average(game, state) if state.n_steps % self.k == 0 else state
