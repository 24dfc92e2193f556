"""Checkpoints of a training as safetensors: written atomically, read back bit for bit, never a pickle."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from sciadv.errors import WeightsError
from sciadv.files.weights import read_tensors, write_tensors


def write_checkpoint(path: Path, tensors: dict[str, Tensor], facts: dict[str, object]) -> None:
    """Write tensors and JSON-able facts to `path`; the old file stays whole until the new one is."""
    write_tensors(path, tensors, {"facts": json.dumps(facts)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Read what `write_checkpoint` wrote.

    Raises
    ------
    WeightsError
        The file is truncated or no checkpoint.
    """
    tensors, facts = read_tensors(
        path, "facts", what="a checkpoint of a training", advice="Delete it to start anew."
    )
    if not isinstance(facts, dict):
        raise WeightsError(f"{path} is not a checkpoint of a training. Delete it to start anew.")
    return tensors, facts
