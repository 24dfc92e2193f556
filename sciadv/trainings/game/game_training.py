"""A game on its data, until a number of steps is made: what `Game.fit` and ``sciadv train`` run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from sciadv.prior import Prior
from sciadv.trainings.distributed import average_numbers
from sciadv.trainings.game.game_play import Play
from sciadv.trainings.protocol import DATA
from sciadv.trainings.training_report import EarlyStopping


@final
@dataclass
class GameTraining:
    """A game on its data; follows `sciadv.trainings.Training`.

    Parameters
    ----------
    play
        The game, with its data shown.
    n_steps
        Steps at the end.
    stop
        Metric on which to stop early.
    evaluator
        Measures the averaged generator, as a prior, every so often.
    """

    play: Play
    n_steps: int
    stop: EarlyStopping | None = None
    evaluator: Callable[[Prior], dict[str, float]] | None = None
    #: CPU seconds of all steps, those of earlier runs included.
    cpu_seconds: float = 0.0

    @property
    def n_done(self) -> int:
        """Steps done."""
        return self.play.n_done

    @n_done.setter
    def n_done(self, n: int) -> None:
        self.play.n_done = n

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of the only phase."""
        return (self.n_steps,)

    @property
    def batch(self) -> int:
        """Samples a minibatch."""
        return self.play.batch

    def step(self) -> dict[str, float]:
        """Do one step."""
        began = time.process_time()
        numbers = self.play.step(n_steps=self.n_steps)
        self.cpu_seconds += time.process_time() - began
        return numbers

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on."""
        return {**self.play.settings(), DATA: self.play.describe_data()}

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on."""
        tensors, facts = self.play.state()
        return tensors, facts | {"cpu_seconds": self.cpu_seconds}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        self.play.restore(tensors, facts)
        self.cpu_seconds = float(facts.get("cpu_seconds", 0.0))

    def samples(self, n: int) -> Tensor:
        """Return samples of the averaged generator at latents that never change."""
        return self.play.samples(n)

    def measure(self) -> dict[str, float]:
        """Measure the averaged generator, and note the score that early stopping goes by."""
        prior = self.play.prior(name="game", card={}, moments=None, is_best=False)
        numbers = {} if self.evaluator is None else self.evaluator(prior)
        if self.stop is not None:
            device = self.play.losses.players[0][0].device
            score = average_numbers({"score": float(self.stop.metric(prior))}, device)["score"]
            weights = self.play.averaged.module.state_dict()
            self.play.best.note(self.n_done, score, weights, self.stop.least_gain)
            numbers |= {"score": score}
        return numbers

    def diagnose(self) -> tuple[str, ...]:
        """Say in words what is wrong with the game as it is, and how much it turns."""
        return self.play.diagnose()

    def stop_reason(self) -> str | None:
        """Say that the metric has not improved for long enough; None to go on."""
        if self.stop is None or self.play.best.n_since < self.stop.patience:
            return None
        best, score = self.play.best.best
        return (
            f"the metric improved no more after step {best} ({score:.4g}): stopped at step {self.n_done} of "
            f"{self.n_steps}, the prior is that of step {best}"
        )
