"""A solver whose process is killed while it works, once or always; used by tests of jobs in blocks."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import torch

from sciadv.solvers import LevenbergMarquardt


@dataclass(frozen=True)
class FrailSolver:
    """Solves, but the process is killed at one measurement until a file of that name is there."""

    marker: Path
    value: float
    is_mended: bool = True
    restarts: int = 2
    name: str = "frail"

    def solve(self, problem, *, seed=0, monitor=None):
        is_here = bool(torch.isclose(problem.measurements[:, 0], torch.tensor(self.value)).any())
        if is_here and not self.marker.exists():
            if self.is_mended:
                self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return LevenbergMarquardt(restarts=self.restarts).solve(problem, seed=seed, monitor=monitor)
