"""Fourier transforms at any frequencies, fast: interpolated from an oversampled grid (torchkbnufft)."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Annotated, Any

import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.autodiff import apply_linear, as_dtype
from sciadv.forward.base import Forward, LinearForward, expect_grid
from sciadv.forward.imaging.nonuniform import check_frequencies
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


class GriddedFourier(LinearForward):
    """`NonuniformFourier` by a fast transform and Kaiser-Bessel interpolation: non-Cartesian MRI.

    Parameters
    ----------
    in_shape
        (channels, height, width) or (channels, depth, height, width); every channel is sampled alike.
    frequencies
        ``(samples, axes)`` [cycles per pixel], as of `NonuniformFourier`.
    is_normalised
        As of `NonuniformFourier`.
    oversampling
        Of the grid, >= 1.25.
    n_neighbours
        Points of the grid that a sample is interpolated from, along each axis.
    dtype, device
        Of the candidates. Real images by default: the adjoint is then the real part of the sum.

    Raises
    ------
    InputError
        torchkbnufft is not installed, or the frequencies do not fit the image.

    Notes
    -----
    The defaults differ from the exact sum by some 3e-4 of its size (volumes: 8e-4); the adjoint is that of
    the interpolated transform, to rounding. The cost is that of a fast transform of the grid, and
    ``n_neighbours ** axes`` operations a sample.

    References
    ----------
    .. [1] M. J. Muckley, R. Stern, T. Murrell, F. Knoll. TorchKbNufft: a high-level, hardware-agnostic
       non-uniform fast Fourier transform. ISMRM Workshop on Data Sampling and Image Reconstruction 2020.
    .. [2] J. A. Fessler, B. P. Sutton. Nonuniform fast Fourier transforms using min-max interpolation. IEEE
       Transactions on Signal Processing 51 (2003) 560-574.

    Examples
    --------
    >>> import torch
    >>> A = GriddedFourier((1, 8, 8), torch.tensor([[0.0, 0.0], [0.1, -0.3]]))  # doctest: +SKIP
    """

    kind = "gridded-fourier"

    angles: Tensor

    @checked
    def __init__(
        self,
        in_shape: Shape,
        frequencies: Tensor | npt.NDArray[Any],
        *,
        is_normalised: bool = True,
        oversampling: Annotated[float, Field(ge=1.25)] = 2.0,
        n_neighbours: Count = 6,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        channels, sizes = _channels_and_sizes(in_shape)
        places = check_frequencies(frequencies, sizes)
        super().__init__(in_shape, (channels, len(places)), dtype=dtype, device=device)
        self.scale = 1 / math.sqrt(math.prod(sizes)) if is_normalised else 1.0
        self.grid = tuple(math.ceil(oversampling * size) for size in sizes)
        self.n_neighbours = n_neighbours
        angles = (2 * math.pi * places.T).to(device, dtype.to_real())
        self.register_buffer("angles", angles, persistent=False)
        self._make_transforms()

    def _make_transforms(self) -> None:
        """Make the library's modules in the operator's precision; kept apart, since they are not casted."""
        from torchkbnufft import KbNufft, KbNufftAdjoint

        settings = {
            "im_size": self.in_shape[1:],
            "grid_size": self.grid,
            "numpoints": self.n_neighbours,
            "dtype": self.dtype.to_complex(),
            "device": self.device,
        }
        self.transforms = (KbNufft(**settings), KbNufftAdjoint(**settings))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Forward:  # noqa: FBT001  # torch's
        """Move or cast; the interpolation is made anew."""
        super()._apply(fn, recurse)
        self._make_transforms()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return the transform at the samples, complex ``(batch, channels, samples)``."""
        return apply_linear(self._forward, self._adjoint, x)

    def adjoint(self, y: Tensor) -> Tensor:
        """Return the sum of the samples' waves, weighted by the data, ``(batch, *in_shape)``."""
        return apply_linear(self._adjoint, self._forward, y)

    def _forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.transforms[0](x.to(x.dtype.to_complex()), self.angles)
        return self.scale * y

    def _adjoint(self, y: Tensor) -> Tensor:
        image: Tensor = self.scale * self.transforms[1](y.to(y.dtype.to_complex()), self.angles)
        return as_dtype(image, image.dtype if self.dtype.is_complex else y.dtype.to_real())


def _channels_and_sizes(in_shape: Shape) -> tuple[int, Shape]:
    """Return channels and sizes of an image or volume, if the library is there."""
    if find_spec("torchkbnufft") is None:
        raise InputError(
            "gridded-fourier needs torchkbnufft, which is not installed: pip install sciadv[mri]; "
            "nonuniform-fourier needs nothing, and takes longer for many samples"
        )
    channels, sizes = expect_grid(in_shape, "GriddedFourier")
    if len(sizes) < 2:
        raise InputError(
            f"GriddedFourier works on images and volumes, but in_shape is {in_shape}; take NonuniformFourier"
        )
    return channels, sizes
