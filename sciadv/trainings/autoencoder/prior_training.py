"""Training of a prior: a variational autoencoder, a game for its decoder, then estimates for its encoder.

The first phase gives a latent space in which every image has a place and an encoder that finds it; the second
makes what the decoder draws from the latent law look like the data, with the ELBO kept; the third leaves the
decoder as it is and teaches the encoder where an image lies of which only a linear estimate is known. Larsen
et al., Autoencoding beyond pixels using a learned similarity metric, ICML 2016, for the first two; Huang et
al., The GAN is dead; long live the GAN! (R3GAN), NeurIPS 2024, for the relativistic loss with R1 and R2.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.data.moments import Moments
from sciadv.errors import InputError
from sciadv.games.objectives import Relativistic
from sciadv.games.objectives.relativistic import centred
from sciadv.games.penalties import R1, R2
from sciadv.prior import Prior
from sciadv.trainings.autoencoder.linear_estimates import linear_estimates
from sciadv.trainings.autoencoder.prior_diagnosis import diagnose_prior
from sciadv.trainings.autoencoder.prior_schedule import PriorSchedule
from sciadv.trainings.checkpoint import load_training_tensors, training_tensors
from sciadv.trainings.data_order import batch_indices, step_generator
from sciadv.trainings.distributed import average_gradients, average_numbers, rank, world_size
from sciadv.trainings.game.game_diagnosis import is_saturated
from sciadv.trainings.guard import GradientGuard, named_weights

#: Streams of the latents of sample grids, and of those of the diagnosis.
_GRID, _DIAGNOSIS = 40, 41
#: The slope of the generator is measured at every so-many-th latent of a batch, over this step.
_SLOPE_EVERY, _SLOPE_STEP = 4, 0.1


def negative_elbo(
    logits: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor, *, divergence_weight: float = 1.0
) -> Tensor:
    """Return ``-E log p(x | z) + KL(q(z | x) | N(0, I))`` per image [nats], Bernoulli pixels; ``(batch,)``.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, eq. 10 and appendix C.1.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return cross_entropy + divergence_weight * divergence


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
        ``(n, channels, height, width)`` uint8, on the device to train on.
    schedule
        How long and how fast.
    seed
        Seed of batches, latents and posterior draws.
    moments
        Mean and covariance of the training set, for the third phase.
    evaluator
        Measures the averaged networks, as a prior, every so often.

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
        moments: Moments | None = None,
        evaluator: Callable[[Prior], dict[str, float]] | None = None,
    ) -> None:
        if schedule.game_steps and discriminator is None:
            raise InputError(
                "the recipe has game_steps but no [discriminator]; add one or set game_steps = 0"
            )
        if schedule.estimate_steps and moments is None:
            raise InputError(
                "linear estimates are made from the training set's mean and covariance; give moments, or set "
                "estimate_steps = 0"
            )
        if len(images) < schedule.batch:
            raise InputError(
                f"the data set has {len(images)} images, fewer than one batch of {schedule.batch}"
            )
        if schedule.batch % world_size():
            raise InputError(
                f"a batch of {schedule.batch} cannot be cut into {world_size()} equal parts, one a process"
            )
        self.images, self.schedule, self.seed, self.evaluator = images, schedule, seed, evaluator
        self.n_done, self.cpu_seconds = 0, 0.0
        self.moments = moments
        if moments is not None:
            mean, covariance = moments.mean.to(images.device), moments.covariance.to(images.device)
            self.moments = Moments(mean, covariance)
        self.n_latent = int(generator.settings["n_latent"])  # type: ignore[index]  # typed Tensor | Module
        self.nets: dict[str, nn.Module] = {"generator": generator, "encoder": encoder}
        self.averaged = {name: copy.deepcopy(net).requires_grad_(False) for name, net in self.nets.items()}
        if discriminator is not None:
            self.nets["discriminator"] = discriminator
        self.objective = Relativistic()
        self.penalties = (
            R1(schedule.gamma, every=schedule.penalty_every),
            R2(schedule.gamma, every=schedule.penalty_every),
        )
        self.optimizers = self._optimizers()
        self._guard = self._guarded()
        self._saturated_since: int | None = None

    def _guarded(self) -> GradientGuard:
        """Watch the gradient of every optimizer."""
        guard, both = GradientGuard(lambda: self.n_done), ("generator", "encoder")
        moved = {
            "elbo": both,
            "generator": both,
            "discriminator": ("discriminator",),
            "estimate": ("encoder",),
        }
        for name, optimizer in self.optimizers.items():
            guard.watch(name, optimizer, named_weights({net: self.nets[net] for net in moved[name]}))
        return guard

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the ELBO and for the estimates; Adam with the game's momenta for each player."""
        decoder_side = [*self.nets["generator"].parameters(), *self.nets["encoder"].parameters()]
        optimizers: dict[str, torch.optim.Optimizer] = {"elbo": torch.optim.Adam(decoder_side, lr=1e-3)}
        if "discriminator" in self.nets:
            optimizers["generator"] = torch.optim.Adam(decoder_side, lr=1e-3, betas=(0.5, 0.99))
            critic = self.nets["discriminator"].parameters()
            optimizers["discriminator"] = torch.optim.Adam(critic, lr=1e-3, betas=(0.0, 0.99))
        if self.schedule.estimate_steps:
            optimizers["estimate"] = torch.optim.Adam(self.nets["encoder"].parameters(), lr=1e-3)
        return optimizers

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

    def _own(self, batch: Tensor) -> Tensor:
        """Return this process's part of a whole batch."""
        size = self.batch // world_size()
        return batch[rank() * size : (rank() + 1) * size]

    def _draw(self) -> tuple[Tensor, torch.Generator]:
        """Return this step's batch in [0, 1], in an order without repetition, and the step's generator."""
        index = batch_indices(len(self.images), self.schedule.batch, self.n_done, seed=self.seed)
        x = self.images[index.to(self.images.device)].float() / 255
        return x, step_generator(self.seed, self.n_done)

    def step(self) -> dict[str, float]:
        """Do one step and return its losses."""
        started = time.process_time()
        x, generator = self._draw()
        schedule, n_before = self.schedule, self.n_steps - self.schedule.estimate_steps
        if self.n_done < schedule.elbo_steps:
            losses = self._elbo_step(x, generator, self._cosine(self.n_done / schedule.elbo_steps))
            self._average(0.0)
        elif self.n_done < n_before:
            done = (self.n_done - schedule.elbo_steps) / schedule.game_steps
            rate = schedule.game_learning_rate * (1 - 0.9 * max(0.0, 2 * done - 1))
            losses = self._game_step(x, generator, rate)
            self._average(schedule.ema)
        else:
            if self.n_done == n_before:
                self.nets["encoder"].load_state_dict(self.averaged["encoder"].state_dict())
            rate = self._cosine((self.n_done - n_before) / schedule.estimate_steps)
            losses = self._estimate_step(x, generator, rate)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        numbers = average_numbers(losses, x.device)
        saturated = is_saturated(numbers.get("real", 0.5), numbers.get("fake", 0.5))
        self._saturated_since = (self._saturated_since or self.n_done) if saturated else None
        return numbers

    def _cosine(self, done: float) -> float:
        """Return the learning rate at a share of a phase, falling to a hundredth."""
        factor = 0.01 + 0.99 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * done)).item())
        return self.schedule.learning_rate * factor

    def _estimate_step(self, x: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        """Move the encoder to what the averaged one says of the whole image."""
        assert self.moments is not None  # checked when made
        known = linear_estimates(x, self.moments, n_latent=self.n_latent, generator=generator)
        noise = self._own(torch.randn(self.batch, self.n_latent, generator=generator)).to(x.device)
        x, known = self._own(x), self._own(known)
        with torch.no_grad():
            mean, log_variance = self.averaged["encoder"].posterior(x)  # type: ignore[operator]  # as below
            z = mean + (0.5 * log_variance).exp() * noise
        mean, log_variance = self.nets["encoder"].posterior(torch.cat([known, x]))  # type: ignore[operator]  # as below
        z = torch.cat([z, z])
        loss = 0.5 * ((z - mean).square() * (-log_variance).exp() + log_variance).sum(1).mean()
        self._descend("estimate", loss, rate)
        return {"estimate": loss.item(), **self._gradients("estimate")}

    def _reconstruct(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return logits at a posterior draw and the negative ELBO, of this process's part of the batch."""
        x = self._own(x)
        mean, log_variance = self.nets["encoder"].posterior(x)  # type: ignore[operator]  # typed Tensor | Module
        noise = self._own(torch.randn(self.batch, self.n_latent, generator=generator)).to(mean.device)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.nets["generator"].logits(z)  # type: ignore[operator]  # as above
        weight = min(1.0, (self.n_done + 1) / max(1, self.schedule.divergence_steps))
        if self.n_done >= self.schedule.elbo_steps:
            weight *= self.schedule.game_divergence
        return logits, negative_elbo(logits, x, mean, log_variance, divergence_weight=weight)

    def _elbo_step(self, x: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        loss = self._reconstruct(x, generator)[1].mean()
        self._descend("elbo", loss, rate)
        return {"negative_elbo": loss.item(), **self._gradients("elbo")}

    def _gradients(self, *players: str) -> dict[str, float]:
        """Return the norms of the gradients of the step."""
        return {f"{player}_gradient": self._guard.norms[player] for player in players}

    def _game_step(self, x: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        discriminator = self.nets["discriminator"]
        logits, elbo = self._reconstruct(x, generator)
        fake = self._fakes(logits, generator)
        x = self._own(x)
        judged = discriminator(x), discriminator(fake.detach())
        loss_d = self.objective.discriminator_loss(*judged)
        if self.n_done % self.schedule.penalty_every == 0:
            loss_d = loss_d + sum(penalty(discriminator, x, fake.detach()) for penalty in self.penalties)
        self._descend("discriminator", loss_d, rate)
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_logits = discriminator(x)
        loss_g = self.objective.generator_loss(discriminator(fake), real_logits)
        loss = self.schedule.elbo_weight * elbo.mean() + self.schedule.game_weight * loss_g
        if self.schedule.smoothness:
            loss = loss + self.schedule.smoothness * self._slope(generator, x.device)
        self._descend("generator", loss, rate)
        discriminator.requires_grad_(True)
        of_real, of_fake = (logits.sigmoid().mean().item() for logits in centred(*judged))
        return {
            "negative_elbo": elbo.mean().item(),
            "discriminator": loss_d.item(),
            "generator": loss_g.item(),
            "real": of_real,
            "fake": of_fake,
            **self._gradients("generator", "discriminator"),
        }

    def _fakes(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Return reconstructions for the first half of the whole batch, samples for the second: our part."""
        half, size = self.batch // 2, len(logits)
        z = torch.randn(self.batch - half, self.n_latent, generator=generator).to(logits.device)
        first = rank() * size
        n_reconstructed = min(max(half - first, 0), size)
        drawn = z[max(first - half, 0) : max(first + size - half, 0)]
        parts = [logits[:n_reconstructed].sigmoid()] if n_reconstructed else []
        return torch.cat([*parts, self.nets["generator"](drawn)] if len(drawn) else parts)

    def _slope(self, generator: torch.Generator, device: torch.device) -> Tensor:
        """Return ``E |J(z) u|^2`` at draws from the latent law, by a finite difference."""
        G = self.nets["generator"]
        z, u = (torch.randn(self.batch, self.n_latent, generator=generator).to(device) for _ in range(2))
        z, u = self._own(z)[::_SLOPE_EVERY], self._own(u)[::_SLOPE_EVERY]
        change: Tensor = (G(z + _SLOPE_STEP * u) - G(z)) / _SLOPE_STEP
        return change.square().flatten(1).sum(1).mean()

    def _descend(self, name: str, loss: Tensor, rate: float) -> None:
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        moved = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        for p, gradient in zip(moved, average_gradients(tuple(p.grad for p in moved)), strict=True):
            p.grad = gradient
        optimizer.step()

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for name, averaged in self.averaged.items():
            for mean, current in zip(averaged.parameters(), self.nets[name].parameters(), strict=True):
                mean.lerp_(current, 1 - decay)

    def prior(self, *, name: str, moments: Moments | None = None) -> Prior:
        """Return the averaged generator and encoder, or the third phase's encoder, as a prior."""
        is_guided = self.n_done > self.n_steps - self.schedule.estimate_steps
        encoder = copy.deepcopy((self.nets if is_guided else self.averaged)["encoder"]).eval()
        generator = copy.deepcopy(self.averaged["generator"]).eval()
        return Prior(generator, self.n_latent, encoder, name=name, moments=moments)

    def samples(self, n: int) -> Tensor:
        """Return samples of the averaged generator at latents that never change."""
        return self.prior(name="").sample(n, seed=step_generator(self.seed, 0, stream=_GRID))

    def measure(self) -> dict[str, float]:
        """Measure the averaged networks."""
        return {} if self.evaluator is None else self.evaluator(self.prior(name=""))

    def diagnose(self) -> tuple[str, ...]:
        """Say in words what is wrong with the averaged networks, or that nothing is."""
        return diagnose_prior(
            self.averaged["generator"],
            self.averaged["encoder"],
            self.images,
            discriminator=self.nets.get("discriminator") if self.schedule.game_steps else None,
            saturated_since=self._saturated_since,
            numbers=step_generator(self.seed, 0, stream=_DIAGNOSIS),
        )

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed}

    def _all_nets(self) -> dict[str, nn.Module]:
        return self.nets | {f"averaged_{name}": net for name, net in self.averaged.items()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors = training_tensors(self._all_nets(), self.optimizers)
        facts = {
            "n_done": self.n_done,
            "cpu_seconds": self.cpu_seconds,
            "saturated_since": self._saturated_since,
        }
        return {name: t.detach().clone() for name, t in tensors.items()}, facts

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        load_training_tensors(tensors, self._all_nets(), self.optimizers)
        self.n_done, self.cpu_seconds = int(facts["n_done"]), float(facts["cpu_seconds"])
        self._saturated_since = facts.get("saturated_since")
