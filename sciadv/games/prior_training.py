"""Training of a prior: a variational autoencoder, then an adversarial game for its decoder, the ELBO kept.

The first phase gives a latent space in which every image has a place and an encoder that finds it; the second
makes what the decoder draws from the latent law look like the data. Larsen et al., Autoencoding beyond pixels
using a learned similarity metric, ICML 2016, for the combination; Huang et al., The GAN is dead; long live
the GAN! (R3GAN), NeurIPS 2024, for the relativistic loss with R1 and R2.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.games.checkpoint import load_training_tensors, read_checkpoint, training_tensors, write_checkpoint
from sciadv.games.objectives import Relativistic
from sciadv.games.penalties import R1, R2
from sciadv.games.trainer.loop import run_steps
from sciadv.games.trainer.order import batch_indices, step_generator
from sciadv.prior import Moments, Prior


@dataclass(frozen=True)
class PriorSchedule:
    """How long and how fast.

    Parameters
    ----------
    elbo_steps, game_steps
        Steps of the first and of the second phase.
    batch
        Images per step.
    learning_rate
        Adam's step in the first phase, falling to a hundredth along a cosine.
    game_learning_rate
        Adam's step of all players in the second phase, falling linearly to a tenth in its second half.
    elbo_weight, game_weight
        Weights of the negative ELBO (in nats per image) and of the generator's loss in the second phase.
    gamma, penalty_every
        Weight of R1 and R2, and the steps between two of them (lazily, times the steps).
    ema
        Decay of the averaged generator and encoder in the second phase.
    """

    elbo_steps: int = 8000
    game_steps: int = 8000
    batch: int = 64
    learning_rate: float = 1e-3
    game_learning_rate: float = 3e-4
    elbo_weight: float = 0.01
    game_weight: float = 0.3
    gamma: float = 0.1
    penalty_every: int = 8
    ema: float = 0.999


def negative_elbo(logits: Tensor, x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return ``-E log p(x | z) + KL(q(z | x) | N(0, I))`` per image [nats], Bernoulli pixels; ``(batch,)``.

    Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, eq. 10 and appendix C.1.
    """
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
    return cross_entropy + divergence


