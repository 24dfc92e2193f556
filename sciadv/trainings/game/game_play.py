"""A game being played: the networks, what moves them, one step, and all that the next step depends on."""

from __future__ import annotations

import copy
import logging
import math
from math import prod
from typing import Protocol, final, runtime_checkable

import torch
from torch import Tensor, nn

from sciadv.arguments.memory import check_memory
from sciadv.errors import InputError
from sciadv.games.augment import ADA
from sciadv.nets.layers import has_virtual_norm, taking_reference
from sciadv.prior import Moments, Prior
from sciadv.trainings.data_order import Sampler, Stream, step_generator
from sciadv.trainings.distributed import average_in_place, average_numbers, share_first
from sciadv.trainings.ema import MovingAverage
from sciadv.trainings.game.game_diagnosis import diagnose, is_saturated
from sciadv.trainings.game.game_losses import MinibatchGame
from sciadv.trainings.game.game_rules import Rules
from sciadv.trainings.game.game_source import Source
from sciadv.trainings.game.network_faults import check_networks, check_range, output_range
from sciadv.trainings.game.sample_faults import check_samples, describe_samples, missing_classes
from sciadv.trainings.guard import named_weights
from sciadv.trainings.players import Players, Side
from sciadv.trainings.training_report import BestSoFar
from sciadv.trainings.training_state import Facts, Stateful
from sciadv.types import Shape

_logger = logging.getLogger(__name__)

#: What the two players are called.
PLAYERS = ("generator", "discriminator")


@runtime_checkable
class OfOneClass(Protocol):
    """A generator of classes that can be held to one."""

    def of_class(self, label: int) -> None:
        """Generate this class from now on when no labels are given."""
        ...


