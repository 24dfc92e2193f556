"""The game of a generator of designs: the designs against multipliers and, where there is one, a critic.

Player 0, the generator, minimises minus the mean score of its designs and minus their diversity; player 1
are the multipliers of the constraints' augmented Lagrangian, which rise where the designs break a constraint,
and the weights of the learned critic, which tells them from real designs by the hinge loss. A
`TwoPlayerGame`, so any update of `sciadv.games` can play it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from sciadv.games.objectives.hinge import Hinge
from sciadv.games.two_player import Player, Point
from sciadv.nets.bounded.design_decoder import DesignDecoder
from sciadv.trainings.data_order import step_generator
from sciadv.trainings.physics.critics import PhysicsDiscriminator, Score, diversity
from sciadv.trainings.physics.refinement import Replay


@final
class DesignGame:
    """Losses of a generator of designs and of what it plays against; follows `TwoPlayerGame`.

    Player 1 minimises ``- sum_j lambda_j e_j`` with e the critic's `excess` of each constraint, plus
    ``E max(0, 1 - C(real)) + E max(0, 1 + C(made))`` of a learned critic C, which reads a real design with
    its own properties as the target.

    Parameters
    ----------
    generator
        Makes designs; targets are drawn from its latent distribution.
    critic
        Physics and constraints, with the multipliers.
    targets, group
        Targets a minibatch, and designs for each.
    diversity_weight
        Weight of the diversity beside the score.
    seed
        Seed of the latents.
    n_done
        Gives the steps that the training has done.
    real
        Real designs ``(n, variables)``, which a learned critic needs.
    width
        Distance at which two designs begin to count as different, see `diversity`.
    ends
        Share of the targets that are drawn from the outer tenth of their range, half at either end.
    replay
        Refined designs, to which the generator's are drawn; none if left out.
    replay_weight
        Weight of their mean squared distance, between the bounds, summed over the variables.
    """

    def __init__(  # noqa: PLR0913  # the two sides and their settings
        self,
        generator: DesignDecoder,
        critic: PhysicsDiscriminator,
        *,
        targets: int,
        group: int,
        diversity_weight: float,
        seed: int,
        n_done: Callable[[], int],
        real: Tensor | None = None,
        width: float = 0.3,
        ends: float = 0.0,
        replay: Replay | None = None,
        replay_weight: float = 0.0,
    ) -> None:
        self.width, self.ends = width, ends
        self.replay, self.replay_weight = replay, replay_weight
        self.real, self._some = real, None if real is None else real[:0]
        self.generator, self.critic, self.seed = generator, critic, seed
        self.n_designs, self.group, self.diversity_weight = targets * group, group, diversity_weight
        self._n_done = n_done
        #: Minibatches drawn beyond one a step, by updates that draw more.
        self.n_extra = 0
        self._n_drawn = 0
        self._z: Tensor | None = None
        self._replayed: tuple[Tensor, Tensor] | None = None
        critic.multipliers.requires_grad_(True)
        weights = () if critic.critic is None else critic.critic.parameters()
        self.players: tuple[Sequence[Tensor], Sequence[Tensor]] = (
            list(generator.parameters()),
            [critic.multipliers, *weights],
        )
        #: The terms of the generator's last loss, for the log.
        self.terms: dict[str, float] = {}

    def draw(self) -> None:
        """Draw latents of groups that share their targets; the first ones of a step have its number."""
        generator = self.generator
        numbers = step_generator(self.seed, self._n_done() + self.n_extra + self._n_drawn)
        n_latent, n_targets = int(generator.settings["n_latent"]), generator.n_targets  # type: ignore[call-overload]  # its values are of several types
        z = torch.randn(self.n_designs, n_latent, generator=numbers)
        shared = z[:: self.group, -n_targets:]
        if self.ends > 0:
            shared = self._towards_ends(shared, numbers)
        shared = shared.repeat_interleave(self.group, 0)
        self._z = torch.cat([z[:, :-n_targets], shared], 1).to(generator.lower)
        if self.replay is not None and self.replay.n_seen:
            self._replayed = self.replay.sample(self.n_designs, numbers)
        if self.real is not None:
            rows = torch.randint(len(self.real), (self.n_designs,), generator=numbers)
            self._some = self.real[rows.to(self.real.device)]
        self._n_drawn += 1

    @property
    def latents(self) -> Tensor:
        """Latents of the last minibatch ``(designs, latent)``."""
        assert self._z is not None
        return self._z

    def _towards_ends(self, condition: Tensor, numbers: torch.Generator) -> Tensor:
        """Return conditions of which some are drawn again from the ends of the range."""
        drawn = torch.rand(condition.shape, generator=numbers).double()
        quantile = 0.2 * drawn + 0.8 * (drawn > 0.5)  # the lowest tenth, or the highest
        outer = torch.special.ndtri(quantile.clamp(1e-3, 1 - 1e-3))
        is_moved = torch.rand(condition.shape, generator=numbers) < self.ends
        return torch.where(is_moved, outer.to(condition), condition)

    def settle(self) -> None:
        """End a step; an update that moved the multipliers below 0 is projected back."""
        with torch.no_grad():
            self.critic.multipliers.clamp_min_(0)
        self.n_extra += max(self._n_drawn - 1, 0)
        self._n_drawn = 0

    def _score(self) -> tuple[Tensor, Score]:
        if self._z is None:
            self.draw()
        assert self._z is not None
        x = self.generator(self._z)
        return x, self.critic.score(x, self.generator.target(self._z))

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises."""
        x, score = self._score()
        if player == 1:
            rise = -(self.critic.multipliers * self.critic.excess(score.violation)).sum()
            return rise if self._some is None else rise + self._critic_loss(x.detach(), self._some)
        spread = diversity(self.generator.to_unit(x), self.group, width=self.width)
        loss = -score.total.mean() - self.diversity_weight * spread
        terms = {name: float(term.detach().mean()) for name, term in score.terms.items()}
        if self._replayed is not None:
            z, place = (one.to(x) for one in self._replayed)
            far = (self.generator.to_unit(self.generator(z)) - place).square().sum(1).mean()
            loss = loss + self.replay_weight * far
            terms["replay"] = -float(far.detach())
        self.terms = {"loss": float(loss.detach()), **terms, "diversity": float(spread.detach())}
        return loss

    def _critic_loss(self, made: Tensor, real: Tensor) -> Tensor:
        """Return the hinge loss of real designs, which have what they are asked for, and of those made."""
        assert self._z is not None
        with torch.no_grad():
            target, own = self.generator.target(self._z), self.critic.physics(real)
        of_real = self.critic.realism(real, own)
        of_made = self.critic.realism(made, target)
        return Hinge().discriminator_loss(of_real, of_made)

    def reduce(self, gradients: Point) -> Point:
        """Return the gradients: one process."""
        return gradients

    def watched(self) -> Callable[[], Tensor]:
        """Draw a minibatch; return a function: the scores of its designs now."""
        self.draw()
        return lambda: self._score()[1].total


