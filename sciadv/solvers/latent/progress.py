"""The progress that a search reports to its monitor, and the clock of a search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


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
