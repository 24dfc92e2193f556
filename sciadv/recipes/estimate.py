"""What a training will cost, from a few of its steps."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from itertools import accumulate

import torch

from sciadv.trainings.protocol import Training

#: Steps that are timed of each phase, after one that is not, and CPU seconds after which no more are.
_N_TIMED, _ENOUGH = 8, 10.0


@dataclass(frozen=True)
class Estimate:
    """What a training will cost.

    Parameters
    ----------
    n_steps
        Steps.
    seconds
        Wall seconds of all steps, without measurements.
    seconds_per_step
        Of each phase.
    memory
        Bytes: the peak of the process, or of the GPU's allocations.
    losses
        Losses of the last step made.
    """

    n_steps: int
    seconds: float
    seconds_per_step: tuple[float, ...]
    memory: int
    losses: dict[str, float]

    def __str__(self) -> str:
        """Say it in one line."""
        steps = ", ".join(f"{1000 * s:.3g} ms" for s in self.seconds_per_step)
        return (
            f"{self.n_steps} steps of {steps}: {_duration(self.seconds)} on this machine as busy as it is; "
            f"peak memory {self.memory / 2**20:.0f} MiB"
        )


def _duration(seconds: float) -> str:
    """Say a time in the largest unit that leaves a number above one.

    Examples
    --------
    >>> _duration(42.0), _duration(600.0), _duration(7200.0)
    ('42 seconds', '10 minutes', '2 hours')
    """
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def estimate(training: Training, device: torch.device) -> Estimate:
    """Make a few steps of each phase and estimate memory and time; the training is not to be used after it.

    Raises
    ------
    DivergedError
        A number became NaN or infinite.
    """
    costs, losses = [], dict[str, float]()
    begins = (0, *accumulate(training.phases[:-1]))
    for begin, length in zip(begins, training.phases, strict=True):
        if length == 0:
            costs.append(0.0)
            continue
        training.n_done = begin
        losses = training.step()
        began, n = time.perf_counter(), 0
        while n < min(_N_TIMED, length - 1) and time.perf_counter() - began < _ENOUGH:
            losses, n = training.step(), n + 1
        costs.append((time.perf_counter() - began) / max(n, 1))
    seconds = sum(cost * length for cost, length in zip(costs, training.phases, strict=True))
    used = tuple(cost for cost, length in zip(costs, training.phases, strict=True) if length)
    return Estimate(training.n_steps, seconds, used, _peak_memory(device), losses)


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes on Linux
