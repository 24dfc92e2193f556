"""An encoder learns to find the latents of the samples of a generator that is trained already."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from sciadv.prior import Prior
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.fits.network_fit import NetworkFit
from sciadv.trainings.guard import descend, falling


@final
class InversionTraining(NetworkFit):
    """The regression ``min_E E_z |E(G(z)) - z|^2``; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    prior
        Has the generator G.
    encoder
        E, maps samples to latents ``(batch, n_latent)``; trained in place.
    n_steps
        Steps.
    batch
        Samples a step.
    learning_rate
        Adam's, falling to nothing along a cosine.
    seed
        Seed of the latents.

    References
    ----------
    J. Donahue, P. Krahenbuhl, T. Darrell, Adversarial feature learning, ICLR 2017, section 4, where it is
    the baseline "latent regressor".
    """

    def __init__(
        self,
        prior: Prior,
        encoder: nn.Module,
        *,
        n_steps: int,
        batch: int = 64,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__("encoder", encoder, n_steps, batch, learning_rate)
        self.source = prior
        self.encoder = encoder
        self.seed = seed

    def step(self) -> dict[str, float]:
        """Do one step and return its loss."""
        numbers = step_generator(self.seed, self.n_done, stream=Stream.INVERSION)
        z = self.source.sample_latent(self.batch, seed=numbers)
        with torch.no_grad():
            x = self.source(z)
        rate = self.learning_rate * falling(self.n_done / self.n_steps)
        loss = inversion_step(self.encoder, self.optimizer, x, z, rate=rate)
        self.n_done += 1
        return {"inversion": loss}

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"inversion": [self.n_steps, self.batch, self.learning_rate], "seed": self.seed}


def inversion_step(encoder: nn.Module, optimizer: Optimizer, x: Tensor, z: Tensor, *, rate: float) -> float:
    """Do one step of the regression of latents z on their samples x; return its loss."""
    loss = functional.mse_loss(encoder(x), z)
    descend(optimizer, loss, rate=rate)
    return loss.item()
