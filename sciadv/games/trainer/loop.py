"""The loop of every training: step, look whether its numbers are finite, write checkpoints, resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from sciadv.errors import InputError


@dataclass(frozen=True)
class TrainingProgress:
    """What a monitor is told after each step.

    Parameters
    ----------
    step
        Steps done.
    n_steps
        Steps to do.
    losses
        Losses and what else is measured, by name.
    seconds
        CPU seconds since the training began.
    """

    step: int
    n_steps: int
    losses: dict[str, float]
    seconds: float


TrainingMonitor = Callable[[TrainingProgress], None]


class DivergedError(InputError):
    """A number of a training became NaN or infinite; `tensor` names the first one."""

    def __init__(self, message: str, *, tensor: str) -> None:
        self.tensor = tensor
        super().__init__(message)


@runtime_checkable
class Trainable(Protocol):
    """What can be trained by `run_steps`."""

    @property
    def n_done(self) -> int:
        """Steps done."""
        ...

    def step(self) -> dict[str, float]:
        """Do one step, count it, and return its losses."""
        ...

    def save(self, checkpoint: Path) -> None:
        """Write all that the next step depends on."""
        ...

    def load(self, checkpoint: Path) -> None:
        """Go on from what `save` wrote."""
        ...


def run_steps(
    training: Trainable,
    n_steps: int,
    *,
    checkpoint: Path | None = None,
    every: int = 500,
    resume: bool = False,
) -> Iterator[tuple[int, dict[str, float]]]:
    """Step to the end, yielding (steps done, losses); write `checkpoint` every so often and at the end.

    Parameters
    ----------
    training
        What is trained.
    n_steps
        Steps at the end, those of earlier runs included.
    checkpoint
        File to write; None for none.
    every
        Steps between two checkpoints.
    resume
        Whether to go on from the checkpoint where there is one.

    Raises
    ------
    DivergedError
        A loss became NaN or Inf; the last checkpoint is kept.
    WeightsError
        `resume` is asked and the checkpoint is broken.
    """
    if resume and checkpoint is not None and checkpoint.is_file():
        training.load(checkpoint)
    while training.n_done < n_steps:
        losses = training.step()
        broken = [name for name, value in losses.items() if not math.isfinite(value)]
        if broken:
            raise DivergedError(
                f"{broken[0]} became NaN or Inf at step {training.n_done}; "
                f"lower the learning rate or raise gamma",
                tensor=broken[0],
            )
        if checkpoint is not None and (training.n_done % every == 0 or training.n_done == n_steps):
            training.save(checkpoint)
        yield training.n_done, losses


def first_not_finite(tensors: Iterable[tuple[str, Tensor | None]]) -> str | None:
    """Name the first tensor with a NaN or Inf; None if there is none."""
    for name, tensor in tensors:
        if tensor is not None and tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return name
    return None