class PriorTraining:
    """The networks, their optimizers and one `step`, whose draws depend on the seed and its number only.

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

    Raises
    ------
    InputError
        A second phase without a discriminator, or fewer images than a batch.
    """

    def __init__(
        self,
        generator: nn.Module,
        encoder: nn.Module,
        discriminator: nn.Module | None,
        images: Tensor,
        *,
        schedule: PriorSchedule,
        seed: int = 0,
    ) -> None:
        if schedule.game_steps and discriminator is None:
            raise InputError(
                "the recipe has game_steps but no [discriminator]; add one or set game_steps = 0"
            )
        if len(images) < schedule.batch:
            raise InputError(
                f"the data set has {len(images)} images, fewer than one batch of {schedule.batch}"
            )
        self.images, self.schedule, self.seed, self.n_done, self.cpu_seconds = images, schedule, seed, 0, 0.0
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

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the ELBO; Adam with the game's momenta for each player."""
        decoder_side = [*self.nets["generator"].parameters(), *self.nets["encoder"].parameters()]
        optimizers: dict[str, torch.optim.Optimizer] = {"elbo": torch.optim.Adam(decoder_side, lr=1e-3)}
        if "discriminator" in self.nets:
            optimizers["generator"] = torch.optim.Adam(decoder_side, lr=1e-3, betas=(0.5, 0.99))
            critic = self.nets["discriminator"].parameters()
            optimizers["discriminator"] = torch.optim.Adam(critic, lr=1e-3, betas=(0.0, 0.99))
        return optimizers

    @property
    def n_steps(self) -> int:
        """Steps of both phases."""
        return self.schedule.elbo_steps + self.schedule.game_steps

    def _draw(self) -> tuple[Tensor, torch.Generator]:
        """Return this step's batch in [0, 1], in an order without repetition, and the step's generator."""
        index = batch_indices(len(self.images), self.schedule.batch, self.n_done, seed=self.seed)
        x = self.images[index.to(self.images.device)].float() / 255
        return x, step_generator(self.seed, self.n_done)

    def step(self) -> dict[str, float]:
        """Do one step and return its losses."""
        started = time.process_time()
        x, generator = self._draw()
        schedule = self.schedule
        if self.n_done < schedule.elbo_steps:
            rate = schedule.learning_rate * (
                0.01
                + 0.99
                * 0.5
                * (1 + torch.cos(torch.tensor(torch.pi * self.n_done / schedule.elbo_steps)).item())
            )
            losses = self._elbo_step(x, generator, rate)
            decay = 0.0
        else:
            done = (self.n_done - schedule.elbo_steps) / schedule.game_steps
            rate = schedule.game_learning_rate * (1 - 0.9 * max(0.0, 2 * done - 1))
            losses = self._game_step(x, generator, rate)
            decay = schedule.ema
        self._average(decay)
        self.n_done += 1
        self.cpu_seconds += time.process_time() - started
        return losses

    def _reconstruct(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return logits at a posterior draw and the negative ELBO ``(batch,)``."""
        mean, log_variance = self.nets["encoder"].posterior(x)  # type: ignore[operator]  # typed Tensor | Module
        noise = torch.randn(mean.shape, generator=generator).to(mean.device)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.nets["generator"].logits(z)  # type: ignore[operator]  # as above
        return logits, negative_elbo(logits, x, mean, log_variance)

    def _elbo_step(self, x: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        loss = self._reconstruct(x, generator)[1].mean()
        self._descend("elbo", loss, rate)
        return {"negative_elbo": loss.item()}

    def _game_step(self, x: Tensor, generator: torch.Generator, rate: float) -> dict[str, float]:
        discriminator = self.nets["discriminator"]
        logits, elbo = self._reconstruct(x, generator)
        z = torch.randn(len(x) - len(x) // 2, self.n_latent, generator=generator).to(x.device)
        fake = torch.cat([logits[: len(x) // 2].sigmoid(), self.nets["generator"](z)])
        loss_d = self.objective.discriminator_loss(discriminator(x), discriminator(fake.detach()))
        if self.n_done % self.schedule.penalty_every == 0:
            loss_d = loss_d + sum(penalty(discriminator, x, fake.detach()) for penalty in self.penalties)
        self._descend("discriminator", loss_d, rate)
        discriminator.requires_grad_(False)
        with torch.no_grad():
            real_logits = discriminator(x)
        loss_g = self.objective.generator_loss(discriminator(fake), real_logits)
        self._descend(
            "generator", self.schedule.elbo_weight * elbo.mean() + self.schedule.game_weight * loss_g, rate
        )
        discriminator.requires_grad_(True)
        return {
            "negative_elbo": elbo.mean().item(),
            "discriminator": loss_d.item(),
            "generator": loss_g.item(),
        }

    def _descend(self, name: str, loss: Tensor, rate: float) -> None:
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()

    @torch.no_grad()
    def _average(self, decay: float) -> None:
        for name, averaged in self.averaged.items():
            for mean, current in zip(averaged.parameters(), self.nets[name].parameters(), strict=True):
                mean.lerp_(current, 1 - decay)

    def run(
        self, checkpoint: Path | None = None, *, every: int = 500, resume: bool = False
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Step to the end, yielding (steps done, losses); write `checkpoint` every so often and at the end.

        Raises
        ------
        DivergedError
            A loss became NaN or Inf; the last checkpoint is kept.
        WeightsError
            `resume` is asked and the checkpoint is broken.
        """
        yield from run_steps(self, self.n_steps, checkpoint=checkpoint, every=every, resume=resume)

    def prior(self, *, name: str, moments: Moments | None = None) -> Prior:
        """Return the averaged generator and encoder as a prior."""
        generator, encoder = (copy.deepcopy(self.averaged[net]).eval() for net in ("generator", "encoder"))
        return Prior(generator, self.n_latent, encoder, name=name, moments=moments)

    def save(self, checkpoint: Path) -> None:
        """Write all that the next step depends on."""
        nets = self.nets | {f"averaged_{name}": net for name, net in self.averaged.items()}
        facts: dict[str, object] = {
            "n_done": self.n_done,
            "cpu_seconds": self.cpu_seconds,
            "seed": self.seed,
            "schedule": asdict(self.schedule),
        }
        write_checkpoint(checkpoint, training_tensors(nets, self.optimizers), facts)

    def load(self, checkpoint: Path) -> None:
        """Continue from a checkpoint of the same recipe.

        Raises
        ------
        WeightsError
            The file is broken.
        InputError
            It belongs to another schedule or seed.
        """
        tensors, facts = read_checkpoint(checkpoint)
        if facts["schedule"] != asdict(self.schedule) or facts["seed"] != self.seed:
            raise InputError(
                f"{checkpoint} was written by another schedule or seed; train without --resume to start anew"
            )
        nets = self.nets | {f"averaged_{name}": net for name, net in self.averaged.items()}
        load_training_tensors(tensors, nets, self.optimizers)
        self.n_done, self.cpu_seconds = int(str(facts["n_done"])), float(str(facts.get("cpu_seconds", 0.0)))
