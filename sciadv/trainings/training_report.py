"""What a training of a game ends with: a status in words, the last numbers, the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, final

import torch
from torch import Tensor

from sciadv.errors import InputError, SciadvError
from sciadv.prior import Prior
from sciadv.registry.checked import checked


class GameStatus(Enum):
    """Why a training stopped."""

    FINISHED = "all steps done"
    STOPPED = "the metric improved no more"
    DIVERGED = "a number became NaN or infinite"
    INTERRUPTED = "stopped from outside; its state is written"


class GameError(SciadvError, RuntimeError):
    """A training diverged; raised only by `GameReport.check`, which gives the report as `report`."""

    def __init__(self, report: GameReport) -> None:
        self.report = report
        super().__init__(report.message)


@final
@dataclass(frozen=True)
class GameReport:
    """How a training of a game ended.

    Parameters
    ----------
    status
        Why it stopped.
    message
        The same as a sentence with numbers.
    n_steps
        Steps that the networks have made.
    seconds
        CPU seconds of this run.
    metrics
        The numbers of the last step.
    diagnosis
        Sentences on the state of the game; see `sciadv.trainings.game.game_diagnosis`.
    quality
        (step, numbers) of each measurement of this run, such as a score or a Frechet distance.
    """

    status: GameStatus
    message: str
    n_steps: int
    seconds: float
    metrics: dict[str, float]
    diagnosis: tuple[str, ...] = ()
    quality: tuple[tuple[int, dict[str, float]], ...] = ()

    def check(self) -> GameReport:
        """Return the report itself.

        Raises
        ------
        GameError
            The training diverged.
        """
        if self.status is GameStatus.DIVERGED:
            raise GameError(self)
        return self

    def check_finished(self) -> GameReport:
        """Return the report itself, of a training that came to its end.

        Raises
        ------
        GameError
            The training diverged.
        KeyboardInterrupt
            Ctrl-C ended it.
        """
        if self.status is GameStatus.INTERRUPTED:
            raise KeyboardInterrupt(self.message)
        return self.check()

    def payload(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "status": self.status.name.lower(),
            "message": self.message,
            "n_steps": self.n_steps,
            "seconds": self.seconds,
            "metrics": self.metrics,
            "diagnosis": list(self.diagnosis),
            "quality": [{"step": step, **numbers} for step, numbers in self.quality],
        }


@final
@checked
@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a metric of the averaged generator improves no more, and go back to its best weights.

    Parameters
    ----------
    metric
        Scores a prior; smaller is better.
    patience
        Evaluations without improvement after which the training stops; one is made every `every` steps of
        `Game.fit`.
    least_gain
        By how much a score must be smaller to count as an improvement.

    Raises
    ------
    InputError
        `patience` < 1 or `least_gain` < 0.
    """

    metric: Callable[[Prior], float]
    patience: int = 5
    least_gain: float = 0.0

    def __post_init__(self) -> None:
        if self.patience < 1 or self.least_gain < 0:
            raise InputError(
                f"early stopping needs patience >= 1 and least_gain >= 0, but they are {self.patience} and "
                f"{self.least_gain}"
            )


@final
@dataclass
class BestSoFar:
    """The scores of a training and the averaged generator's weights at the best of them."""

    scores: list[tuple[int, float]] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def note(self, step: int, score: float, weights: dict[str, Tensor], least_gain: float) -> None:
        """Take a score in; keep the weights when it is the best."""
        if not self.scores or score < self.best[1] - least_gain:
            self.weights = {name: t.detach().clone() for name, t in weights.items()}
            self.scores = [*self.scores, (step, score)]
            self._at = len(self.scores) - 1
        else:
            self.scores = [*self.scores, (step, score)]

    _at: int = 0

    @property
    def best(self) -> tuple[int, float]:
        """Step and score of the best."""
        return self.scores[self._at]

    @property
    def n_since(self) -> int:
        """Evaluations since the best."""
        return len(self.scores) - 1 - self._at

    def state_dict(self) -> dict[str, Tensor]:
        """Return scores and weights, for a checkpoint."""
        table = torch.tensor(self.scores, dtype=torch.float64).reshape(-1, 2)
        named = {f"weights.{name}": t for name, t in self.weights.items()}
        return {"scores": table, "at": torch.tensor(self._at), **named}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.scores = [(int(step), score) for step, score in state["scores"].tolist()]
        self._at = int(state["at"])
        self.weights = {
            name.removeprefix("weights."): t for name, t in state.items() if name.startswith("weights.")
        }
