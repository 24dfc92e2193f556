"""Blurs: convolution with a given kernel, exact at the boundary."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # torch's own convention
from jaxtyping import Float
from torch import Tensor

from sciadv.arguments.values import in_precision
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_image, to_tensor
from sciadv.registry.checked import checked
from sciadv.registry.registry import named
from sciadv.types import Positive, Shape, Whole

Boundary = Literal["circular", "zero", "reflect", "replicate"]
_NUMPY_MODE = {"circular": "wrap", "reflect": "reflect", "replicate": "edge"}


class Blur(LinearForward):
    """Convolve every channel with one kernel, ``y[i] = sum_k kernel[k] x[i + centre - k]``.

    The centre of a kernel of n pixels is pixel ``n // 2``, as in `scipy.ndimage.convolve`; the image keeps
    its size.

    Parameters
    ----------
    in_shape
        (channels, height, width).
    kernel
        The point spread function ``(rows, columns)``. It is not normalised: a camera's kernel sums to 1.
    boundary
        What lies outside the image: ``"circular"`` (the image again; `scipy.ndimage`'s "wrap"), ``"zero"``
        ("constant"), ``"reflect"`` (mirrored at the centre of the edge pixel; "mirror"), ``"replicate"`` (the
        edge pixel; "nearest").
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The kernel has not two dimensions or is not finite, or the boundary has no such name.

    Notes
    -----
    The adjoint folds back what the boundary repeats, so it is exact for each of the four. The cost is that of
    the direct sum, ``rows * columns`` operations a pixel.

    Examples
    --------
    >>> import torch
    >>> A = Blur((1, 3, 3), torch.ones(3, 3), boundary="zero")
    >>> A(torch.ones(1, 1, 3, 3))
    tensor([[[[4., 6., 4.],
              [6., 9., 6.],
              [4., 6., 4.]]]])
    """

    kind = "blur"

    flipped: Tensor

    @checked
    def __init__(
        self,
        in_shape: Shape,
        kernel: Tensor | npt.NDArray[Any],
        *,
        boundary: Boundary = "circular",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        _, height, width = expect_image(in_shape, "Blur")
        if boundary not in get_args(Boundary):
            raise InputError(f"boundary is one of {', '.join(get_args(Boundary))}, but it is {boundary!r}")
        kernel = to_tensor(kernel)
        is_real = not kernel.is_complex() and bool(kernel.isfinite().all())
        if kernel.ndim != 2 or kernel.numel() == 0 or not is_real:
            raise InputError(
                f"a kernel is a finite real array (rows, columns), but this one has shape "
                f"{tuple(kernel.shape)}"
            )
        super().__init__(in_shape, in_shape, dtype=dtype, device=device)
        self.boundary = boundary
        flipped = in_precision(kernel.flip(0, 1), dtype, "the kernel's numbers")
        self.register_buffer("flipped", flipped.to(device), persistent=False)
        self.pad_rows = _Padding(height, kernel.shape[0], boundary).to(device)
        self.pad_columns = _Padding(width, kernel.shape[1], boundary).to(device)

    def forward(
        self, x: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Return the blurred images."""
        padded = self.pad_columns(self.pad_rows(x, 2), 3)
        return F.conv2d(padded.flatten(0, 1)[:, None], self.flipped[None, None]).reshape(x.shape)

    def adjoint(
        self, y: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Correlate with the kernel and fold the margins back."""
        padded = F.conv_transpose2d(y.flatten(0, 1)[:, None], self.flipped[None, None])
        padded = padded.reshape(*y.shape[:2], *padded.shape[2:])
        return self.pad_rows.adjoint(self.pad_columns.adjoint(padded, 3), 2)


@named("gaussian-blur")
@checked
def GaussianBlur(  # a kind of Blur, named as one
    in_shape: Shape,
    sigma: Positive,
    *,
    radius: Whole | None = None,
    boundary: Boundary = "circular",
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Blur:
    """Return the `Blur` of a Gaussian kernel, sampled at the pixels and normalised to sum 1.

    Parameters
    ----------
    in_shape
        (channels, height, width).
    sigma
        Standard deviation of the kernel [pixels], > 0.
    radius
        Half width of the kernel [pixels]; ``ceil(4 sigma)`` if left out.
    boundary, dtype, device
        As in `Blur`.

    Raises
    ------
    InputError
        `sigma` is not positive, or `radius` is negative.

    Examples
    --------
    >>> import torch
    >>> A = GaussianBlur((1, 8, 8), 1.5)
    >>> torch.allclose(A(torch.ones(1, 1, 8, 8)), torch.ones(1, 1, 8, 8))
    True
    """
    radius = math.ceil(4 * sigma) if radius is None else radius
    if not sigma > 0 or radius < 0:
        raise InputError(f"expected sigma > 0 and radius >= 0 [pixels], but got {sigma} and {radius}")
    profile = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2)
    profile /= profile.sum()
    return Blur(in_shape, profile[:, None] * profile, boundary=boundary, dtype=dtype, device=device)


class _Padding(torch.nn.Module):
    """Extend one axis by a kernel's margins, and its adjoint, which adds them up."""

    source: Tensor

    def __init__(self, size: int, kernel_size: int, boundary: Boundary) -> None:
        super().__init__()
        self.size = size
        self.margins = (kernel_size - 1 - kernel_size // 2, kernel_size // 2)
        self.is_zero = boundary == "zero"
        indices = np.arange(size)
        source = indices if self.is_zero else np.pad(indices, self.margins, mode=_NUMPY_MODE[boundary])  # type: ignore[call-overload]  # mode is a literal to the stubs
        self.register_buffer("source", torch.from_numpy(source), persistent=False)

    def forward(self, x: Tensor, dim: int) -> Tensor:
        if not self.is_zero:
            return x.index_select(dim, self.source)
        before, after = self.margins
        return F.pad(x, (0, 0) * (x.ndim - 1 - dim) + (before, after))

    def adjoint(self, padded: Tensor, dim: int) -> Tensor:
        if self.is_zero:
            return padded.narrow(dim, self.margins[0], self.size)
        shape = list(padded.shape)
        shape[dim] = self.size
        return padded.new_zeros(shape).index_add(dim, self.source, padded)
