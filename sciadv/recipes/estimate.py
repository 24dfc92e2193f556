"""What a training will cost, from a few of its steps."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, final

import torch
from torch import Tensor

from sciadv.trainings.loop import run
from sciadv.trainings.protocol import Training


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


@final
class _Excerpt:
    """Some steps of a phase as a training of their own, without measurements."""

    def __init__(self, training: Training, first: int, n_steps: int) -> None:
        training.n_done = first
        self.training = training
        self.first = first
        self.n_steps = first + n_steps
        self.phases = (first, n_steps)
        self.batch = training.batch
        self.times: list[float] = []

    @property
    def n_done(self) -> int:
        """Steps done."""
        return self.training.n_done

    @n_done.setter
    def n_done(self, n: int) -> None:
        self.training.n_done = n

    def step(self) -> dict[str, float]:
        """Do one step and note the time."""
        losses = self.training.step()
        self.times.append(time.perf_counter())
        return losses

    def settings(self) -> dict[str, object]:
        """Return those of the whole."""
        return self.training.settings()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy that of the whole."""
        return self.training.state()

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore the whole."""
        self.training.restore(tensors, facts)

    def samples(self, n: int) -> None:  # none are drawn
        """Return nothing."""

    def measure(self) -> dict[str, float]:
        """Return nothing."""
        return {}

    def diagnose(self) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def stop_reason(self) -> None:
        """Go on to the end."""

    def seconds_per_step(self) -> float:
        """Return the time between two steps, the first one left out."""
        n = len(self.times) - 1
        return (self.times[-1] - self.times[0]) / n if n else 0.0


def estimate(
    training: Training, device: torch.device, *, n_timed: int = 8, enough_seconds: float = 10.0
) -> Estimate:
    """Make a few steps of each phase and estimate memory and time; the training is not to be used after it.

    Parameters
    ----------
    training
        The training.
    device
        Where it is.
    n_timed
        Steps that are timed of each phase, after one that is not.
    enough_seconds
        Seconds of a phase after which no more steps are timed.

    Raises
    ------
    GameError
        A number became NaN or infinite.
    """
    costs, losses = [], dict[str, float]()
    begins = (0, *accumulate(training.phases[:-1]))
    for begin, length in zip(begins, training.phases, strict=True):
        if length == 0:
            costs.append(0.0)
            continue
        excerpt = _Excerpt(training, begin, min(n_timed + 1, length))
        ends = time.perf_counter() + enough_seconds
        report = run(excerpt, every=training.n_steps, is_interrupted=partial(_is_over, excerpt, ends)).check()
        losses = report.metrics
        costs.append(excerpt.seconds_per_step())
    seconds = sum(cost * length for cost, length in zip(costs, training.phases, strict=True))
    used = tuple(cost for cost, length in zip(costs, training.phases, strict=True) if length)
    return Estimate(training.n_steps, seconds, used, _peak_memory(device), losses)


def _is_over(excerpt: _Excerpt, ends: float) -> bool:
    """Whether steps have been timed for long enough."""
    return len(excerpt.times) > 1 and time.perf_counter() > ends


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes on Linux
