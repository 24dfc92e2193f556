"""A fitted correction as a folder: ``weights.safetensors`` and ``card.json``, read without running code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, final

from torch import Tensor

from sciadv.errors import SciadvError, WeightsError
from sciadv.files.folders import as_path
from sciadv.files.publishing import publish
from sciadv.files.texts import read_json
from sciadv.files.weights import read_tensor_file, write_tensors
from sciadv.files.writing import write_file

Built = TypeVar("Built")

WEIGHTS = "weights.safetensors"
CARD = "card.json"


@final
@dataclass(frozen=True, eq=False)
class SavedCorrection:
    """What the files of a corrector hold: its card, and the tensors of its correction and its reference."""

    card: dict[str, Any]
    tensors: dict[str, Tensor]


def save_correction(folder: Path | str, saved: SavedCorrection) -> Path:
    """Write both files, or none.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """

    def build(place: Path) -> None:
        write_tensors(place / WEIGHTS, saved.tensors, {})
        write_file(place / CARD, json.dumps(saved.card, indent=2) + "\n")

    return publish(as_path(folder, "folder"), build)


def load_correction(folder: Path | str, build: Callable[[SavedCorrection], Built]) -> Built:
    """Read both files and build a corrector of them.

    Parameters
    ----------
    folder
        As `save_correction` wrote it.
    build
        Makes the corrector; what it raises on contents that do not fit becomes one sentence.

    Raises
    ------
    WeightsError
        The folder has no such files, or they are broken.
    """
    advice = "write a corrector by BatchCorrector.save"
    place = as_path(folder, "folder")
    try:
        card = read_json(place / CARD, advice=advice, failure=WeightsError)
        if not isinstance(card, dict):
            raise TypeError(f"{CARD} is no table")
        file = read_tensor_file(
            place / WEIGHTS, what="the weights of a corrector", advice=advice, is_finite=True
        )
        return build(SavedCorrection(card, file.tensors))
    except (SciadvError, ValueError, KeyError, TypeError, RuntimeError, IndexError, AttributeError) as error:
        raise WeightsError(
            f"{folder} holds no corrector that can be read ({type(error).__name__}: {error}); it needs "
            f"{WEIGHTS} and {CARD} as BatchCorrector.save writes them"
        ) from error
