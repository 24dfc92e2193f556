"""The dark margin: where the image comes to lie, and what its Fourier transform becomes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sciadv.errors import InputError
from sciadv.forward import MaskedFourier, ZeroPad


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 5), st.integers(0, 5))
def test_origin_goes_to_the_origin_and_the_rest_is_dark(height, width, more_rows, more_columns):
    A = ZeroPad((1, height, width), height + more_rows, width + more_columns)
    x = torch.zeros(1, 1, height, width)
    x[..., height // 2, width // 2] = 1
    y = A(x)
    assert y[0, 0, (height + more_rows) // 2, (width + more_columns) // 2] == 1
    assert y.sum() == 1
    assert torch.equal(A.adjoint(y), x)


def test_twice_as_many_pixels_interpolate_the_spectrum():
    x = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    everything = torch.ones(8, 8, dtype=torch.bool)
    fine = (MaskedFourier((1, 8, 8), everything) @ ZeroPad((1, 4, 4), 8, 8))(x).reshape(8, 8)
    coarse = MaskedFourier((1, 4, 4), everything[:4, :4])(x).reshape(4, 4)
    torch.testing.assert_close(2 * fine[::2, ::2], coarse)


def test_a_smaller_frame_is_refused():
    with pytest.raises(InputError, match="does not fit"):
        ZeroPad((1, 4, 4), 8, 3)
