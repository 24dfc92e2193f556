"""Errors up to the trivial ambiguities of phase retrieval, beside the same by trying all of them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.metrics import relative_error


def images(seed):
    return torch.rand(2, 1, 5, 4, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(0, 99))
def test_it_is_the_least_error_of_all_shifts_turns_and_signs(seed, other):
    x, truth = images(seed), images(other)
    frame = torch.zeros(2, 1, 15, 12)
    frame[..., 5:10, 4:8] = truth
    least = torch.full((2,), torch.inf)
    for image in (x, x.flip((2, 3)), -x, -x.flip((2, 3))):
        for top in range(11):
            for left in range(9):
                moved = torch.zeros_like(frame)
                moved[..., top : top + 5, left : left + 4] = image
                least = torch.minimum(least, (moved - frame).flatten(1).norm(dim=1))
    expected = least / truth.flatten(1).norm(dim=1)
    torch.testing.assert_close(relative_error(x, truth, up_to_shift=True), expected, atol=1e-4, rtol=1e-4)


@given(st.integers(0, 99))
def test_without_shifts_only_the_sign_is_open(seed):
    x, truth = images(seed), images(seed + 1)
    each = [(sign * x - truth).flatten(1).norm(dim=1) for sign in (1, -1)]
    expected = torch.stack(each).amin(0) / truth.flatten(1).norm(dim=1)
    torch.testing.assert_close(relative_error(x, truth), expected, atol=1e-5, rtol=1e-5)


def test_the_truth_itself_shifted_and_turned_has_no_error():
    x = torch.zeros(1, 1, 8, 8)
    x[..., 1:4, 2:5] = torch.rand(3, 3, generator=torch.Generator().manual_seed(0))
    moved = -x.flip((2, 3)).roll((-1, 2), (2, 3))
    assert float(relative_error(moved, x, up_to_shift=True)) < 1e-3
    assert float(relative_error(moved, x)) > 0.5


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match="batch, channels, height, width"):
        relative_error(torch.ones(1, 4), torch.ones(1, 4))
