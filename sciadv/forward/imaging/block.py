"""Coarse pixels: the operator of super-resolution."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_image
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


class BlockSum(LinearForward):
    """Sum, or average, square blocks of pixels: what a detector with larger pixels sees.

    Parameters
    ----------
    in_shape
        (channels, height, width); height and width are multiples of `block`.
    block
        Side of a block [pixels], >= 1.
    reduce
        ``"sum"`` (a detector that counts) or ``"mean"`` (a detector that is normalised by its area).
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The image has no such blocks, or `reduce` is another word.

    Examples
    --------
    >>> import torch
    >>> A = BlockSum((1, 4, 4), 2)
    >>> A(torch.ones(1, 1, 4, 4))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """

    kind = "block-sum"

    @checked
    def __init__(
        self,
        in_shape: Shape,
        block: Count,
        *,
        reduce: Literal["sum", "mean"] = "sum",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, height, width = expect_image(in_shape, "BlockSum")
        if block < 1 or height % block or width % block:
            raise InputError(
                f"blocks of {block} pixels do not tile an image of {height} x {width}; "
                f"give a block that divides both, or crop the image"
            )
        if reduce not in ("sum", "mean"):
            raise InputError(f'reduce is "sum" or "mean", but it is {reduce!r}')
        super().__init__(in_shape, (channels, height // block, width // block), dtype=dtype, device=device)
        self.block = block
        self.weight = 1.0 if reduce == "sum" else 1.0 / block**2

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels rows columns"]:
        """Return the coarse images."""
        channels, height, width = self.out_shape
        blocks = x.reshape(-1, channels, height, self.block, width, self.block)
        return self.weight * blocks.sum((3, 5))

    def adjoint(
        self, y: Float[Tensor, "batch channels rows columns"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Spread each coarse pixel evenly over its block."""
        return self.weight * y.repeat_interleave(self.block, 2).repeat_interleave(self.block, 3)
