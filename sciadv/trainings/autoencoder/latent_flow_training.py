"""A flow learns where an autoencoder's latents of images lie, so that draws of N(0, I) go there."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import final

import torch
from torch import Tensor, nn

from sciadv.nets.equal_length.coupling_flow import standard_log_density
from sciadv.nets.wrapping.latent_flow import LatentFlow
from sciadv.registry.checked import checked
from sciadv.trainings.autoencoder.image_batches import in_unit_range
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.fits.network_fit import NetworkFit
from sciadv.trainings.guard import descend
from sciadv.trainings.training_report import BestSoFar
from sciadv.types import Count, NotNegative, Positive, Whole


@checked
@dataclass(frozen=True)
class FlowSchedule:
    """How long and how fast the flow of the latents is learnt.

    Parameters
    ----------
    flow_steps
        Steps at most; 0 for no flow.
    least_deviation
        Standard deviation of an encoded latent, at least: what is learnt is no sharper. A search of sharp
        latents has many local minima, and images unlike the data's have no place in them.
    batch
        Latents a step.
    learning_rate
        Adam's.
    every
        Steps between two measurements of the held-out latents.
    patience
        Measurements without a gain after which it ends.
    n_draws
        Draws of each held-out image.
    only_draws
        Whether the flow is the prior's `sampler` in any case: draws go through it, searches do not.
    """

    flow_steps: Whole = 0
    least_deviation: NotNegative = 0.6
    batch: Count = 256
    learning_rate: Positive = 1e-3
    every: Count = 100
    patience: Count = 6
    n_draws: Count = 4
    only_draws: bool = False


@dataclass(frozen=True, eq=False)
class EncodedImages:
    """``q(z | x)`` of images: its mean and the logarithm of its variance, each ``(n, n_latent)``."""

    mean: Tensor
    log_variance: Tensor

    @staticmethod
    def of(
        encoder: nn.Module, images: Tensor, *, least_deviation: float = 0.0, n_at_once: int = 500
    ) -> EncodedImages:
        """Encode images, uint8 or float32 in [0, 1], by an encoder with `posterior`.

        No standard deviation is taken to be smaller than `least_deviation`.
        """
        parts = torch.split(images, n_at_once)
        with torch.no_grad():
            found = [encoder.posterior(in_unit_range(part)) for part in parts]  # type: ignore[operator]  # see elbo.py
        means, log_variances = zip(*found, strict=True)
        least = 2 * math.log(max(least_deviation, 1e-12))
        return EncodedImages(torch.cat(means), torch.cat(log_variances).clamp_min(least))

    def draw(self, rows: Tensor, numbers: torch.Generator) -> Tensor:
        """Draw a latent of each of some images ``(rows, n_latent)``."""
        noise = torch.randn(len(rows), self.mean.shape[1], generator=numbers)
        return self.mean[rows] + (0.5 * self.log_variance[rows]).exp() * noise

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and covariance of the latents of all images."""
        mean, variance = self.mean.double(), self.log_variance.double().exp()
        return mean.mean(0), torch.cov(mean.T) + variance.mean(0).diag()


@final
class LatentFlowTraining(NetworkFit):
    """Maximum likelihood of draws of ``q(z | x)`` under a flow; follows `sciadv.trainings.Training`.

    It begins at the Gaussian of their mean and covariance, and ends when the latents of held-out images have
    become no likelier for a while; the flow is then that of the best measurement.

    Parameters
    ----------
    flow
        Trained in place.
    seen, held_out
        Encoded images to learn from, and to measure by.
    schedule
        How long and how fast.
    seed
        Seed of all draws.

    References
    ----------
    B. Dai, D. Wipf, Diagnosing and enhancing VAE models, ICLR 2019, section 4, where a second autoencoder is
    in the place of the flow.
    """

    def __init__(
        self,
        flow: LatentFlow,
        seen: EncodedImages,
        held_out: EncodedImages,
        schedule: FlowSchedule,
        *,
        seed: int = 0,
    ) -> None:
        self.flow = flow.begin_at(*seen.moments())
        self.seen = seen
        self.schedule = schedule
        self.seed = seed
        self.best = BestSoFar()
        sizes = (schedule.flow_steps, schedule.batch, schedule.learning_rate)
        super().__init__("flow", flow, *sizes, memories={"best": self.best})
        rows = torch.arange(len(held_out.mean)).repeat_interleave(schedule.n_draws)
        self.tested = held_out.draw(rows, step_generator(seed, 0, stream=Stream.MEASUREMENT))
        self.measure()

    def step(self) -> dict[str, float]:
        """Do one step and return its loss: nats of a latent."""
        numbers = step_generator(self.seed, self.n_done, stream=Stream.LATENTS)
        rows = torch.randint(len(self.seen.mean), (self.batch,), generator=numbers)
        loss = -self.flow.log_density(self.seen.draw(rows, numbers)).mean()
        descend(self.optimizer, loss, rate=self.learning_rate)
        self.n_done += 1
        return {"negative_log_density": loss.item()}

    def gain(self) -> tuple[float, float]:
        """Return how many nats likelier than under N(0, I) held-out latents are, and its standard error."""
        with torch.no_grad():
            gain = self.flow.log_density(self.tested) - standard_log_density(self.tested)
        images = gain.reshape(-1, self.schedule.n_draws).mean(1)
        return float(images.mean()), float(images.std() / math.sqrt(len(images)))

    def take_best(self) -> LatentFlow:
        """Return the flow with the weights of the best measurement."""
        self.flow.load_state_dict(self.best.weights)
        return self.flow

    def measure(self) -> dict[str, float]:
        """Return the gain of held-out latents, and keep the weights where it is the best so far."""
        gain, _ = self.gain()
        self.best.note(self.n_done, -gain, self.flow.state_dict(), 0.0)
        return {"held_out_gain": gain}

    def stop_reason(self) -> str | None:
        """Say that held-out latents have become no likelier."""
        patience = self.schedule.patience
        if self.best.n_since < patience:
            return None
        return f"latents of held-out images became no likelier in {patience} measurements"

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"schedule": asdict(self.schedule), "seed": self.seed}
