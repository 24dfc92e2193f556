"""One modality of a MuData, which is an AnnData with cells and genes of its own.

A MuData is known by what it has, so that mudata is not imported here.
"""

from __future__ import annotations

from typing import Any

from sciadv.errors import InputError
from sciadv.files.formats.h5mu import one_modality


def is_mudata(data: object) -> bool:
    """Whether this is a MuData."""
    return hasattr(data, "mod") and hasattr(data, "obs")


def modality_of(data: Any, name: str | None) -> Any:
    """Return the AnnData of a modality; data that have no modalities as they are.

    Raises
    ------
    UnknownNameError
        There is no such modality.
    InputError
        No modality of a MuData is named, or one of other data.
    """
    if is_mudata(data):
        return one_modality(data.mod, name, option="modality=")
    if name is not None:
        raise InputError(
            f"only a MuData has modalities, so modality={name!r} does not suit these data; leave it out"
        )
    return data
