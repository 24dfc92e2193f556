"""Rows: the one container of searches."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from sciadv.types import Rows


@dataclass(frozen=True)
class _Inner(Rows):
    weight: Tensor


@dataclass(frozen=True)
class _Outer(Rows):
    z: Tensor
    inner: _Inner | None
    label: str


def _outer(n: int, shift: float = 0.0, *, label: str = "first") -> _Outer:
    z = torch.arange(2 * n).reshape(n, 2) + shift
    return _Outer(z, _Inner(torch.arange(float(n)) + shift), label)


def test_take_gives_rows_of_tensors_and_of_nested_rows_in_the_order_asked() -> None:
    taken = _outer(4).take(torch.tensor([2, 0]))
    assert torch.equal(taken.z, torch.tensor([[4.0, 5.0], [0.0, 1.0]]))
    assert taken.inner is not None
    assert torch.equal(taken.inner.weight, torch.tensor([2.0, 0.0]))
    assert taken.label == "first"


def test_put_replaces_the_rows_asked_and_no_others() -> None:
    rows, other = torch.tensor([3, 1]), _outer(2, 100.0, label="second")
    put = _outer(4).put(rows, other)
    back = put.take(rows)
    assert torch.equal(back.z, other.z)
    assert back.inner is not None
    assert other.inner is not None
    assert torch.equal(back.inner.weight, other.inner.weight)
    kept = torch.tensor([0, 2])
    assert torch.equal(put.take(kept).z, _outer(4).take(kept).z)
    assert put.label == "first"


def test_put_keeps_the_original_unchanged() -> None:
    first = _outer(3)
    first.put(torch.tensor([0]), _outer(1, 50.0))
    assert torch.equal(first.z, _outer(3).z)


@pytest.mark.parametrize("missing", ["mine", "theirs"])
def test_a_field_that_only_one_has_stays_as_it_is(missing: str) -> None:
    full, bare = _outer(2), _Outer(torch.zeros(2, 2), None, "bare")
    mine, theirs = (bare, full) if missing == "mine" else (full, bare)
    put = mine.put(torch.tensor([0, 1]), theirs)
    assert torch.equal(put.z, theirs.z)
    assert put.inner is mine.inner


def test_join_puts_the_parts_one_after_the_other() -> None:
    whole = _outer(5)
    parts = [whole.take(torch.tensor(some)) for some in ([0, 1], [2], [3, 4])]
    joined = Rows.join(parts)
    assert torch.equal(joined.z, whole.z)
    assert joined.inner is not None
    assert whole.inner is not None
    assert torch.equal(joined.inner.weight, whole.inner.weight)


def test_put_keeps_the_dtype() -> None:
    double = _Inner(torch.ones(1, dtype=torch.float64))
    put = _Inner(torch.zeros(2)).put(torch.tensor([1]), double)
    assert put.weight.dtype is torch.float32
