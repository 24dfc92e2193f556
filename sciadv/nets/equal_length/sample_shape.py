"""The shape of samples whose latents are as long as they are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from sciadv.errors import InputError
from sciadv.types import Shape


def shape_of_length(n_latent: int, sample_shape: Sequence[int] | None) -> Shape:
    """Return the shape as a tuple, ``(n_latent,)`` if left out.

    Raises
    ------
    InputError
        It has not `n_latent` values.

    Examples
    --------
    >>> shape_of_length(6, [1, 2, 3])
    (1, 2, 3)
    """
    shape = (n_latent,) if sample_shape is None else tuple(sample_shape)
    if prod(shape) != n_latent:
        raise InputError(
            f"a latent is as long as a sample here, but n_latent is {n_latent} and sample_shape {shape} has "
            f"{prod(shape)} values; give n_latent={prod(shape)}"
        )
    return shape
