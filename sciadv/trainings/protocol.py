"""The interface of trainings to the loop that drives them, their checkpoints, and a monitor's progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from sciadv.errors import InputError, SciadvError, WeightsError
from sciadv.files.folders import as_path
from sciadv.trainings.checkpoint import read_checkpoint, write_checkpoint
from sciadv.trainings.distributed import is_first, wait

#: The setting that says which data were trained on; checkpoints of earlier versions have none.
DATA = "data"
_SAME_DATA = (
    "resume with the same data, or start anew; a Game goes on with other data when the checkpoint is loaded "
    "into a new one (Game.load) and that is fitted without resuming"
)


@dataclass(frozen=True)
class TrainingProgress:
    """The state of a run after a step, for a monitor.

    Parameters
    ----------
    step
        Steps done.
    n_steps
        Steps to do.
    losses
        Losses and what else a step gives, by name.
    seconds
        CPU seconds since the run began.
    batch
        Samples a step.
    quality
        What was measured last, such as a Frechet distance; empty before the first measurement.
    """

    step: int
    n_steps: int
    losses: dict[str, float]
    seconds: float
    batch: int = 1
    quality: dict[str, float] = field(default_factory=dict)


TrainingMonitor = Callable[[TrainingProgress], None]


class DivergedError(SciadvError, RuntimeError):
    """A number of a training became NaN or infinite; `tensor` names the first one."""

    def __init__(self, message: str, *, tensor: str) -> None:
        self.tensor = tensor
        super().__init__(message)


@runtime_checkable
class Resumable(Protocol):
    """What can be written to a checkpoint and go on from it."""

    n_done: int

    def settings(self) -> dict[str, object]:
        """Return what a checkpoint must agree on, as plain values."""
        ...

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Copy all that the next step depends on, tensors (networks as ``net.<name>.``) and facts."""
        ...

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go back to a state that `state` copied."""
        ...


@runtime_checkable
class Training(Resumable, Protocol):
    """A training that `sciadv.trainings.loop.run` drives to its end.

    Its draws depend on its seed and on the number of the step only, so that it resumes bit for bit. Under
    several processes each has a training of its own, which averages gradients over them.
    """

    @property
    def n_steps(self) -> int:
        """Steps at the end, those of earlier runs included."""
        ...

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of each phase, in order: a step costs the same within a phase."""
        ...

    @property
    def batch(self) -> int:
        """Samples a step, over all processes together."""
        ...

    def step(self) -> dict[str, float]:
        """Do one step, count it in `n_done`, and return its losses.

        Raises
        ------
        DivergedError
            A number became NaN or infinite.
        """
        ...

    def samples(self, n: int) -> Tensor | None:
        """Return samples at latents that never change, to look at; None where there is nothing to see."""
        ...

    def measure(self) -> dict[str, float]:
        """Return what is too slow for every step, such as a Frechet distance; empty for nothing."""
        ...

    def diagnose(self) -> tuple[str, ...]:
        """Say in words how the training went."""
        ...

    def stop_reason(self) -> str | None:
        """Say why to stop before the end; None to go on."""
        ...


def save_training(training: Resumable, checkpoint: Path | str) -> None:
    """Write a checkpoint, atomically; of several processes the first one writes.

    Raises
    ------
    DivergedError
        A weight is NaN or infinite; nothing is written.
    """
    file = as_path(checkpoint, "checkpoint")
    tensors, facts = finite_state(training)
    if is_first():
        write_checkpoint(file, tensors, {**facts, "settings": training.settings()})
    wait()


def finite_state(training: Resumable) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return a training's state, which has finite weights.

    Raises
    ------
    DivergedError
        A weight is NaN or infinite.
    """
    tensors, facts = training.state()
    broken = first_not_finite((k.removeprefix("net."), t) for k, t in tensors.items() if k.startswith("net."))
    if broken is not None:
        raise diverged(f"the weight {broken}", training.n_done)
    return tensors, facts


def load_training(training: Resumable, checkpoint: Path | str) -> None:
    """Go on from a checkpoint of the same training.

    Raises
    ------
    WeightsError
        The file is broken, or of other networks.
    InputError
        It was written by a training of other settings.
    """
    tensors, facts = read_checkpoint(as_path(checkpoint, "checkpoint"))
    ours, theirs = training.settings(), facts.get("settings")
    theirs = theirs if isinstance(theirs, dict) else {}
    for key, value in ours.items():
        if theirs.get(key) != value and not (key == DATA and key not in theirs):
            advice = _SAME_DATA if key == DATA else "start anew without resuming"
            raise InputError(
                f"{checkpoint} was written by a training with {key} {theirs.get(key)!r}, but this one has "
                f"{value!r}; {advice}"
            )
    kept = training.state()
    try:
        training.restore(tensors, facts)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        training.restore(*kept)
        if isinstance(error, SciadvError):
            raise
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise WeightsError(
            f"{checkpoint} is not a whole checkpoint of this training ({reason[0]}). Delete it to start anew."
        ) from error


def diverged(tensor: str, step: int, *, advice: str | None = None) -> DivergedError:
    """Return the error that says which number became NaN or infinite, at which step, and what to do."""
    advice = advice or "lower the learning rate, or use r1 and r2 with a larger gamma"
    return DivergedError(f"{tensor} became NaN or Inf at step {step}; {advice}", tensor=tensor)


def first_not_finite(tensors: Iterable[tuple[str, Tensor | None]]) -> str | None:
    """Name the first tensor with a NaN or Inf; None if there is none."""
    for name, tensor in tensors:
        if tensor is not None and tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return name
    return None
