"""Unrolled updates: the generator's gradient goes through k steps of the discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from sciadv.errors import InputError
from sciadv.games.two_player import Point, TwoPlayerGame, add, copies, derivative, evaluate, frozen, restore
from sciadv.games.updates.update import Optimizers, Update, UpdateState, move
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class Unrolled(Update):
    """One discriminator step, then the generator descends ``loss_0(theta, phi_k(theta))``, k steps ahead.

    ``phi_{j+1} = phi_j - rate * grad_phi loss_1(theta, phi_j)``, from the discriminator's new parameters,
    to which it returns. The gradient is exact: the adjoint of the recursion, run backwards over the
    stored phi_j,

        mu_k = grad_phi loss_0(theta, phi_k),
        g   += -rate * grad_theta <grad_phi loss_1(theta, phi_j), mu_{j+1}>,
        mu_j = mu_{j+1} - rate * grad_phi <grad_phi loss_1(theta, phi_j), mu_{j+1}>,

    so memory grows by k copies of the discriminator's parameters, not by k graphs.

    Parameters
    ----------
    k
        Steps looked ahead, >= 0; with 0 this is the alternating update.
    rate
        Learning rate of the steps looked ahead (plain gradient descent), > 0.

    Raises
    ------
    InputError
        `k` < 0 or `rate` <= 0.

    Notes
    -----
    On the bilinear game ``sigma u v`` the generator sees ``d/du sigma u (v + k rate sigma u)``, the
    descent of a game with curvature ``2 k rate sigma^2`` for it. Over several processes every derivative is
    averaged, so that all unroll the same steps of the whole minibatch. Costs about ``3 k`` more gradients a
    step.

    References
    ----------
    L. Metz, B. Poole, D. Pfau, J. Sohl-Dickstein, Unrolled generative adversarial networks, ICLR 2017,
    section 2.2.
    """

    kind: ClassVar[str] = "unrolled"

    k: int = 5
    rate: float = 1e-3

    def __post_init__(self) -> None:
        if self.k < 0 or self.rate <= 0:
            raise InputError(f"unrolling needs k >= 0 and rate > 0, but they are {self.k} and {self.rate}")

    def step(self, game: TwoPlayerGame, optimizers: Optimizers, state: UpdateState) -> UpdateState:
        """Move both players in place; return the next state."""
        game.draw()
        loss_1, gradient = evaluate(game, 1)
        move(optimizers[1], game.players[1], gradient)
        game.draw()
        loss_0, gradient = self.generator_gradient(game)
        move(optimizers[0], game.players[0], gradient)
        return state.after((loss_0, loss_1))

    def generator_gradient(self, game: TwoPlayerGame) -> tuple[float, Point]:
        """Return the generator's loss k steps ahead and its gradient, averaged over processes."""
        theta, phi = list(game.players[0]), list(game.players[1])
        passed: list[Point] = []
        for _ in range(self.k):
            passed.append(copies(phi))
            with frozen(theta):
                descent = game.reduce(derivative(game.loss(1), phi))
            add(phi, descent, -self.rate)
        loss = game.loss(0)
        both = game.reduce(derivative(loss, theta + phi))
        g, mu = both[: len(theta)], both[len(theta) :]
        for at in reversed(passed):
            restore(phi, at)
            descent = derivative(game.loss(1), phi, create_graph=True)
            both = game.reduce(derivative(descent, theta + phi, mu))
            g = tuple(a - self.rate * b for a, b in zip(g, both[: len(theta)], strict=True))
            mu = tuple(a - self.rate * b for a, b in zip(mu, both[len(theta) :], strict=True))
        return float(loss.detach()), g
