"""After a game: an encoder learns to find the latents of the generator's own samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.games.updates import UpdateState
from sciadv.prior import Prior
from sciadv.trainings.data_order import Stream, step_generator
from sciadv.trainings.distributed import average_numbers, rank, world_size
from sciadv.trainings.fits.inversion_training import inversion_step
from sciadv.trainings.game.game_training import GameTraining
from sciadv.trainings.guard import GradientGuard, falling, named_weights
from sciadv.trainings.training_state import Parts, collect, restore_state


@final
class GameThenInversion:
    """A game, then the regression ``min_E E_z |E(G(z)) - z|^2``; follows `sciadv.trainings.Training`.

    G is the averaged generator at the game's end. An encoder of this kind gives a latent search its start:
    it is exact for samples only, and finds for an image the latent of a similar sample.

    Parameters
    ----------
    game
        The game on its data.
    encoder
        Maps samples to latents ``(batch, n_latent)``; trained in place.
    n_more
        Steps of the second phase.
    batch
        Samples a step of it, over all processes together.
    learning_rate
        Adam's, falling to nothing along a cosine.

    Raises
    ------
    InputError
        The processes cannot share the batch.

    References
    ----------
    J. Donahue, P. Krahenbuhl, T. Darrell, Adversarial feature learning, ICLR 2017, section 4, where it is
    the baseline "latent regressor".
    """

    def __init__(
        self,
        game: GameTraining,
        encoder: nn.Module,
        *,
        n_more: int,
        batch: int = 64,
        learning_rate: float = 1e-3,
    ) -> None:
        if batch % world_size():
            raise InputError(
                f"a batch of {batch} cannot be cut into {world_size()} equal parts, one a process"
            )
        self.game, self.encoder, self.n_more, self.learning_rate = game, encoder, n_more, learning_rate
        self._batch, self._n_inverted = batch, 0
        self._generator: nn.Module | None = None
        self.optimizer = torch.optim.Adam(encoder.parameters(), lr=learning_rate)
        guard = GradientGuard(lambda: self.n_done)
        guard.watch("inversion", self.optimizer, named_weights({"encoder": encoder}))

    @property
    def n_done(self) -> int:
        """Steps done in both phases."""
        return self.game.n_done + self._n_inverted

    @n_done.setter
    def n_done(self, n: int) -> None:
        self.game.n_done, self._n_inverted = min(n, self.game.n_steps), max(n - self.game.n_steps, 0)

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of each phase."""
        stopped = self.game.stop_reason() is not None
        return self.game.n_done if stopped else self.game.n_steps, self.n_more

    @property
    def n_steps(self) -> int:
        """Steps of both phases."""
        return sum(self.phases)

    @property
    def batch(self) -> int:
        """Samples a step of the game."""
        return self.game.batch

    def step(self) -> dict[str, float]:
        """Do one step of the game, or of the inversion when the game is over."""
        if self.game.n_done < self.game.n_steps and self.game.stop_reason() is None:
            return self.game.step()
        loss = self._invert()
        self._n_inverted += 1
        return {"inversion": loss}

    def _invert(self) -> float:
        play = self.game.play
        numbers = step_generator(play.seed, self._n_inverted, stream=Stream.INVERSION)
        z = torch.randn(self._batch, *play.losses.latent_shape, generator=numbers)
        size = self._batch // world_size()
        z = z[rank() * size : (rank() + 1) * size].to(play.losses.players[0][0])
        if self._generator is None:  # the game is over: it changes no more
            self._generator = play.prior(name="", card={}, moments=None, is_best=True).generator
        with torch.no_grad():
            x = self._generator(z)
        rate = self.learning_rate * falling(self._n_inverted / self.n_more)
        loss = inversion_step(self.encoder, self.optimizer, x, z.flatten(1), rate=rate)
        return average_numbers({"inversion": loss}, z.device)["inversion"]

    def with_encoder(self, prior: Prior) -> Prior:
        """Return the prior with the encoder."""
        return replace(prior, encoder=self.encoder.eval())

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {**self.game.settings(), "inversion": [self.n_more, self._batch, self.learning_rate]}

    def _parts(self) -> Parts:
        return Parts({"encoder": self.encoder}, {"inversion": self.optimizer}, {})

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = self.game.state()
        ours, ours_facts = collect(self._parts(), UpdateState())
        inversion = {"n_inverted": self._n_inverted, "inversion": ours_facts}
        return tensors | {f"inversion.{name}": t for name, t in ours.items()}, facts | inversion

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        prefix = "inversion."
        ours = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        restore_state(ours, facts["inversion"], self._parts())
        self.game.restore({name: t for name, t in tensors.items() if not name.startswith(prefix)}, facts)
        self._n_inverted = int(facts["n_inverted"])
        self._generator = None

    def samples(self, n: int) -> Tensor:
        """Return samples of the averaged generator at latents that never change."""
        return self.game.samples(n)

    def measure(self) -> dict[str, float]:
        """Measure the averaged generator; nothing once the game is over."""
        return {} if self._n_inverted else self.game.measure()

    def diagnose(self) -> tuple[str, ...]:
        """Say in words how the game stands."""
        return self.game.diagnose()

    def stop_reason(self) -> str | None:
        """Never stop before the end of the inversion."""
        return None
