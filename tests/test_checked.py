"""Constructors that check their arguments by annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive, Seed, Shape, Share


@checked
@dataclass(frozen=True)
class Part:
    """Settings of every kind."""

    n: Count = 1
    rate: Positive = 1.0
    share: Share = 0.5
    is_on: bool = True
    words: str = "a"
    seed: Seed = 0
    in_shape: Shape = (1,)
    halve_at: tuple[int, ...] = ()
    clip: tuple[float, float] | None = None
    hidden: Sequence[Count] = (8,)
    reduce: Literal["sum", "mean"] = "sum"
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    starts: str | Tensor = "auto"


GOOD: list[tuple[str, Any, Any]] = [
    ("n", np.int64(3), 3),
    ("n", 3.0, 3),
    ("rate", torch.tensor(0.5), 0.5),
    ("rate", 1, 1.0),
    ("is_on", np.True_, True),
    ("seed", 2**63 - 1, 2**63 - 1),
    ("in_shape", [1, np.int64(4)], (1, 4)),
    ("halve_at", (3, np.int64(4)), (3, 4)),
    ("clip", None, None),
    ("clip", (0, 1), (0.0, 1.0)),
    ("hidden", [4, 4], [4, 4]),
    ("starts", "random", "random"),
]
BAD: list[tuple[str, Any]] = [
    *(("n", value) for value in (0, -1, 1.5, "3", None, True, float("nan"), 2**31, [1])),
    *(("rate", value) for value in (0, -1.0, "a", None, True, float("inf"), [1.0])),
    *(("share", value) for value in (-0.1, 1.1, "a")),
    *(("is_on", value) for value in (1, "yes", None)),
    *(("words", value) for value in (1, None, b"a")),
    *(("seed", value) for value in (-1, 2**63, 0.5)),
    *(("in_shape", value) for value in ((), (0,), "ab", None, float("nan"))),
    *(("halve_at", value) for value in (3, "ab", (1.5,), {"a": 1})),
    *(("clip", value) for value in ((0.0,), (0.0, 1.0, 2.0), (0.0, float("nan")), 3.0, "ab")),
    *(("hidden", value) for value in (8, "ab", [0], [None])),
    *(("reduce", value) for value in (3, None)),
    *(("dtype", value) for value in (torch.int32, "float32", None)),
    *(("device", value) for value in ("gpu", "")),
]


@pytest.mark.parametrize(("name", "given", "kept"), GOOD)
def test_what_an_annotation_allows_is_kept_as_a_plain_value(name: str, given: Any, kept: Any) -> None:
    value = getattr(Part(**{name: given}), name)
    assert value == kept
    assert type(value) is type(kept)


@pytest.mark.parametrize(("name", "given"), BAD)
def test_what_an_annotation_does_not_allow_is_refused_by_name(name: str, given: Any) -> None:
    with pytest.raises(InputError, match=rf"{name}|device"):
        Part(**{name: given})


def test_memory_that_cannot_be_had_is_an_input_error() -> None:
    @checked
    def numbers(n: Count) -> Tensor:
        return torch.empty(n, n, n)

    with pytest.raises(InputError, match="more memory than there is; make its sizes smaller: n 1000000"):
        numbers(1_000_000)


def test_other_errors_of_a_constructor_stay_what_they_are() -> None:
    @checked
    def broken(n: Count) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        broken(1)
    with pytest.raises(TypeError):
        broken(m=1)
