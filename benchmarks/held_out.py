"""Test images that the benches measure on: those before the first of them are for tuning."""

from __future__ import annotations

from torch import Tensor

from sciadv.data.datasets import Images

#: First test image of the benches.
FIRST_IMAGE = 5000


def held_out(test: Images, n: int, *, seed: int) -> Tensor:
    """Return a seed's own n images ``(n, 1, height, width)`` of a test split, in [0, 1].

    Seeds follow one another, and begin again where the split ends.
    """
    first = FIRST_IMAGE + seed * n % (len(test.images) - FIRST_IMAGE - n)
    return test.grey(slice(first, first + n))
