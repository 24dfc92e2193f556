"""Trust regions: an update's step is shortened until it changes no more than is trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from sciadv.errors import InputError
from sciadv.games.two_player import TwoPlayerGame, WatchedGame, copies, difference, parameters
from sciadv.games.updates.simultaneous import Simultaneous
from sciadv.games.updates.update import Optimizers, Update, UpdateState
from sciadv.registry.checked import checked


def bernoulli_divergence(old: Tensor, new: Tensor) -> Tensor:
    """Mean ``KL(s(old) || s(new))`` of Bernoulli distributions given by logits, s the sigmoid."""
    p = old.sigmoid()
    terms = p * (logsigmoid(old) - logsigmoid(new)) + (1 - p) * (logsigmoid(-old) - logsigmoid(-new))
    return terms.mean()


def gaussian_divergence(old: Tensor, new: Tensor) -> Tensor:
    """Mean ``KL(N(old, 1) || N(new, 1)) = |new - old|^2 / 2`` of unit Gaussians around samples."""
    return (new - old).square().flatten(1).sum(1).mean() / 2


@final
@checked
@dataclass(frozen=True)
class TrustRegion(Update):
    """The step of an update, of both players together, scaled to a norm of at most `radius`.

    Parameters
    ----------
    radius
        Largest Euclidean norm of the displacement of all parameters, > 0.
    inner
        The update whose step it is.
    relative
        Whether `radius` is in units of the norm of the parameters before the step.

    Raises
    ------
    InputError
        `radius` <= 0.

    Notes
    -----
    On the bilinear game a simultaneous step is at right angles to the way to the equilibrium, so clipped
    steps give ``r_T^2 = r_0^2 + T radius^2``: growth like sqrt(T) instead of an exponential, and no
    convergence by itself.

    References
    ----------
    J. Nocedal, S. J. Wright, Numerical optimization, 2nd edition, 2006, Eq. 4.3, for the region.
    """

    kind: ClassVar[str] = "trust-region"

    radius: float = 0.05
    inner: Update = Simultaneous()  # noqa: RUF009  has no state
    relative: bool = False

    def __post_init__(self) -> None:
        if self.radius <= 0:
            raise InputError(f"the radius of a trust region must be > 0, but is {self.radius}")

    def init(self, game: TwoPlayerGame) -> UpdateState:
        """Return the state before the first step."""
        return UpdateState(inner=self.inner.init(game))

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        theta = parameters(game)
        before = copies(theta)
        inner = self.inner.step(game, optimizers, state.inner or self.inner.init(game))
        length = _norm(difference(theta, before))
        radius = self.radius * (_norm(before) if self.relative else 1.0)
        if length > radius:
            _go_part(theta, before, radius / length)
        return replace(state.after(inner.losses), inner=inner)


@final
@checked
@dataclass(frozen=True)
class OutputTrustRegion(Update):
    """The step of an update, halved until the players' outputs change by at most `radius`.

    Parameters
    ----------
    outputs
        What is watched, at the parameters' present values: discriminator logits on a fixed batch, a
        generator's images of fixed latent codes. None for what the game itself offers (`WatchedGame`): a
        `Game` draws a minibatch a step and gives the discriminator's outputs on its real and fake samples.
    radius
        Largest change, > 0; over several processes, of the mean change.
    change
        Scalar change from old to new outputs; `bernoulli_divergence` for logits, `gaussian_divergence`
        for samples.
    inner
        The update whose step it is.
    n_halvings
        Halvings after which the step is not made at all.

    Raises
    ------
    InputError
        `radius` <= 0 or `n_halvings` < 1; in a step, that there are no outputs to watch.

    References
    ----------
    J. Schulman, S. Levine, P. Moritz, M. Jordan, P. Abbeel, Trust region policy optimization, ICML 2015,
    Eq. 12 and appendix C, for the region in KL and the backtracking.
    """

    kind: ClassVar[str] = "output-trust-region"

    outputs: Callable[[], Tensor] | None = field(default=None, repr=False)
    radius: float = 0.01
    change: Callable[[Tensor, Tensor], Tensor] = field(default=bernoulli_divergence, repr=False)
    inner: Update = Simultaneous()  # noqa: RUF009  has no state
    n_halvings: int = 20

    def __post_init__(self) -> None:
        if self.radius <= 0 or self.n_halvings < 1:
            raise InputError(
                f"a trust region needs radius > 0 and n_halvings >= 1, but they are {self.radius} and "
                f"{self.n_halvings}"
            )

    def init(self, game: TwoPlayerGame) -> UpdateState:
        """Return the state before the first step."""
        return UpdateState(inner=self.inner.init(game))

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        theta = parameters(game)
        outputs = self._outputs(game)
        with torch.no_grad():
            before, old = copies(theta), outputs().clone()
        inner = self.inner.step(game, optimizers, state.inner or self.inner.init(game))
        state = replace(state.after(inner.losses), inner=inner)
        for _ in range(self.n_halvings):
            with torch.no_grad():
                change = self.change(old, outputs())
            if float(game.reduce((change,))[0]) <= self.radius:
                return state
            _go_part(theta, before, 0.5)
        _go_part(theta, before, 0.0)
        return state

    def _outputs(self, game: TwoPlayerGame) -> Callable[[], Tensor]:
        if self.outputs is not None:
            return self.outputs
        if not isinstance(game, WatchedGame):
            raise InputError(
                f"a {type(game).__name__} has no outputs to watch; give a function of them to the update"
            )
        return game.watched()


def _norm(tensors: Sequence[Tensor]) -> float:
    return float(torch.stack([t.square().sum() for t in tensors]).sum().sqrt())


@torch.no_grad()
def _go_part(theta: Sequence[Tensor], before: Sequence[Tensor], share: float) -> None:
    for w, w_before in zip(theta, before, strict=True):
        w.copy_(w_before + share * (w - w_before))
