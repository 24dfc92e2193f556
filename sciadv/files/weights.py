"""Safetensors files with a JSON entry in their header: written whole or not at all, read without code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sciadv.errors import WeightsError


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> Path:
    """Write tensors and a header of texts; the old file stays whole until the new one is.

    Parameters
    ----------
    path
        The file; its folder is made if it is not there.
    tensors
        By name, on any device.
    header
        Texts by name.
    """
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    contiguous = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(contiguous, partial, metadata=dict(header))
    partial.replace(path)
    return path


def read_tensors(path: Path, entry: str, *, what: str, advice: str) -> tuple[dict[str, Tensor], object]:
    """Read every tensor of a file, and one entry of its header as JSON.

    Parameters
    ----------
    path
        The file.
    entry
        Name of the header's entry.
    what, advice
        What the file should be, and what to do when it is not, for the message.

    Raises
    ------
    WeightsError
        The file is missing, truncated, or has no such entry.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # not a dict
            value: object = json.loads((file.metadata() or {})[entry])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"{path} is not {what}: {reason}. {advice}") from error
    return tensors, value
