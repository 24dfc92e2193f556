"""Training of a prior: a variational autoencoder, a game for its decoder, then estimates for its encoder.

The first phase gives a latent space in which every image has a place and an encoder that finds it; the second
makes the decoder's samples resemble the data, with the ELBO kept; the third leaves the
decoder as it is and teaches the encoder where an image lies of which only a linear estimate is known. Larsen
et al., Autoencoding beyond pixels using a learned similarity metric, ICML 2016, for the first two; Huang et
al., The GAN is dead; long live the GAN! (R3GAN), NeurIPS 2024, for the relativistic loss with R1 and R2.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any, final

import torch
from torch import Tensor, nn

from sciadv.data.moments import Moments
from sciadv.games.updates import UpdateState
from sciadv.prior import Prior
from sciadv.trainings.autoencoder.autoencoder_game import AutoencoderGame
from sciadv.trainings.autoencoder.elbo import ResidualVariance, reconstruct
from sciadv.trainings.autoencoder.image_batches import ImageBatches
from sciadv.trainings.autoencoder.linear_estimates import linear_estimates
from sciadv.trainings.autoencoder.prior_checks import check_phases
from sciadv.trainings.autoencoder.prior_diagnosis import diagnose_prior
from sciadv.trainings.autoencoder.prior_rules import prior_rules
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.distributed import average_numbers
from sciadv.trainings.ema import MovingAverage
from sciadv.trainings.game.game_diagnosis import DEFAULT_THRESHOLDS, is_saturated
from sciadv.trainings.game.game_play import PLAYERS
from sciadv.trainings.game.game_rules import Rules
from sciadv.trainings.game.sample_faults import describe_samples
from sciadv.trainings.guard import GradientGuard, descend, named_weights
from sciadv.trainings.players import Players, Side
from sciadv.trainings.protocol import DATA
from sciadv.trainings.training_report import BestSoFar
from sciadv.trainings.training_state import Parts, Stateful, collect, restore_state


@final
class PriorTraining:
    """A variational autoencoder, a game for its decoder, then estimates for its encoder.

    Follows `sciadv.trainings.Training`. The third phase fits ``q(z | x')`` by maximum likelihood to draws
    of the averaged encoder's ``q(z | x)``, where x' is `linear_estimates` of x, or x itself (half of the loss
    each): neural posterior estimation, as Papamakarios and Murray, Fast epsilon-free inference of simulation
    models with Bayesian conditional density estimation, NeurIPS 2016, Eq. 6. Without it an encoder has only
    seen images as they are, and the start that a search takes from it is often in a wrong basin.

    Under several processes each takes an equal part of every batch.

    Parameters
    ----------
    generator
        Has `logits(z)` and gives images in [0, 1].
    encoder
        Has `posterior(x)`.
    discriminator
        One logit per image; None if there is no second phase.
    images
        ``(n, channels, *sides)``, uint8, or float32 in [0, 1], on the device to train on.
    schedule
        How long and how fast.
    seed
        Seed of batches, latents and posterior draws.
    rules
        Objective, penalties and update of the second phase; None for those of `prior_rules`.
    moments
        Mean and covariance of the training set, for the third phase.
    estimates
        Makes the third phase's linear estimates of images instead, such as `StationaryEstimates`.
    evaluator
        Measures the averaged networks, as a prior, every so often.
    score
        Name of the evaluator's number, smaller is better, at whose least the networks are taken for the
        prior; None for those of the last step.

    Raises
    ------
    InputError
        A second phase without a discriminator, a third one without moments, fewer images than a batch, or a
        batch that the processes cannot share.
    """

    def __init__(  # noqa: PLR0913  # networks and data; the rest says how
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module | None,
        images: Tensor,
        *,
        schedule: PriorSchedule,
        seed: int = 0,
        rules: Rules | None = None,
        moments: Moments | None = None,
        estimates: Callable[[Tensor, torch.Generator], Tensor] | None = None,
        evaluator: Callable[[Prior], dict[str, float]] | None = None,
        score: str | None = None,
    ) -> None:
        check_phases(schedule, discriminator, len(images), has_estimates=bool(moments or estimates))
        self.images, self.schedule, self.seed, self.evaluator = images, schedule, seed, evaluator
        self.rules = prior_rules(schedule) if rules is None else rules
        self.score, self.best = score, BestSoFar()
        self.variance = ResidualVariance() if schedule.likelihood == "gaussian" else None
        self.n_done = 0
        self.cpu_seconds = 0.0
        self._estimates = estimates
        if moments is not None:
            own = Moments(moments.mean.to(images.device), moments.covariance.to(images.device))
            self._estimates = partial(self._linear_estimates, own)
        self.n_latent = int(generator.settings["n_latent"])  # type: ignore[index]  # typed Tensor | Module
        self.batches = ImageBatches(images, schedule.batch, seed)
        self.nets: dict[str, nn.Module] = {"generator": generator, "encoder": encoder}
        is_untrained = schedule.elbo_steps == 0  # a game from the first step: its first weights are forgotten
        self.averages = {
            name: MovingAverage(net, decay=schedule.ema, warm_up=is_untrained)
            for name, net in self.nets.items()
        }
        self.game: AutoencoderGame | None = None
        if discriminator is not None:
            self.nets["discriminator"] = discriminator
            self.game = self._game()
        self.optimizers = self._optimizers()
        self._guard = self._guarded()
        self.players = None if self.game is None else self._players(self.game)
        self._saturated_since: int | None = None

    def _game(self) -> AutoencoderGame:
        game = AutoencoderGame(
            self.nets,
            batches=self.batches,
            schedule=self.schedule,
            rules=self.rules,
            n_latent=self.n_latent,
            n_done=lambda: self.n_done,
            variance=self.variance,
        )
        game.start()
        return game

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the ELBO and for the estimates."""
        both = [*self.nets["generator"].parameters(), *self.nets["encoder"].parameters()]
        optimizers: dict[str, torch.optim.Optimizer] = {"elbo": torch.optim.Adam(both, lr=1e-3)}
        if self.schedule.estimate_steps:
            optimizers["estimate"] = torch.optim.Adam(self.nets["encoder"].parameters(), lr=1e-3)
        return optimizers

    def _guarded(self) -> GradientGuard:
        """Watch the gradient of every optimizer."""
        guard = GradientGuard(lambda: self.n_done)
        moved = {"elbo": ("generator", "encoder"), "estimate": ("encoder",)}
        for name, optimizer in self.optimizers.items():
            guard.watch(name, optimizer, named_weights({net: self.nets[net] for net in moved[name]}))
        return guard

    def _players(self, game: AutoencoderGame) -> Players:
        """Return decoder and encoder against the discriminator, each with Adam."""
        schedule = self.schedule
        momenta = schedule.generator_momentum, schedule.discriminator_momentum
        moved = {"generator": ("generator", "encoder"), "discriminator": ("discriminator",)}
        first, second = (
            Side(
                name,
                torch.optim.Adam(player, lr=schedule.game_learning_rate, betas=(momentum, 0.99)),
                named_weights({net: self.nets[net] for net in moved[name]}),
            )
            for name, player, momentum in zip(PLAYERS, game.players, momenta, strict=True)
        )
        return Players(game, self.rules.update, (first, second), n_done=lambda: self.n_done)

    @property
    def averaged(self) -> dict[str, nn.Module]:
        """The averaged generator and encoder."""
        return {name: average.module for name, average in self.averages.items()}

    @property
    def n_steps(self) -> int:
        """Steps of all phases."""
        return sum(self.phases)

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of each phase."""
        return self.schedule.elbo_steps, self.schedule.game_steps, self.schedule.estimate_steps

    @property
    def batch(self) -> int:
        """Images a step, over all processes together."""
        return self.schedule.batch

    def step(self) -> dict[str, float]:
        """Do one step and return its losses."""
        started = time.process_time()
        schedule, n_before = self.schedule, self.n_steps - self.schedule.estimate_steps
        if self.n_done < schedule.elbo_steps:
            losses = self._elbo_step()
            for name, average in self.averages.items():
                average.follow(self.nets[name])
        elif self.n_done < n_before:
            losses = self._game_step()
            for name, average in self.averages.items():
                average.update(self.nets[name])
        else:
            if self.n_done == n_before:
                self.nets["encoder"].load_state_dict(self.averaged["encoder"].state_dict())
            losses = self._estimate_step((self.n_done - n_before) / schedule.estimate_steps)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        numbers = average_numbers(losses, self.images.device)
        saturated = is_saturated(numbers)
        self._saturated_since = (self._saturated_since or self.n_done) if saturated else None
        return numbers

    def _cosine(self, done: float) -> float:
        """Return the learning rate at a share of a phase, falling to a hundredth."""
        factor = 0.01 + 0.99 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * done)).item())
        return self.schedule.learning_rate * factor

    def _elbo_step(self) -> dict[str, float]:
        x, numbers = self.batches.draw(self.n_done)
        x = self.batches.own(x)
        noise = torch.randn(self.batch, self.n_latent, generator=numbers)
        _, elbo = reconstruct(
            self.nets["generator"],
            self.nets["encoder"],
            x,
            self.batches.own(noise).to(x.device),
            divergence_weight=self.schedule.divergence_weight(self.n_done),
            variance=self.variance,
        )
        loss = elbo.mean()
        descend(self.optimizers["elbo"], loss, rate=self._cosine(self.n_done / self.schedule.elbo_steps))
        return {"negative_elbo": loss.item(), "elbo_gradient": self._guard.norms["elbo"]}

    def _game_step(self) -> dict[str, float]:
        game, players, schedule = self.game, self.players, self.schedule
        assert game is not None  # checked when made
        assert players is not None
        if players.state is None:
            game.start()
        done = (self.n_done - schedule.elbo_steps) / schedule.game_steps
        rate = schedule.game_learning_rate * (1 - 0.9 * max(0.0, 2 * done - 1))
        _, loss_d = players.step((rate, rate))
        game.settle()
        gradients = players.gradients
        return {
            "discriminator": loss_d,
            **game.terms,
            **game.shares(),
            **{f"{name}_gradient": gradients[f"{name}_gradient"] for name in players.names},
        }

    def _estimate_step(self, done: float) -> dict[str, float]:
        """Move the encoder to what the averaged one says of the whole image."""
        assert self._estimates is not None  # checked when made
        x, numbers = self.batches.draw(self.n_done)
        known = self._estimates(x, numbers)
        noise = torch.randn(self.batch, self.n_latent, generator=numbers)
        noise, x, known = self.batches.own(noise).to(x.device), self.batches.own(x), self.batches.own(known)
        with torch.no_grad():
            mean, log_variance = self.averaged["encoder"].posterior(x)  # type: ignore[operator]  # as below
            z = mean + (0.5 * log_variance).exp() * noise
        mean, log_variance = self.nets["encoder"].posterior(torch.cat([known, x]))  # type: ignore[operator]  # typed Tensor | Module
        z = torch.cat([z, z])
        loss = 0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance).sum(1).mean()
        descend(self.optimizers["estimate"], loss, rate=self._cosine(done))
        return {"estimate": loss.item(), "estimate_gradient": self._guard.norms["estimate"]}

    def _linear_estimates(self, moments: Moments, x: Tensor, numbers: torch.Generator) -> Tensor:
        schedule = self.schedule
        return linear_estimates(
            x,
            moments,
            n_latent=self.n_latent,
            generator=numbers,
            measurements=(schedule.fewest_measurements, schedule.most_measurements),
            noise=(schedule.least_noise, schedule.most_noise),
        )

    def prior(self, *, name: str, moments: Moments | None = None, is_best: bool = False) -> Prior:
        """Return the averaged generator and encoder, or the third phase's encoder, as a prior.

        Parameters
        ----------
        name
            Its name.
        moments
            Mean and covariance of the training set.
        is_best
            Whether to take those of the best score, where there is one.
        """
        is_guided = self.n_done > self.n_steps - self.schedule.estimate_steps
        encoder = copy.deepcopy((self.nets if is_guided else self.averaged)["encoder"]).eval()
        generator = copy.deepcopy(self.averaged["generator"]).eval()
        if is_best and self.best.weights:
            kept = {name: _part(self.best.weights, name) for name in ("generator", "encoder")}
            generator.load_state_dict(kept["generator"])
            encoder.load_state_dict(kept["encoder"])
        return Prior(generator, self.n_latent, encoder, name=name, moments=moments)

    def samples(self, n: int) -> Tensor:
        """Return samples of the averaged generator at latents that never change."""
        return self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=Stream.GRID))

    def measure(self) -> dict[str, float]:
        """Measure the averaged networks, and keep them where the score is the best so far."""
        if self.evaluator is None:
            return {}
        prior = self.prior(name="")
        numbers = self.evaluator(prior)
        if self.score is not None:
            nets = {"generator": prior.generator, "encoder": prior.encoder}
            weights = {
                f"{name}.{k}": t for name, net in nets.items() if net for k, t in net.state_dict().items()
            }
            self.best.note(self.n_done, numbers[self.score], weights, 0.0)
        return numbers

    def diagnose(self) -> tuple[str, ...]:
        """Say in words what is wrong with the averaged networks, or that nothing is."""
        return diagnose_prior(
            self.averaged["generator"],
            self.averaged["encoder"],
            self.images,
            game=self.game if self.schedule.game_steps else None,
            saturated_since=self._saturated_since,
            numbers=step_generator(self.seed, 0, stream=Stream.MEASUREMENT),
            thresholds=replace(DEFAULT_THRESHOLDS, n_encoded=self.schedule.n_diagnosed),
        )

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {
            "schedule": asdict(self.schedule),
            "score": self.score,
            "rules": dict(self.rules.names),
            "seed": self.seed,
            DATA: self._data,
        }

    @cached_property
    def _data(self) -> str:
        return describe_samples(self.images)

    def _parts(self) -> Parts:
        memories: dict[str, Stateful] = {f"averaged_{name}": mean for name, mean in self.averages.items()}
        for i, penalty in enumerate(self.rules.penalties):
            if isinstance(penalty, Stateful):
                memories[f"penalty-{i}"] = penalty
        if self.variance is not None:
            memories["residual_variance"] = self.variance
        if self.score is not None:
            memories["best"] = self.best
        optimizers = dict(self.optimizers)
        if self.players is not None:
            optimizers |= dict(zip(self.players.names, self.players.optimizers, strict=True))
        return Parts(self.nets, optimizers, memories)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        players = self.players
        update = None if players is None else players.state
        tensors, facts = collect(self._parts(), update or UpdateState())
        return tensors, facts | {
            "has_update": update is not None,
            "n_done": self.n_done,
            "n_extra": 0 if self.game is None else self.game.n_extra,
            "cpu_seconds": self.cpu_seconds,
            "saturated_since": self._saturated_since,
        }

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        update = restore_state(tensors, facts, self._parts())
        if self.players is not None:
            self.players.state = update if facts["has_update"] else None
        if self.game is not None:
            self.game.n_extra = int(facts["n_extra"])
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
        self._saturated_since = facts.get("saturated_since")


def _part(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """Return the weights of one network."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): t for key, t in weights.items() if key.startswith(prefix)}
