"""The game of an autoencoder: its decoder's images against a discriminator, with the ELBO kept.

A `TwoPlayerGame`, so any update, objective and penalty of `sciadv.games` can play it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.penalties import RememberingDiscriminator, differentiable
from sciadv.games.two_player import Player, Point
from sciadv.trainings.autoencoder.elbo import ResidualVariance, posterior_draw, reconstruct
from sciadv.trainings.autoencoder.image_batches import ImageBatches
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.data_order import Stream, seeded, step_generator
from sciadv.trainings.distributed import average_gradients, rank
from sciadv.trainings.game.game_losses import scores_of
from sciadv.trainings.game.game_rules import GameOptions, Rules


@dataclass(frozen=True)
class _Drawn:
    """A minibatch: this process's images and posterior noise, latents of samples and of slopes."""

    number: int
    x: Tensor
    noise: Tensor
    z: Tensor
    slope: tuple[Tensor, Tensor] | None


@final
class AutoencoderGame:
    """Losses of decoder and encoder (player 0) and of the discriminator (player 1).

    Fakes are reconstructions for the first half of the batch and samples for the second. Player 0 minimises

        a (-ELBO) + b L_G(D(fake), D(x)) + c E |J(z) u|^2,

    player 1 ``L_D(D(x), D(fake))`` and the penalties, with L_G and L_D the objective's losses, J the
    generator's Jacobian, z and u drawn from N(0, I), and weights a, b, c of the schedule. A discriminator of
    pairs, which has ``joined(x, z)``, compares images and the encoder's latents of them with samples and
    their latents instead (Dumoulin et al., Adversarially learned inference, ICLR 2017, Eq. 2). Follows
    `sciadv.games.two_player.TwoPlayerGame`.

    Parameters
    ----------
    nets
        The networks: "generator", "encoder" and "discriminator".
    batches
        The training images.
    schedule
        Weights.
    rules
        Objective and penalties; augmentations and options of a `Game` have no place here.
    n_latent
        Length of the latent.
    n_done
        Gives the steps that the training has done.
    variance
        Of Gaussian pixels; None for Bernoulli pixels.

    Raises
    ------
    InputError
        The rules have an augmentation, a penalty of the generator's map, or options other than the defaults;
        or the schedule asks for the features of a discriminator that gives none.
    """

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        *,
        batches: ImageBatches,
        schedule: PriorSchedule,
        rules: Rules,
        n_latent: int,
        n_done: Callable[[], int],
        variance: ResidualVariance | None = None,
    ) -> None:
        if rules.augment is not None or rules.options != GameOptions():
            raise InputError(
                "the game of an autoencoder takes an objective, penalties of losses and an update, but no "
                "augmentation, replay, noise, clipping or top-k; train a recipe of kind 'gan' for these"
            )
        if rules.generator_penalties:
            raise InputError(
                "the game of an autoencoder has a weight for the slope of its generator, `smoothness` of the "
                "schedule; leave the path length out of the penalties"
            )
        if schedule.critic_features and not hasattr(nets["discriminator"], "features"):
            raise InputError(
                f"critic_features needs a discriminator with a method features(x), but a "
                f"{type(nets['discriminator']).__name__} has none; take a conv-discriminator"
            )
        self.generator, self.encoder = nets["generator"], nets["encoder"]
        self.discriminator = nets["discriminator"]
        self.batches, self.schedule, self.rules, self.n_latent = batches, schedule, rules, n_latent
        self._n_done, self._variance = n_done, variance
        self.players: tuple[Sequence[Tensor], Sequence[Tensor]] = (
            [*self.generator.parameters(), *self.encoder.parameters()],
            list(self.discriminator.parameters()),
        )
        self.histories = rules.weight_penalties
        #: Minibatches drawn beyond one a step, by updates that draw more.
        self.n_extra = 0
        self._n_drawn = 0
        self._drawn: _Drawn | None = None
        self.logits = (torch.full((1,), float("nan")),) * 2
        #: The parts of the generator's last loss that the log shows.
        self.terms: dict[str, float] = {}

    @property
    def has_pairs(self) -> bool:
        """Whether the discriminator is one of pairs."""
        return hasattr(self.discriminator, "joined")

    def start(self) -> None:
        """Begin the game at the networks' present weights."""
        for history in self.histories:
            history.start((self.players[0], self.players[1]))

    def draw(self) -> None:
        """Draw the next minibatch: the step's first has the step's number, counted on by extra ones."""
        self._drawn = self._minibatch(self._n_done() + self.n_extra + self._n_drawn)
        self._n_drawn += 1

    def settle(self) -> None:
        """End a step."""
        self.n_extra += max(self._n_drawn - 1, 0)
        self._n_drawn = 0
        for history in self.histories:
            history.update()

    def _minibatch(self, number: int) -> _Drawn:
        x, numbers = self.batches.draw(number)
        size, own = self.batches.size, self.batches.own
        noise = torch.randn(size, self.n_latent, generator=numbers)
        n_samples = size if self.has_pairs else size - size // 2
        z = torch.randn(n_samples, self.n_latent, generator=numbers)
        slope = None
        if self.schedule.smoothness:
            slope = self.slope_latents(numbers, x.device)
        return _Drawn(number, own(x), own(noise).to(x.device), z.to(x.device), slope)

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises."""
        drawn = self._drawn
        if drawn is None:
            raise InputError("the game has no minibatch yet; draw one")
        numbers = step_generator(
            self.batches.seed, drawn.number, stream=Stream.PENALTIES, device=drawn.x.device
        )
        with seeded(numbers.initial_seed(), drawn.x.device):
            loss = self._generator_loss(drawn) if player == 0 else self._discriminator_loss(drawn, numbers)
        for history in self.histories:
            loss = loss + history.loss(player)
        return loss

    def _generator_loss(self, drawn: _Drawn) -> Tensor:
        schedule = self.schedule
        loss, logits, self.terms = torch.zeros((), device=drawn.x.device), None, {}
        if schedule.elbo_weight or not self.has_pairs:
            logits, elbo = self._reconstruct(drawn)
            self.terms["negative_elbo"] = elbo.mean().item()
            loss = schedule.elbo_weight * elbo.mean()
            if schedule.critic_features:
                loss = loss + schedule.elbo_weight * self._feature_error(drawn.x, logits)
        real, fake = self._compared(drawn, logits)
        real_logits = self.discriminator(real)
        loss_g = self.rules.objective.generator_loss(self.discriminator(fake), real_logits)
        self.terms["generator"] = loss_g.item()
        loss = loss + schedule.game_weight * loss_g
        if drawn.slope is not None:
            loss = loss + schedule.smoothness * self.slope(*drawn.slope)
        return loss

    def _feature_error(self, x: Tensor, logits: Tensor) -> Tensor:
        """Return ``|f(x) - f(G(z))|^2 / 2`` of the discriminator's features [nats], the batch's mean."""
        f = self.discriminator.features
        error: Tensor = f(x) - f(logits.sigmoid())  # type: ignore[operator]  # typed Tensor | Module
        return 0.5 * error.square().sum(1).mean()

    def _compared(self, drawn: _Drawn, logits: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what the discriminator tells apart, real and fake: images, or pairs with latents."""
        if not self.has_pairs:
            logits = self._reconstruct(drawn)[0] if logits is None else logits
            return drawn.x, self._fakes(logits, drawn)
        z, encoded = self.batches.own(drawn.z), posterior_draw(self.encoder, drawn.x, drawn.noise)[0]
        return self.joined(drawn.x, encoded), self.joined(self.generator(z), z)

    def joined(self, x: Tensor, z: Tensor) -> Tensor:
        """Return what the discriminator takes of images and their latents: both if it is one of pairs."""
        if not self.has_pairs:
            return x
        pairs: Tensor = self.discriminator.joined(x, z)  # type: ignore[operator]  # as above
        return pairs

    def _discriminator_loss(self, drawn: _Drawn, numbers: torch.Generator) -> Tensor:
        real, fake = self._compared(drawn, None)
        penalties = self.rules.discriminator_penalties
        due = [penalty for penalty in penalties if self._n_done() % penalty.every == 0]
        if due:
            real, fake = differentiable(real), differentiable(fake)
        score = RememberingDiscriminator(self.discriminator)
        real_logits, fake_logits = score(real), score(fake)
        self.logits = (real_logits.detach(), fake_logits.detach())
        loss = self.rules.objective.discriminator_loss(real_logits, fake_logits)
        for penalty in due:
            loss = loss + penalty(score, real, fake, generator=numbers)
        return loss

    def _reconstruct(self, drawn: _Drawn) -> tuple[Tensor, Tensor]:
        weight = self.schedule.divergence_weight(self._n_done())
        return reconstruct(
            self.generator,
            self.encoder,
            drawn.x,
            drawn.noise,
            divergence_weight=weight,
            variance=self._variance,
        )

    def _fakes(self, logits: Tensor, drawn: _Drawn) -> Tensor:
        """Return reconstructions for the first half of the whole batch, samples for the second: our part."""
        half, size = self.batches.size // 2, len(logits)
        first = rank() * size
        n_reconstructed = min(max(half - first, 0), size)
        z = drawn.z[max(first - half, 0) : max(first + size - half, 0)]
        parts = [logits[:n_reconstructed].sigmoid()] if n_reconstructed else []
        return torch.cat([*parts, self.generator(z)] if len(z) else parts)

    def slope_latents(self, numbers: torch.Generator, device: torch.device) -> tuple[Tensor, Tensor]:
        """Draw latents and directions for `slope`, every so many-th of a batch: this process's part."""
        z, u = (torch.randn(self.batches.size, self.n_latent, generator=numbers).to(device) for _ in range(2))
        every = self.schedule.slope_every
        return self.batches.own(z)[::every], self.batches.own(u)[::every]

    def slope(self, z: Tensor, u: Tensor) -> Tensor:
        """Return ``E |J(z) u|^2``, by a finite difference."""
        G, h = self.generator, self.schedule.slope_step
        change: Tensor = (G(z + h * u) - G(z)) / h
        return change.square().flatten(1).sum(1).mean()

    def reduce(self, gradients: Point) -> Point:
        """Average gradients over processes."""
        return average_gradients(gradients)

    def watched(self) -> Callable[[], Tensor]:
        """Draw a minibatch; return a function: the discriminator's outputs on it now, real then fake."""
        self.draw()
        drawn = self._drawn
        assert drawn is not None

        def outputs() -> Tensor:
            return torch.cat([self.discriminator(x) for x in self._compared(drawn, None)])

        return outputs

    def shares(self) -> dict[str, float]:
        """Return the means of D(real) and D(fake) where its last outputs were taken."""
        real, fake = scores_of(*self.logits, objective=self.rules.objective)
        return {"real": real.sigmoid().mean().item(), "fake": fake.sigmoid().mean().item()}
