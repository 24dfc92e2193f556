"""Where data of circuits lie: in the folder ``circuits`` under ``SCIADV_DATA``; nothing is fetched."""

from __future__ import annotations

import os
from pathlib import Path

from sciadv.errors import InputError


def has_circuit_file(name: str) -> bool:
    """Whether a file, by its path below ``circuits``, is there."""
    return bool(os.environ.get("SCIADV_DATA")) and _place(name).is_file()


def circuit_file(name: str, *, what: str) -> Path:
    """Return the path of a file.

    Parameters
    ----------
    name
        Its path below ``circuits``.
    what
        What it holds, in words.

    Raises
    ------
    InputError
        ``SCIADV_DATA`` is not set, or has no such file.
    """
    if not has_circuit_file(name):
        raise InputError(f"{what} are read from circuits/{name} under SCIADV_DATA, which is not there")
    return _place(name)


def _place(name: str) -> Path:
    return Path(os.environ["SCIADV_DATA"]) / "circuits" / name
