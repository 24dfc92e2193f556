"""Whether two reaction networks say the same, and where they do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from sciadv.physics.reactions.network import ReactionNetwork

#: What says nothing of trajectories: sentences about how a network was read.
_WORDS = ("notes", "unexpressed")


def network_differences(a: ReactionNetwork, b: ReactionNetwork, *, tolerance: float = 1e-14) -> list[str]:
    """Return a sentence for each part in which two networks differ; none where they are equal.

    Parameters
    ----------
    tolerance
        By which numbers may differ, relatively: files hold 15 digits.
    """
    return [
        words
        for field in fields(a)
        if field.name not in _WORDS
        for words in _differences(getattr(a, field.name), getattr(b, field.name), field.name, tolerance)
    ]


def _differences(a: Any, b: Any, place: str, tolerance: float) -> list[str]:
    if isinstance(a, float) and isinstance(b, float):
        is_same = math.isclose(a, b, rel_tol=tolerance) or (math.isnan(a) and math.isnan(b))
        return [] if is_same else [f"{place}: {a!r} and {b!r}"]
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _of_mappings(a, b, place, tolerance)
    if isinstance(a, tuple) and isinstance(b, tuple):
        if len(a) != len(b):
            return [f"{place}: {len(a)} and {len(b)} parts"]
        pairs = enumerate(zip(a, b, strict=True), 1)
        return [words for k, (x, y) in pairs for words in _differences(x, y, f"{place}, {k}", tolerance)]
    if is_dataclass(a) and type(a) is type(b):
        names = [field.name for field in fields(a)]
        return [
            words
            for name in names
            for words in _differences(getattr(a, name), getattr(b, name), f"{place}, {name}", tolerance)
        ]
    return [] if a == b else [f"{place}: {a!r} and {b!r}"]


def _of_mappings(a: Mapping[str, Any], b: Mapping[str, Any], place: str, tolerance: float) -> list[str]:
    lacking = [f"{place}: the second has no {key}" for key in a if key not in b]
    added = [f"{place}: the first has no {key}" for key in b if key not in a]
    both = [
        words for key in a if key in b for words in _differences(a[key], b[key], f"{place} {key}", tolerance)
    ]
    return lacking + added + both
