"""What a search reports to its monitor, its clock, and whether the user has stopped it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from sciadv.solution import Solution

Made = TypeVar("Made")


@dataclass(frozen=True)
class Progress:
    """How far a search has come, after each iteration.

    Parameters
    ----------
    iteration, n_iterations
        Iterations done, and at most.
    n_alive, n_rows
        Rows that are still searched, of all.
    best_misfit
        Median over the measurements of the least misfit of their rows.
    seconds
        Wall time since the search began.
    """

    iteration: int
    n_iterations: int
    n_alive: int
    n_rows: int
    best_misfit: float
    seconds: float


Monitor = Callable[[Progress], None]


@dataclass(frozen=True)
class Stopwatch:
    """Wall time since it was made."""

    began: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Return the seconds since then."""
        return time.perf_counter() - self.began


@dataclass
class Run:
    """One run of a solver: its seed, its clock, whom it reports to, and whether the user has stopped it.

    A run is a monitor itself. A search within a search gets the outer run for its monitor; one interruption
    then stops both.

    Parameters
    ----------
    seed
        Seed of everything random.
    monitor
        Called after each iteration.
    clock
        Since when it runs.
    is_stopped
        Whether the user has stopped this run.
    n_reports
        How often it has reported, searches within it included.
    found
        The solution of the last search within this one.
    """

    seed: int = 0
    monitor: Monitor | None = None
    clock: Stopwatch = field(default_factory=Stopwatch)
    is_stopped: bool = False
    n_reports: int = 0
    found: Solution | None = None

    def __call__(self, progress: Progress) -> None:
        """Report the progress of this run, or of a search within it."""
        self.n_reports += 1
        if self.monitor is not None:
            self.monitor(progress)

    @property
    def was_interrupted(self) -> bool:
        """Whether the user has stopped this run or the one around it."""
        return self.is_stopped or (isinstance(self.monitor, Run) and self.monitor.was_interrupted)

    def attempt(self, work: Callable[[], Made]) -> Made | None:
        """Return what `work` gives, or None when the user interrupts it or has interrupted the run before.

        The one place where an interruption of a solver is caught.
        """
        if self.was_interrupted:
            return None
        try:
            return work()
        except KeyboardInterrupt:
            self.stop()
            return None

    def stop(self) -> None:
        """Stop this run and the ones around it: no further step is taken."""
        self.is_stopped = True
        if isinstance(self.monitor, Run):
            self.monitor.stop()