@final
class CriticAdam(Adam):
    """Adam on a critic's weights, and a step of gradient descent on multipliers that stay at 0 or above.

    Parameters
    ----------
    multipliers
        Moved by ``p <- max(0, p - rate g)``.
    weights
        Moved by Adam.
    lr
        Learning rate of the weights.
    rate
        Of the multipliers.
    """

    def __init__(
        self, multipliers: Sequence[Tensor], weights: Sequence[Tensor], *, lr: float, rate: float
    ) -> None:
        super().__init__(list(weights), lr=lr, betas=(0.5, 0.9))
        self.ascent = MultiplierAscent(multipliers, lr=rate)

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # torch's signature has a loss
        """Make a step along the gradients."""
        self.ascent.step()
        super().step(closure)


@final
class MultiplierAscent(Optimizer):
    """Gradient descent of a player's loss on numbers that stay at 0 or above: ``p <- max(0, p - lr g)``.

    Parameters
    ----------
    multipliers
        What it moves.
    lr
        Learning rate.
    """

    def __init__(self, multipliers: Sequence[Tensor], *, lr: float) -> None:
        super().__init__(list(multipliers), {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # noqa: ARG002  # torch's signature has a loss
        """Make a step along the gradients."""
        for group in self.param_groups:
            moved: list[Any] = [p for p in group["params"] if p.grad is not None]
            for p in moved:
                p.copy_((p - group["lr"] * p.grad).clamp_min(0))
