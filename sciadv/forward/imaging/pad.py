"""A dark margin around the image: what makes its Fourier transform oversampled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sciadv.arguments.memory import check_memory
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_image
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


class ZeroPad(LinearForward):
    """Put the image into the middle of a larger one that is 0 elsewhere.

    The image's origin, pixel ``(height // 2, width // 2)``, comes to be that of the larger one, as
    `MaskedFourier` with ``is_centred`` has it.

    Parameters
    ----------
    in_shape
        (channels, height, width).
    height, width
        Of the larger image [pixels], at least those of the image. Twice as many in each direction determine
        an image by the magnitudes of its Fourier transform up to shift, turn and sign, but for rare
        exceptions [1]_.
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The larger image is smaller.

    References
    ----------
    .. [1] M. H. Hayes. The reconstruction of a multidimensional sequence from the phase or magnitude of its
       Fourier transform. IEEE Transactions on Acoustics, Speech, and Signal Processing 30 (1982) 140-154.

    Examples
    --------
    >>> import torch
    >>> ZeroPad((1, 1, 2), 2, 4)(torch.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[0., 0., 0., 0.],
              [0., 1., 2., 0.]]]])
    """

    kind = "zero-pad"

    @checked
    def __init__(
        self,
        in_shape: Shape,
        height: Count,
        width: Count,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, old_height, old_width = expect_image(in_shape, "ZeroPad")
        if height < old_height or width < old_width:
            raise InputError(
                f"an image of {old_height} x {old_width} does not fit into one of {height} x {width}; "
                f"give the size with the margin, not the margin"
            )
        check_memory(
            channels * height * width * dtype.itemsize,
            f"an image of {height} x {width}",
            "give a smaller one",
            device=device,
        )
        super().__init__(in_shape, (channels, height, width), dtype=dtype, device=device)
        self.top = height // 2 - old_height // 2
        self.left = width // 2 - old_width // 2

    def forward(self, x: Tensor) -> Tensor:
        """Return the larger image."""
        (_, old_height, old_width), (_, height, width) = self.in_shape, self.out_shape
        bottom = height - old_height - self.top
        right = width - old_width - self.left
        return functional.pad(x, (self.left, right, self.top, bottom))

    def adjoint(self, y: Tensor) -> Tensor:
        """Cut the image out."""
        _, height, width = self.in_shape
        return y[..., self.top : self.top + height, self.left : self.left + width]
