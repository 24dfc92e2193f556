import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import block_reduce

from sciadv.errors import InputError
from sciadv.forward import BlockSum


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from(["sum", "mean"]),
)
@settings(max_examples=30)
def test_blocks_agree_with_skimage(channels: int, rows: int, columns: int, block: int, reduce: str):
    x = np.random.default_rng(0).random((channels, rows * block, columns * block))
    y = BlockSum(x.shape, block, reduce=reduce, dtype=torch.float64)(torch.from_numpy(x)[None])[0]
    np.testing.assert_allclose(y, block_reduce(x, (1, block, block), getattr(np, reduce)), rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 6, 8), (1, 8, 6), (1, 8, 10)])
def test_blocks_that_do_not_tile_are_refused(shape: tuple):
    with pytest.raises(InputError, match=r"do not tile|block must be"):
        BlockSum(shape, 4)


def test_other_settings_are_refused():
    with pytest.raises(InputError, match="channels, height, width"):
        BlockSum((4, 4), 2)
    with pytest.raises(InputError, match=r"do not tile|block must be"):
        BlockSum((1, 4, 4), 0)
