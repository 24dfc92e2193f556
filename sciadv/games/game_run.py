"""The run of `Game.fit`: steps, scores, sample grids, the way back when it diverges, and the report."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import Tensor

from sciadv.games.game_play import Play
from sciadv.games.game_report import EarlyStopping, GameReport, GameStatus
from sciadv.games.trainer.distributed import average_numbers, is_first
from sciadv.games.trainer.log import TrainingLog, save_grid
from sciadv.games.trainer.loop import DivergedError, TrainingMonitor, TrainingProgress, run_steps
from sciadv.games.trainer.order import Sampler

_logger = logging.getLogger(__name__)
_N_GRID = 64


@final
@dataclass
class Run:
    """A game on its data, until `n_steps` steps are made; follows `sciadv.games.trainer.Trainable`.

    Parameters
    ----------
    play
        The game.
    data
        Its samples.
    n_steps
        Steps at the end.
    every
        Steps between two checkpoints, grids, scores and copies of the state.
    stop
        Metric on which to stop early.
    """

    play: Play
    data: Tensor | Sampler
    n_steps: int
    every: int
    stop: EarlyStopping | None = None

    @property
    def n_done(self) -> int:
        """Steps done."""
        return self.play.n_done

    @property
    def is_due(self) -> bool:
        """Whether this is one of the steps at which the state is kept."""
        return self.n_done % self.every == 0 or self.n_done == self.n_steps

    def step(self) -> dict[str, float]:
        """Do one step, and score the averaged generator where that is due."""
        numbers = self.play.step(self.data, n_steps=self.n_steps)
        if self.stop is not None and self.is_due:
            score = self.stop.metric(self.play.prior(name="game", card={}, moments=None, is_best=False))
            device = self.play.losses.players[0][0].device
            score = average_numbers({"score": float(score)}, device)["score"]
            self.play.best.note(
                self.n_done, score, self.play.averaged.module.state_dict(), self.stop.least_gain
            )
        return numbers

    def save(self, checkpoint: Path) -> None:
        """Write all that the next step depends on."""
        self.play.save(checkpoint)

    def load(self, checkpoint: Path) -> None:
        """Go on from what `save` wrote."""
        self.play.load(checkpoint)

    @property
    def is_exhausted(self) -> bool:
        """Whether the metric has not improved for long enough."""
        return self.stop is not None and self.play.best.n_since >= self.stop.patience

    def finish(self, checkpoint: Path | None, monitor: TrainingMonitor | None) -> GameReport:
        """Train to the end, or to where it stops, and report."""
        began = time.process_time()
        with _folder(checkpoint, self.n_done) as log:
            status, message, last = self._train(checkpoint, log, monitor)
            seconds = time.process_time() - began
            diagnosis = () if status is GameStatus.DIVERGED else self.play.diagnose(self.data)
            scores = tuple(self.play.best.scores)
            report = GameReport(status, message, self.n_done, seconds, last, diagnosis, scores)
            if log is not None:
                log.summary(report.payload() | {"settings": self.play.settings()})
        return report

    def _train(
        self, checkpoint: Path | None, log: TrainingLog | None, monitor: TrainingMonitor | None
    ) -> tuple[GameStatus, str, dict[str, float]]:
        began, last, good = time.process_time(), dict[str, float](), self.play.state()
        steps = (
            iter(())
            if self.is_exhausted
            else run_steps(self, self.n_steps, checkpoint=checkpoint, every=self.every)
        )
        try:
            for step, last in steps:
                if log is not None:
                    log.write(step, last)
                if self.is_due:
                    good = self.play.state()
                    self._draw_grid(log)
                if monitor is not None:
                    monitor(TrainingProgress(step, self.n_steps, last, time.process_time() - began))
                if self.is_exhausted:
                    break
        except DivergedError as error:
            self.play.restore(*good)
            message = f"{error}. The game is back at step {self.n_done}"
            _logger.warning(message)
            return GameStatus.DIVERGED, message, last
        if self.is_exhausted:
            return GameStatus.STOPPED, self._stopped(), last
        return GameStatus.FINISHED, f"all {self.n_steps} steps done", last

    def _stopped(self) -> str:
        best, score = self.play.best.best
        return (
            f"the metric improved no more after step {best} ({score:.4g}): stopped at step {self.n_done} of "
            f"{self.n_steps}, the prior is that of step {best}"
        )

    def _draw_grid(self, log: TrainingLog | None) -> None:
        if log is None:
            return
        log.flush()
        x = self.play.samples(_N_GRID)
        if (x.ndim == 4 and x.shape[1] in (1, 3)) or (x.ndim == 2 and x.shape[1] == 2):
            save_grid(x, log.folder / f"samples-{self.n_done:07d}.png")


@contextmanager
def _folder(checkpoint: Path | None, n_done: int) -> Iterator[TrainingLog | None]:
    """Give the log of the checkpoint's folder to the process that writes, nothing to the others."""
    if checkpoint is None or not is_first():
        yield None
        return
    with TrainingLog(checkpoint.parent, n_done=n_done) as log:
        yield log
