"""What a monitor of a search is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What a monitor is told after each iteration."""

    iteration: int
    n_iterations: int
    n_alive: int
    n_rows: int
    best_misfit: float
    seconds: float


Monitor = Callable[[Progress], None]
