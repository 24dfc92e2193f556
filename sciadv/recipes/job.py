"""What a kind of recipe gives to the loop: a training, and how to write what it has learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sciadv.trainings.protocol import Training


@dataclass(frozen=True)
class Job:
    """A training and its end.

    Parameters
    ----------
    training
        What the loop drives.
    write
        Writes what was learnt into a folder: weights, card, samples.
    """

    training: Training
    write: Callable[[Path], None]
