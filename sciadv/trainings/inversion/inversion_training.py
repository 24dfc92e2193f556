"""An encoder learns to find the latents of the samples of a generator that is trained already."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.games.updates import UpdateState
from sciadv.prior import Prior
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.guard import GradientGuard, descend, named_weights
from sciadv.trainings.training_state import Parts, collect, restore_state


@final
class InversionTraining:
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
        self.source, self.encoder, self.n_steps, self.batch = prior, encoder, n_steps, batch
        self.learning_rate, self.seed, self.n_done = learning_rate, seed, 0
        self.optimizer = torch.optim.Adam(encoder.parameters(), lr=learning_rate)
        guard = GradientGuard(lambda: self.n_done)
        guard.watch("inversion", self.optimizer, named_weights({"encoder": encoder}))

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of the only phase."""
        return (self.n_steps,)

    def step(self) -> dict[str, float]:
        """Do one step and return its loss."""
        numbers = step_generator(self.seed, self.n_done, stream=Stream.INVERSION)
        z = self.source.sample_latent(self.batch, seed=numbers)
        with torch.no_grad():
            x = self.source(z)
        loss = functional.mse_loss(self.encoder(x), z)
        share = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * self.n_done / self.n_steps)).item())
        descend(self.optimizer, loss, rate=self.learning_rate * share)
        self.n_done += 1
        return {"inversion": loss.item()}

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {"inversion": [self.n_steps, self.batch, self.learning_rate], "seed": self.seed}

    def _parts(self) -> Parts:
        return Parts({"encoder": self.encoder}, {"inversion": self.optimizer}, {})

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = collect(self._parts(), UpdateState())
        return tensors, facts | {"n_done": self.n_done}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        restore_state(tensors, facts, self._parts())
        self.n_done = int(facts["n_done"])

    def samples(self, n: int) -> Tensor | None:  # noqa: ARG002  the protocol's signature
        """Return nothing: the generator does not change."""
        return None

    def measure(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def stop_reason(self) -> str | None:
        """Never stop before the end."""
        return None