@final
class Play:
    """Two networks under the rules of a game.

    Parameters
    ----------
    generator, discriminator
        The networks, on one device; trained in place.
    rules
        Objective, penalties, update, augmentation and options.
    latent_shape
        Length or shape of a latent.
    rates
        Learning rates of the generator and of the discriminator.
    ema
        Decay of the averaged generator.
    batch
        Samples a minibatch, over all processes together.
    seed
        Seed of the data's order, latents, noise and penalties.
    """

    def __init__(  # noqa: PLR0913  # what `Game` was given, resolved
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        rules: Rules,
        *,
        latent_shape: int | Shape,
        rates: tuple[float, float],
        ema: float,
        batch: int,
        seed: int,
    ) -> None:
        if batch < 1 or min(rates) < 0:
            raise InputError(
                f"a game needs batch >= 1 and learning rates >= 0, but they are {batch} and {rates}"
            )
        self.rules, self.latent_shape = rules, latent_shape
        shape = (latent_shape,) if isinstance(latent_shape, int) else latent_shape
        n_bytes = 4.0 * batch * prod(shape)
        check_memory(n_bytes, f"{batch} latents of shape {shape}", "give shorter ones, or a smaller batch")
        self.losses = MinibatchGame(generator, discriminator, rules, latent_shape=shape)
        self.averaged = MovingAverage(generator, decay=ema)
        optimizers = rules.optimizers(self.losses.players, rates)
        nets = zip(PLAYERS, optimizers, (generator, discriminator), strict=True)
        first, second = (Side(name, optimizer, named_weights({name: net})) for name, optimizer, net in nets)
        self.players = Players(self.losses, rules.update, (first, second), n_done=lambda: self.n_done)
        self.batch, self.seed = batch, seed
        self.best = BestSoFar()
        self._rates, self._ema = rates, ema
        self.n_classes = 0
        self._saturated_since: int | None = None
        self.notes: tuple[str, ...] = ()
        self.data = ""

    @property
    def n_done(self) -> int:
        """Steps that the networks have made."""
        return self.losses.n_done

    @n_done.setter
    def n_done(self, n: int) -> None:
        self.losses.n_done = n

    def show(self, data: Tensor | Sampler, labels: Tensor | None = None) -> None:
        """Take data, and their classes, to play on.

        Raises
        ------
        InputError
            The data or the labels do not fit, or the networks do not fit them.
        """
        source = Source(data, self.batch, self.seed, labels)
        known = self.losses.source
        if known is None or known.data is not data:
            self.notes = self._checked(source, is_first=known is None)
            self.data = ""
            for note in self.notes:
                _logger.warning(note)
        self.losses.source = source
        self.n_classes = 0 if labels is None else int(labels.max()) + 1

    def _checked(self, source: Source, *, is_first: bool) -> tuple[str, ...]:
        """Refuse samples that cannot be learnt from, and networks that do not fit; say what else is seen."""
        data = source.data
        notes: tuple[str, ...] = ()
        nets = self.losses.generator, self.losses.discriminator
        if isinstance(data, Tensor):
            notes = check_samples(data, batch=self.batch)
        if source.labels is not None:
            known = getattr(nets[0], "settings", {}).get("n_classes")
            notes += missing_classes(source.labels, known)
        if any(map(has_virtual_norm, nets)):
            return notes
        part = self.losses.cut(source, 0)[0]
        if is_first:
            notes += check_networks(*nets, part, self.rules)
        is_floats = isinstance(data, Tensor) and data.is_floating_point()
        values = data if isinstance(data, Tensor) and is_floats else part.real
        return notes + check_range(values, output_range(nets[0], part))

    def describe_data(self) -> str:
        """Return number, shape and hash of the data, by which a checkpoint knows them again."""
        source = self.losses.source
        if source is None or not isinstance(source.data, Tensor):
            return "" if source is None else "a sampler"
        if not self.data:
            self.data = describe_samples(source.data, source.labels)
        return self.data

    def step(self, *, n_steps: int | None = None) -> dict[str, float]:
        """Do one step of the update on the data shown; numbers and errors are those of `Game.step`."""
        losses = self.losses
        self._refer(losses.generator, losses.discriminator)
        moved = self.players.step(self._rates_of(n_steps))
        losses.settle()
        average_in_place([*losses.generator.buffers(), *losses.discriminator.buffers()])
        self.averaged.update(losses.generator)
        self._refer(self.averaged.module)
        numbers = self._numbers(moved)
        losses.n_done += 1
        return numbers

    def _refer(self, *nets: nn.Module) -> None:
        """Pass the reference batch, the whole first one, through networks with virtual batch norms.

        Their statistics follow the weights; the averaged generator's are those of the averaged weights.
        """
        losses = self.losses
        nets = tuple(net for net in nets if has_virtual_norm(net))
        if not nets or losses.source is None:
            return
        reference = losses.whole(losses.source, 0)
        for net in nets:
            with taking_reference(net):
                if net is losses.discriminator:
                    reference.scored_by(net)
                else:
                    reference.through(net)

    def _rates_of(self, n_steps: int | None) -> tuple[float, float]:
        """Return the learning rates, which fall linearly in the second half, to `final_rate` of them."""
        done = 0.0 if n_steps is None else self.n_done / n_steps
        factor = 1 - (1 - self.rules.options.final_rate) * max(0.0, 2 * done - 1)
        return self._rates[0] * factor, self._rates[1] * factor

    def _numbers(self, losses: tuple[float, float]) -> dict[str, float]:
        numbers = dict(zip(PLAYERS, losses, strict=True))
        real, fake = (float(logits.float().sigmoid().mean()) for logits in self.losses.logits)
        if math.isfinite(real) and math.isfinite(fake):
            numbers |= {"real": real, "fake": fake}
        numbers |= self.players.gradients
        if isinstance(self.rules.augment, ADA):
            numbers["augment_p"] = self.rules.augment.p
        numbers = average_numbers(numbers, self.losses.players[0][0].device)
        self.players.require_finite(numbers)
        saturated = is_saturated(numbers)
        self._saturated_since = (self._saturated_since or self.n_done + 1) if saturated else None
        return numbers

    def share(self) -> None:
        """Give all processes the first one's weights."""
        for net in (self.losses.generator, self.losses.discriminator, self.averaged.module):
            share_first([t.data for t in net.state_dict().values()])

    @torch.no_grad()
    def samples(self, n: int) -> Tensor:
        """Return samples of the averaged generator at latents that depend on the seed only.

        Whole batches are drawn, as the generator knows them from training.
        """
        numbers = step_generator(self.seed, 0, stream=Stream.GRID)
        weight = self.losses.players[0][0]
        z = torch.randn(
            -(-n // self.batch) * self.batch, *self.losses.latent_shape, generator=numbers, dtype=weight.dtype
        )
        z = z.to(weight.device)
        if self.n_classes == 0:
            x: Tensor = self.averaged.module(z)
            return x[:n]
        x = self.averaged.module(z, torch.arange(len(z), device=z.device) % self.n_classes)
        return x[:n]

    def diagnose(self) -> tuple[str, ...]:
        """Say in words what is wrong with the game as it is, and how much it turns; nothing is changed."""
        kept = self.state()
        sentences = diagnose(
            self.losses, self.averaged.module, saturated_since=self._saturated_since, seed=self.seed
        )
        self.restore(*kept)
        return *self.notes, *sentences

    def prior(
        self,
        *,
        name: str,
        card: dict[str, str],
        moments: Moments | None,
        is_best: bool,
        label: int | None = None,
    ) -> Prior:
        """Return the averaged generator as a prior: at its best score where there is one and it is asked."""
        generator = copy.deepcopy(self.averaged.module).eval()
        if label is not None:
            if not isinstance(generator, OfOneClass):
                raise InputError(
                    f"a {type(generator).__name__} has no classes; use sciadv.nets.ResidualGenerator with "
                    f"n_classes, or give it a method of_class(label)"
                )
            generator.of_class(label)
        n_steps = self.n_done
        if is_best and self.best.weights:
            generator.load_state_dict(self.best.weights)
            n_steps = self.best.best[0]
        card = card if label is None else {"label": str(label), **card}
        facts = {key: str(value) for key, value in self.settings().items()} | {"steps": str(n_steps)}
        return Prior(generator, self.latent_shape, name=name, moments=moments, card=facts | card)

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {
            **self.rules.names,
            "learning_rate": list(self._rates),
            "batch": self.batch,
            "ema": self._ema,
            "seed": self.seed,
        }

    def _nets(self) -> dict[str, nn.Module]:
        return {"generator": self.losses.generator, "discriminator": self.losses.discriminator}

    def _memories(self) -> dict[str, Stateful]:
        rules = self.rules
        memories: dict[str, object] = {
            "averaged": self.averaged,
            "best": self.best,
            "augment": rules.augment,
            "replay": rules.options.replay,
            "feedback": rules.options.feedback,
            **{f"penalty-{i}": penalty for i, penalty in enumerate(rules.penalties)},
        }
        return {name: part for name, part in memories.items() if isinstance(part, Stateful)}

    def state(self) -> tuple[dict[str, Tensor], Facts]:
        """Copy all that the next step depends on."""
        tensors, facts = self.players.collect(self._nets(), self._memories())
        return tensors, facts | {
            "n_done": self.n_done,
            "n_draws": self.losses.n_draws,
            "saturated_since": self._saturated_since,
        }

    def restore(self, tensors: dict[str, Tensor], facts: Facts) -> None:
        """Go back to a state that `state` copied."""
        self.players.restore(tensors, facts, self._nets(), self._memories())
        self.losses.n_done, self.losses.n_draws = facts["n_done"], facts["n_draws"]
        self._saturated_since = facts["saturated_since"]
