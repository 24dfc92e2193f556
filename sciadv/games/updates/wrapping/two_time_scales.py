"""Two time scales: the discriminator's learning rate is a multiple of the generator's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, final

from sciadv.errors import InputError
from sciadv.games.two_player import TwoPlayerGame, add, copies, difference
from sciadv.games.updates.simultaneous import Simultaneous
from sciadv.games.updates.update import Optimizers, Update, UpdateState
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class TwoTimeScales(Update):
    """The step of an update with the discriminator's displacement `ratio` times as long.

    Parameters
    ----------
    ratio
        Learning rate of the discriminator over the generator's, when their optimizers have the same one;
        > 0.
    inner
        The update whose step it is.

    Raises
    ------
    InputError
        `ratio` <= 0.

    Notes
    -----
    Around the simultaneous update it converges to a local Nash equilibrium when both rates decay and
    their quotient tends to 0. On the bilinear game at constant rates the modulus is ``sqrt(1 + ratio
    eta^2 sigma^2)``. Around alternating updates the stretch acts after both have moved; give the
    optimizers two rates instead.

    References
    ----------
    M. Heusel et al., GANs trained by a two time-scale update rule converge to a local Nash equilibrium,
    NeurIPS 2017, Theorem 1.
    """

    kind: ClassVar[str] = "two-time-scales"

    ratio: float = 4.0
    inner: Update = Simultaneous()  # noqa: RUF009  has no state

    def __post_init__(self) -> None:
        if self.ratio <= 0:
            raise InputError(f"the ratio of learning rates must be > 0, but is {self.ratio}")

    def init(self, game: TwoPlayerGame) -> UpdateState:
        """Return the state before the first step."""
        return UpdateState(inner=self.inner.init(game))

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        before = copies(game.players[1])
        inner = self.inner.step(game, optimizers, state.inner or self.inner.init(game))
        add(game.players[1], difference(game.players[1], before), self.ratio - 1)
        return replace(state.after(inner.losses), inner=inner)
