"""The loop of every training: steps, measurements, sample grids, checkpoints, the way back from a NaN."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from torch import Tensor

from sciadv.files.folders import as_path
from sciadv.files.publishing import lock_folder, uninterrupted
from sciadv.trainings.distributed import anywhere, is_first
from sciadv.trainings.log import TrainingLog, save_grid
from sciadv.trainings.protocol import (
    DivergedError,
    Training,
    TrainingMonitor,
    TrainingProgress,
    diverged,
    finite_state,
    save_training,
)
from sciadv.trainings.training_report import GameReport, GameStatus

_logger = logging.getLogger(__name__)


def run(
    training: Training,
    *,
    checkpoint: Path | str | None = None,
    every: int = 500,
    monitor: TrainingMonitor | None = None,
    is_interrupted: Callable[[], bool] = lambda: False,
    n_shown: int = 64,
) -> GameReport:
    """Step a training to its end and report.

    Parameters
    ----------
    training
        What is trained; it may have made steps already.
    checkpoint
        File from which it can go on bit for bit. Its folder also gets ``metrics.csv`` (a row a step),
        ``quality.csv`` (a row a measurement), ``metrics.json``, ``samples-*.png`` and TensorBoard's events
        where it is installed. None writes nothing.
    every
        Steps between two checkpoints, measurements, grids, and copies of the state to which a diverged
        training goes back.
    monitor
        Called after each step.
    is_interrupted
        Asked after each step; when any process says so, the state is written and the run ends. So it does
        at Ctrl-C, which waits for the end of the step.
    n_shown
        Samples of a grid.

    Returns
    -------
    GameReport
        A training that diverges is a status, not an exception: it is back at its last good state.
    """
    file = None if checkpoint is None else as_path(checkpoint, "checkpoint")
    with _folder(file, training.n_done) as log:
        progress = _Run(training, file, every, monitor, is_interrupted, n_shown, log)
        status, message = progress.to_the_end()
        with suppress(KeyboardInterrupt), uninterrupted():
            done = status in (GameStatus.FINISHED, GameStatus.STOPPED)
            report = GameReport(
                status,
                message,
                training.n_done,
                progress.seconds,
                progress.losses,
                training.diagnose() if done else (),
                quality=tuple(progress.measured),
            )
            if log is not None:
                log.summary(report.payload() | {"settings": training.settings()})
    return report


@final
@dataclass
class _Run:
    """The state of one call of `run`."""

    training: Training
    checkpoint: Path | None
    every: int
    monitor: TrainingMonitor | None
    is_interrupted: Callable[[], bool]
    n_shown: int
    log: TrainingLog | None
    losses: dict[str, float] = field(default_factory=dict)
    measured: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    _good: tuple[dict[str, Tensor], dict[str, Any]] = field(default_factory=lambda: ({}, {}))
    _began: float = field(default_factory=time.process_time)

    @property
    def seconds(self) -> float:
        """CPU seconds since the run began."""
        return time.process_time() - self._began

    def to_the_end(self) -> tuple[GameStatus, str]:
        """Step until the training is done, has improved no more, diverged, or is interrupted."""
        training = self.training
        _logger.info("training from step %d to %d", training.n_done, training.n_steps)
        self._good = training.state()
        try:
            while training.n_done < training.n_steps and training.stop_reason() is None:
                pressed = self._step()
                if anywhere(self.is_interrupted() or pressed):
                    return self._interrupted()
        except DivergedError as error:
            training.restore(*self._good)
            message = f"{error}. The training is back at step {training.n_done}"
            _logger.warning(message)
            return GameStatus.DIVERGED, message
        if training.n_done < training.n_steps:
            return GameStatus.STOPPED, training.stop_reason() or ""
        return GameStatus.FINISHED, f"all {training.n_steps} steps done"

    def _step(self) -> bool:
        """Do one step and what follows it; return whether Ctrl-C came, which waits for the end of it."""
        training = self.training
        try:
            with uninterrupted():
                self._move()
                if training.n_done % self.every == 0 or training.n_done == training.n_steps:
                    finite_state(training)  # before anything is measured on it or written
                    self._keep()
                    self._good = training.state()
            self._report()
        except KeyboardInterrupt:
            return True
        return False

    def _move(self) -> None:
        self.losses = self.training.step()
        broken = next((name for name, value in self.losses.items() if not math.isfinite(value)), None)
        if broken is not None:
            raise diverged(f"the loss {broken}", self.training.n_done)
        if self.log is not None:
            self.log.write(self.training.n_done, self.losses)

    def _keep(self) -> None:
        """Measure and draw the present state; write the checkpoint after the rows of the steps before it."""
        training, log = self.training, self.log
        numbers = training.measure()
        if numbers:
            self.measured.append((training.n_done, numbers))
        if log is not None and numbers:
            log.measured(training.n_done, numbers)
        self._save()
        if log is None:
            return
        x = training.samples(self.n_shown)
        if x is not None and (x.ndim in (3, 4, 5) or (x.ndim == 2 and x.shape[1] == 2)):
            save_grid(x, log.folder / f"samples-{training.n_done:07d}.png")

    def _save(self) -> None:
        """Write the log's rows, then the checkpoint: a run that goes on from it has the rows up to it."""
        if self.log is not None:
            self.log.flush()
        if self.checkpoint is not None:
            save_training(self.training, self.checkpoint)

    def _report(self) -> None:
        """Call the monitor."""
        if self.monitor is not None:
            training, quality = self.training, self.measured[-1][1] if self.measured else {}
            self.monitor(
                TrainingProgress(
                    training.n_done, training.n_steps, self.losses, self.seconds, training.batch, quality
                )
            )

    def _interrupted(self) -> tuple[GameStatus, str]:
        with suppress(KeyboardInterrupt), uninterrupted():
            self._save()
        done, n_steps = self.training.n_done, self.training.n_steps
        return GameStatus.INTERRUPTED, f"interrupted at step {done} of {n_steps}"


@contextmanager
def _folder(checkpoint: Path | None, n_done: int) -> Iterator[TrainingLog | None]:
    """Give the log of the checkpoint's folder to the process that writes, nothing to the others.

    The folder is locked: two runs would mix their rows.
    """
    if checkpoint is None or not is_first():
        yield None
        return
    with lock_folder(checkpoint.parent), TrainingLog(checkpoint.parent, n_done=n_done) as log:
        yield log
