import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from sciadv.errors import InputError
from sciadv.forward import Mask


@given(
    arrays(bool, array_shapes(min_dims=1, max_dims=3, max_side=5)).filter(np.any), st.integers(0, 2**32 - 1)
)
@settings(max_examples=30)
def test_masking_is_numpy_indexing(mask: np.ndarray, seed: int):
    x = np.random.default_rng(seed).standard_normal((2, *mask.shape)).astype(np.float32)
    A = Mask(mask)
    y = A(torch.from_numpy(x))
    np.testing.assert_array_equal(y, x[:, mask])
    np.testing.assert_array_equal(A.adjoint(y), np.where(mask, x, 0))


def test_mask_may_be_a_tensor_or_an_array():
    mask = np.array([[True, False]])
    assert Mask(mask).out_shape == Mask(torch.from_numpy(mask)).out_shape == (1,)


def test_indices_stay_integers_when_cast():
    assert Mask(np.ones((1, 2, 2)) > 0).to(torch.float64)(torch.ones(1, 1, 2, 2).double()).shape == (1, 4)


@pytest.mark.parametrize(
    ("mask", "message"), [(np.ones((1, 2)), "boolean"), (np.zeros((1, 2)) > 0, "observes nothing")]
)
def test_unusable_mask_is_refused(mask: np.ndarray, message: str):
    with pytest.raises(InputError, match=message):
        Mask(mask)
