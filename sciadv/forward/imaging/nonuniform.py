"""Fourier transforms at any frequencies, by direct sums along one axis after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_reals
from sciadv.errors import InputError
from sciadv.forward.autodiff import as_dtype
from sciadv.forward.base import LinearForward, expect_grid
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


class NonuniformFourier(LinearForward):
    """Fourier transform of an image at any frequencies: non-Cartesian MRI, interferometry.

    ``y_k = sum_n x_n exp(-2 pi i f_k . (n - centre)) / sqrt(pixels)``, of signals, images and volumes. On the
    grid's own frequencies it is `MaskedFourier`.

    Parameters
    ----------
    in_shape
        (channels, length), (channels, height, width) or (channels, depth, height, width); every channel is
        sampled alike.
    frequencies
        f_k ``(samples, axes)`` [cycles per pixel], in the order of the image's axes: of images first that
        along the rows' index, down, then that along the columns', right. What a grid resolves is from -1/2
        to 1/2.
    is_normalised
        True: divided by the root of the number of pixels, as the orthonormal transform is. False: the sum
        itself.
    chunk_bytes
        Memory that the sums of one part of the samples may take [bytes]; the samples are taken in parts of
        this size.
    dtype, device
        Of the candidates. Real images by default: the adjoint is then the real part of the sum.

    Raises
    ------
    InputError
        The frequencies do not fit the image or are not finite.

    Notes
    -----
    Exact, and no matrix of samples x pixels is made: each axis has its own exponentials, ``samples * (height
    + width)`` numbers in all. The cost is nevertheless that of the direct sum, samples x pixels operations
    an image: at 10,000 samples of 256 x 256 pixels take `GriddedFourier`.

    Examples
    --------
    >>> import torch
    >>> A = NonuniformFourier((1, 8, 8), torch.tensor([[0.0, 0.0], [0.1, -0.3]]))
    >>> A(torch.ones(1, 1, 8, 8))[0, 0, 0]
    tensor(8.+0.j)
    """

    kind = "nonuniform-fourier"

    @checked
    def __init__(
        self,
        in_shape: Shape,
        frequencies: Tensor | npt.NDArray[Any],
        *,
        is_normalised: bool = True,
        chunk_bytes: Count = 2**26,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, sizes = expect_grid(in_shape, "NonuniformFourier")
        places = check_frequencies(frequencies, sizes)
        super().__init__(in_shape, (channels, len(places)), dtype=dtype, device=device)
        self.n_axes = len(sizes)
        self.chunk_bytes = chunk_bytes
        scale = 1 / math.sqrt(math.prod(sizes)) if is_normalised else 1.0
        for axis, size in enumerate(sizes):
            index = torch.arange(size, dtype=torch.float64) - size // 2
            angle = -2 * math.pi * places[:, axis, None] * index
            waves = torch.polar(torch.full_like(angle, scale if axis == 0 else 1.0), angle)
            self.register_buffer(f"waves_{axis}", waves.to(device, dtype.to_complex()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transform at the samples, complex ``(batch, channels, samples)``."""
        image = x.to(x.dtype.to_complex())
        parts = [self._sampled(image, part) for part in self._parts(x)]
        return torch.cat(parts, -1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of the samples' waves, weighted by the data, ``(batch, *in_shape)``."""
        image = y.new_zeros(len(y), *self.in_shape)
        for part in self._parts(y):
            image = image + self._gridded(y[..., part], part)
        return as_dtype(image, image.dtype if self.dtype.is_complex else y.dtype.to_real())

    def _waves(self, axis: int, part: slice) -> Tensor:
        waves: Tensor = getattr(self, f"waves_{axis}")
        return waves[part]

    def _parts(self, batch: Tensor) -> list[slice]:
        """Return slices of the samples whose largest intermediate array fits into `chunk_bytes`."""
        n_bytes = batch.element_size() * (1 if batch.is_complex() else 2)
        one = n_bytes * len(batch) * math.prod(self.in_shape[:-1])
        size = max(1, self.chunk_bytes // max(one, 1))
        return [slice(first, first + size) for first in range(0, self.out_shape[1], size)]

    def _sampled(self, image: Tensor, part: slice) -> Tensor:
        """Sum over the last axis by a product of matrices, over the others at each sample."""
        summed = image @ self._waves(self.n_axes - 1, part).T
        for axis in reversed(range(self.n_axes - 1)):
            summed = (summed * self._waves(axis, part).T).sum(-2)
        return summed

    def _gridded(self, y: Tensor, part: slice) -> Tensor:
        """Do the adjoint of `_sampled`."""
        spread = y
        for axis in range(self.n_axes - 1):
            spread = spread[..., None, :] * self._waves(axis, part).conj().T
        return spread @ self._waves(self.n_axes - 1, part).conj()


def check_frequencies(frequencies: Tensor | npt.NDArray[Any], sizes: Shape) -> Tensor:
    """Return frequencies ``(samples, axes)`` in double precision.

    Raises
    ------
    InputError
        They have another shape, or are not finite.
    """
    places = torch.from_numpy(as_reals(frequencies, "frequencies"))
    if places.ndim != 2 or len(places) == 0 or places.shape[1] != len(sizes):
        raise InputError(
            f"frequencies are (samples, {len(sizes)}) [cycles per pixel], but they have shape "
            f"{tuple(places.shape)}"
        )
    return places
