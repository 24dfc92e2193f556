"""The two-player game of a generator and a discriminator on minibatches: what `Game` lets updates play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.objectives import Objective, Relativistic
from sciadv.games.objectives.relativistic import centred
from sciadv.games.penalties import Discriminator, RememberingDiscriminator, differentiable
from sciadv.games.two_player import Player, Point
from sciadv.trainings.data_order import Stream, seeded, step_generator
from sciadv.trainings.distributed import average_gradients, gather, rank, world_size
from sciadv.trainings.game.game_rules import Adaptive, Rules
from sciadv.trainings.game.game_source import Part, Source
from sciadv.types import Shape


@final
class MinibatchGame:
    """Losses of the two networks as functions of their parameters, on the minibatch of the last draw.

    Follows `sciadv.games.two_player.TwoPlayerGame`.

    Parameters
    ----------
    generator, discriminator
        The networks, on one device.
    rules
        Objective, penalties, augmentation and options.
    latent_shape
        Shape of one latent.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, rules: Rules, *, latent_shape: Shape
    ) -> None:
        self.generator, self.discriminator, self.rules = generator, discriminator, rules
        self.latent_shape = latent_shape
        # Kept once: updates freeze a player for a while by requires_grad.
        self.players: tuple[list[Tensor], list[Tensor]] = (
            [p for p in generator.parameters() if p.requires_grad],
            [p for p in discriminator.parameters() if p.requires_grad],
        )
        if not all(self.players):
            raise InputError(
                "both the generator and the discriminator need parameters that require gradients"
            )
        self.histories = rules.weight_penalties
        for history in self.histories:
            history.start(self.players)
        self.source: Source | None = None
        self.n_draws, self.n_done = 0, 0
        self.parts: tuple[Part, ...] = ()
        self._logits: dict[int, tuple[Tensor, Tensor]] = {}
        self._fakes: dict[int, Tensor] = {}

    def draw(self) -> None:
        """Draw the next minibatch: this process's parts of it."""
        if self.source is None:
            raise InputError("the game has no data yet; call Game.step or Game.fit")
        options = self.rules.options
        if self.source.labels is not None and (options.replay is not None or options.feedback is not None):
            raise InputError("replay and feedback mix samples of all classes; leave them out, or the labels")
        self.parts = self.cut(self.source, self.n_draws)
        self.n_draws += 1

    def cut(self, source: Source, draw: int) -> tuple[Part, ...]:
        """Return this process's parts of the minibatch of a draw."""
        n_own = self.rules.options.accumulate
        n_parts = n_own * world_size()
        if source.batch % n_parts:
            raise InputError(
                f"a batch of {source.batch} cannot be cut into {n_parts} equal parts "
                f"({n_own} a process, {world_size()} processes); choose a multiple"
            )
        whole, size, first = self.whole(source, draw), source.batch // n_parts, rank() * n_own
        return tuple(whole.slice(k, size) for k in range(first, first + n_own))

    def whole(self, source: Source, draw: int) -> Part:
        """Return the whole minibatch of a draw, that of all processes together."""
        device, dtype = self.players[0][0].device, self.players[0][0].dtype
        numbers = step_generator(source.seed, draw, stream=Stream.LATENTS)
        z = torch.randn(source.batch, *self.latent_shape, generator=numbers, dtype=dtype)
        labels = source.labels_of(draw)
        return Part(
            source.real(draw).to(device, dtype),
            z.to(device),
            draw,
            0,
            None if labels is None else labels.to(device),
        )

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises, the mean over the parts of this process."""
        if len(self.parts) == 1:
            return self._seeded_loss(player, self.parts[0])
        moving = [p for both in self.players for p in both if p.requires_grad]
        return _mean_loss([partial(self._seeded_loss, player, part) for part in self.parts], moving)

    def _seeded_loss(self, player: Player, part: Part) -> Tensor:
        with self._seeded(part):
            return self._loss(player, part)

    def _seeded(self, part: Part) -> AbstractContextManager[None]:
        """Within it torch's own random numbers, which dropout draws, are those of the part."""
        assert self.source is not None
        numbers = step_generator(self.source.seed, part.draw, stream=Stream.PARTS + part.number)
        return seeded(numbers.initial_seed(), part.real.device)

    def watched(self) -> Callable[[], Tensor]:
        """Draw a minibatch; return a function: the discriminator's outputs on it now, real then fake."""
        self.draw()
        parts = self.parts

        def outputs() -> Tensor:
            given = []
            for part in parts:
                with self._seeded(part):
                    fake = part.through(self.generator)
                    given += [p.scored_by(self.discriminator) for p in (part, replace(part, real=fake))]
            return torch.cat(given)

        return outputs

    def _loss(self, player: Player, part: Part) -> Tensor:
        assert self.source is not None
        options, device = self.rules.options, part.real.device
        numbers = step_generator(
            self.source.seed, part.draw, stream=Stream.PARTS + part.number, device=device
        )

        score: Discriminator = partial(self._score, numbers=numbers, labels=part.labels)
        penalties = self.rules.discriminator_penalties if player == 1 else []
        due = [penalty for penalty in penalties if self.n_done % penalty.every == 0]
        shares = bool(due) and options.precision == "float32"  # penalties stay in float32
        real = part.real
        if options.feedback is not None:
            real = options.feedback.mixed(real, generator=numbers)
        with self._autocast(device):
            fake = part.through(self.generator)
            if player == 1:
                self._fakes[part.number] = fake.detach()
                if options.replay is not None:
                    fake = options.replay.mixed(fake, generator=numbers)
            if shares:
                score = RememberingDiscriminator(score)
                real, fake = differentiable(real), differentiable(fake)
            real_logits, fake_logits = score(real), score(fake)
        fake, real_logits, fake_logits = (t.to(real.dtype) for t in (fake, real_logits, fake_logits))
        objective = self.rules.objective
        loss = sum((history.loss(player) for history in self.histories), torch.zeros((), device=device))
        if player == 0:
            if options.top_k is not None:
                best = options.top_k(fake_logits.detach(), self.n_done)
                fake_logits, real_logits = fake_logits[best], real_logits[best]
            loss = loss + objective.generator_loss(fake_logits, real_logits)
            return loss + self._of_map(part, numbers)
        self._logits[part.number] = (real_logits.detach(), fake_logits.detach())
        loss = loss + objective.discriminator_loss(real_logits, fake_logits)
        for penalty in due:
            loss = loss + penalty(score, real, fake, generator=numbers)
        return loss

    def _of_map(self, part: Part, numbers: torch.Generator) -> Tensor:
        """Return the due penalties of the map from latents to samples."""
        due = [penalty for penalty in self.rules.generator_penalties if self.n_done % penalty.every == 0]

        def generate(z: Tensor) -> Tensor:
            return replace(part, z=z).through(self.generator)

        total = torch.zeros((), device=part.z.device)
        return sum((penalty.of_map(generate, part.z, generator=numbers) for penalty in due), total)

    def _score(self, x: Tensor, numbers: torch.Generator, labels: Tensor | None) -> Tensor:
        """Return the discriminator's outputs on what it is shown: noise, then augmentation.

        Sample i of real, fake and mixed batches has class i, so a batch of twice the samples has them twice.
        """
        if self.rules.options.noise is not None:
            x = self.rules.options.noise(x, self.n_done, generator=numbers)
        if self.rules.augment is not None:
            x = self.rules.augment(x, generator=numbers)
        outputs: Tensor = (
            self.discriminator(x)
            if labels is None
            else self.discriminator(x, labels.repeat(len(x) // len(labels)))
        )
        return outputs

    def _autocast(self, device: torch.device) -> torch.autocast:
        """Half precision where only first derivatives are taken, that is where one player is frozen."""
        one_frozen = not all(p.requires_grad for both in self.players for p in both)
        is_on = self.rules.options.precision == "bfloat16" and one_frozen
        return torch.autocast(device.type, torch.bfloat16, enabled=is_on)

    def reduce(self, gradients: Point) -> Point:
        """Average gradients over processes."""
        return average_gradients(gradients)

    def settle(self) -> None:
        """End a step: what follows the discriminator's outputs and the fakes of the step takes them in."""
        options, augment = self.rules.options, self.rules.augment
        if isinstance(augment, Adaptive) and self._logits:
            augment.update(gather(self.logits[0]))
        for history in self.histories:
            history.update()
        if self._fakes and (options.replay is not None or options.feedback is not None):
            assert self.source is not None
            fakes = gather(torch.cat(list(self._fakes.values())))
            if options.feedback is not None:
                options.feedback.push(fakes)
            if options.replay is not None:
                numbers = step_generator(
                    self.source.seed, self.n_draws, stream=Stream.REPLAY, device=fakes.device
                )
                options.replay.push(fakes, generator=numbers)

    @property
    def logits(self) -> tuple[Tensor, Tensor]:
        """The discriminator's last outputs on real and on fake samples, one number a sample.

        As `scores_of` counts them.
        """
        if not self._logits:
            nothing = torch.full((1,), float("nan"))
            return nothing, nothing
        real, fake = (torch.cat(both) for both in zip(*self._logits.values(), strict=True))
        return scores_of(real, fake, objective=self.rules.objective)


def scores_of(real: Tensor, fake: Tensor, *, objective: Objective) -> tuple[Tensor, Tensor]:
    """Return one number a sample of the discriminator's outputs: the first of several.

    For the relativistic objective, which fixes no zero, they count from the middle between both means.
    """
    real, fake = (x.flatten(1)[:, 0] if x.ndim > 1 else x for x in (real, fake))
    return centred(real, fake) if isinstance(objective, Relativistic) else (real, fake)


class _Given(torch.autograd.Function):
    """A number whose first derivatives are given; it has no second ones."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, *tensors: Tensor) -> Tensor:
        n = len(tensors) // 2
        ctx.save_for_backward(*tensors[n:])
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise InputError(
                "this update differentiates gradients, which a batch in parts does not keep; "
                "set accumulate = 1"
            )
        given = ctx.saved_tensors
        return None, *(weights[0] * g for g in given), *(None for _ in given)


def _mean_loss(losses: Sequence[Callable[[], Tensor]], moving: Sequence[Tensor]) -> Tensor:
    """Mean of losses whose graphs are made and freed one after the other; differentiable once."""
    total = torch.zeros(())
    gradients = [torch.zeros_like(p) for p in moving]
    for loss in losses:
        value = loss() / len(losses)
        parts = torch.autograd.grad(value, moving, allow_unused=True, materialize_grads=True)
        total = total.to(value) + value.detach()
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.add_(part)
    mean: Tensor = _Given.apply(total, *moving, *gradients)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return mean
