"""Arguments at the boundary: what is a number, a count, a seed, a flag, a shape, an array."""

from __future__ import annotations

import decimal
import fractions
from typing import Any

import numpy as np
import pytest
import torch

from sciadv.arguments.values import (
    as_count,
    as_flag,
    as_function,
    as_number,
    as_one_of,
    as_seed,
    as_shape,
    as_tensor,
    as_text,
    shown,
)
from sciadv.errors import InputError
from sciadv.types import as_device, as_generator

NOT_NUMBERS = [
    None,
    "0.5",
    b"1",
    [1.0],
    {},
    object(),
    1j,
    True,
    np.True_,
    torch.tensor(True),
    float("nan"),
    float("inf"),
    np.float32("nan"),
    torch.tensor(float("inf")),
    torch.tensor(1j),
    torch.empty(0),
    torch.empty((), device="meta"),
    np.array("a"),
    decimal.Decimal("nan"),
    10**400,
    np.datetime64("2020-01-01"),
]


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.array(0.5), torch.tensor(0.5), fractions.Fraction(1, 2)]
)
def test_scalars_of_every_library_are_numbers(value: Any) -> None:
    number = as_number(value, "sigma", above=0)
    assert type(number) is float
    assert number == 0.5


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=shown)
def test_what_is_no_finite_number_is_refused_by_its_name(value: Any) -> None:
    with pytest.raises(InputError, match="sigma must be a finite number"):
        as_number(value, "sigma")
    with pytest.raises(InputError, match="n must be a whole number"):
        as_count(value, "n")
    with pytest.raises(InputError, match="seed must be a whole number"):
        as_seed(value)


def test_bounds_are_kept_and_said() -> None:
    assert as_number(0, "w", least=0) == 0.0
    assert as_number(1, "w", most=1) == 1.0
    with pytest.raises(InputError, match=r"w must be a finite number >= 0 and < 1, but it is 1"):
        as_number(1, "w", least=0, below=1)
    with pytest.raises(InputError, match="> 0, but it is 0"):
        as_number(0, "w", above=0)


@pytest.mark.parametrize("value", [2, 2.0, np.uint8(2), np.array(2), torch.tensor(2), torch.tensor(2.0)])
def test_whole_numbers_of_every_library_are_counts(value: Any) -> None:
    count = as_count(value, "restarts")
    assert type(count) is int
    assert count == 2


@pytest.mark.parametrize("value", [0, -1, 1.5, 10**30, np.int64(-3)])
def test_other_counts_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="restarts must be a whole number, at least 1"):
        as_count(value, "restarts")
    with pytest.raises(InputError, match="at least 0 and at most 7"):
        as_count(8, "restarts", least=0, most=7)


def test_seeds_run_from_0_to_the_largest_integer() -> None:
    assert as_seed(0) == 0
    assert as_seed(2**63 - 1) == 2**63 - 1
    assert as_seed(np.int64(3)) == 3
    assert as_generator(3).initial_seed() == 3
    for seed in (-1, 2**63):
        with pytest.raises(InputError, match="from 0 to 2\\^63 - 1"):
            as_generator(seed)


def test_flags_texts_functions_and_objects_are_what_they_say() -> None:
    assert as_flag(np.True_, "is_relative") is True
    assert as_text("a", "name") == "a"
    assert as_function(len, "monitor") is len
    assert as_one_of(3, "n", int, "a number") == 3
    with pytest.raises(InputError, match="must be True or False, but it is 1"):
        as_flag(1, "is_relative")
    with pytest.raises(InputError, match="name must be text, but it is None"):
        as_text(None, "name")
    with pytest.raises(InputError, match="monitor must be a function"):
        as_function(3, "monitor")
    with pytest.raises(InputError, match="prior must be a Prior, but it is 'mnist'"):
        as_one_of("mnist", "prior", int, "a Prior")


def test_shapes_are_tuples_of_counts() -> None:
    assert as_shape(4, "s") == (4,)
    assert as_shape([np.int64(1), 4], "s") == (1, 4)
    for bad in ((), "abc", {}, (0,), (1.5,), None, True, ((1, 2), 3), float("nan")):
        with pytest.raises(InputError):
            as_shape(bad, "s")


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, 2], ">i4"),
        np.array([1, 2], np.uint16),
        np.array([1, 2], np.uint32),
        np.array([1, 2], np.uint64),
        np.array([1, 2], np.longdouble),
        np.array([2, 1])[::-1],
        np.broadcast_to(np.array([1, 2]), (2,)),
        [1, 2],
        (1, 2),
        [torch.tensor(1), torch.tensor(2)],
        torch.tensor([1.0, 2.0], requires_grad=True),
    ],
)
def test_arrays_of_every_layout_are_numbers(array: Any) -> None:
    tensor = as_tensor(array, "y")
    assert tensor.tolist() == [1, 2]
    assert not tensor.requires_grad


@pytest.mark.parametrize(
    "array",
    [
        None,
        "text",
        {"y": 1},
        {1.0},
        object(),
        [[1.0], [1.0, 2.0]],
        np.array(["a"]),
        np.array([None]),
        np.zeros(2, "datetime64[s]"),
        np.zeros(2, [("a", "f4")]),
        np.ma.masked_array([1.0], mask=[True]),
        torch.eye(2).to_sparse(),
        torch.empty(2, device="meta"),
    ],
    ids=shown,
)
def test_what_is_no_array_of_numbers_is_refused(array: Any) -> None:
    with pytest.raises(InputError, match=r"^y "):
        as_tensor(array, "y")


def test_a_value_is_shown_short() -> None:
    assert shown(0.5) == "0.5"
    assert shown(torch.ones(2, 3)) == "a tensor of shape (2, 3) and torch.float32"
    assert shown("a" * 1000) == "a str"
    assert shown(10**400) == "an int"
    assert shown("\ud800\n") == r"'\ud800\n'"


@pytest.mark.parametrize("device", ["", "gpu", "cuda:99", "cuda:-1", "meta", "cpu\0"])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(InputError, match="device"):
        as_device(device)
