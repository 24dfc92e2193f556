"""Blurs: convolution with a given kernel, exact at the boundary."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # torch's own convention
from jaxtyping import Inexact
from torch import Tensor

from sciadv.arguments.values import in_precision
from sciadv.errors import InputError
from sciadv.forward.base import LinearForward, expect_grid, to_tensor
from sciadv.registry.checked import checked
from sciadv.registry.registry import named
from sciadv.types import Positive, Shape, Whole

Boundary = Literal["circular", "zero", "reflect", "replicate"]
_AXES = {1: "(samples,)", 2: "(rows, columns)", 3: "(planes, rows, columns)"}
_NUMPY_MODE = {"circular": "wrap", "reflect": "reflect", "replicate": "edge"}


class Blur(LinearForward):
    """Convolve every channel with one kernel, ``y[i] = sum_k kernel[k] x[i + centre - k]``.

    Of signals, images and volumes. The centre of a kernel of n pixels is pixel ``n // 2``, as in
    `scipy.ndimage.convolve`; the image keeps its size.

    Parameters
    ----------
    in_shape
        (channels, length), (channels, height, width) or (channels, depth, height, width).
    kernel
        The point spread function, with a dimension for each of the image's: ``(rows, columns)`` for images.
        It is not normalised: a camera's kernel sums to 1.
    boundary
        What lies outside the image: ``"circular"`` (the image again; `scipy.ndimage`'s "wrap"), ``"zero"``
        ("constant"), ``"reflect"`` (mirrored at the centre of the edge pixel; "mirror"), ``"replicate"`` (the
        edge pixel; "nearest").
    dtype, device
        Of the candidates.

    Raises
    ------
    InputError
        The kernel has not the image's number of dimensions or is not finite, or the boundary has no such
        name.

    Notes
    -----
    The adjoint folds back what the boundary repeats, so it is exact for each of the four. The cost is that of
    the direct sum, ``rows * columns`` operations a pixel. A kernel of images or volumes that is a product of
    profiles, as a Gaussian is, is applied axis by axis: ``rows + columns`` operations a pixel.

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
        _, sizes = expect_grid(in_shape, "Blur")
        if boundary not in get_args(Boundary):
            raise InputError(f"boundary is one of {', '.join(get_args(Boundary))}, but it is {boundary!r}")
        kernel = to_tensor(kernel)
        is_real = not kernel.is_complex() and bool(kernel.isfinite().all())
        if kernel.ndim != len(sizes) or kernel.numel() == 0 or not is_real:
            raise InputError(
                f"a kernel is a finite real array {_AXES[len(sizes)]}, "
                f"but this one has shape {tuple(kernel.shape)}"
            )
        super().__init__(in_shape, in_shape, dtype=dtype, device=device)
        self.boundary = boundary
        in_precision(kernel, dtype, "the kernel's numbers")
        self.kernels = torch.nn.ModuleList(
            _Kernel(factor, dtype=dtype).to(device) for factor in _factors(kernel)
        )
        self.paddings = torch.nn.ModuleList(
            _Padding(size, n, boundary).to(device) for size, n in zip(sizes, kernel.shape, strict=True)
        )

    def forward(
        self, x: Inexact[Tensor, "batch channels *space"]
    ) -> Inexact[Tensor, "batch channels *space"]:
        """Return the blurred images."""
        blurred = x
        for axis, padding in enumerate(self.paddings):
            blurred = padding(blurred, 2 + axis)
        blurred = blurred.flatten(0, 1)[:, None]
        for kernel in self.kernels:
            blurred = kernel(blurred)
        return blurred.reshape(x.shape)

    def adjoint(
        self, y: Inexact[Tensor, "batch channels *space"]
    ) -> Inexact[Tensor, "batch channels *space"]:
        """Correlate with the kernel and fold the margins back."""
        spread = y.flatten(0, 1)[:, None]
        for kernel in reversed(list(self.kernels)):
            spread = kernel.adjoint(spread)  # type: ignore[operator]  # modules are Tensor | Module to torch
        x: Tensor = spread.reshape(*y.shape[:2], *spread.shape[2:])
        for axis, padding in reversed(list(enumerate(self.paddings))):
            x = padding.adjoint(x, 2 + axis)  # type: ignore[operator]  # as above
        return x


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
        (channels, length), (channels, height, width) or (channels, depth, height, width).
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
    kernel = profile
    for _ in expect_grid(in_shape, "GaussianBlur")[1][1:]:
        kernel = kernel[..., None] * profile
    return Blur(in_shape, kernel, boundary=boundary, dtype=dtype, device=device)


def _factors(kernel: Tensor) -> list[Tensor]:
    """Return a kernel as its profiles along each axis where it is their product, else itself."""
    if kernel.ndim < 2 or kernel.is_complex():
        return [kernel]
    exact = kernel.double()
    peak = exact.flatten().abs().argmax()
    place = torch.unravel_index(peak, exact.shape)
    profiles = []
    for axis in range(exact.ndim):
        index: list[Any] = list(place)
        index[axis] = slice(None)
        shape = [1] * exact.ndim
        shape[axis] = -1
        profiles.append(exact[tuple(index)].reshape(shape))
    profiles[0] = profiles[0] / (exact[place] ** (exact.ndim - 1) if bool(exact[place]) else 1)
    product = math.prod(profiles[1:], start=profiles[0])
    # a product in the kernel's own precision is one to its rounding
    rounding = 8 * torch.finfo(kernel.dtype).eps if kernel.is_floating_point() else 0.0
    is_product = bool(((product - exact).abs() <= rounding * exact[place].abs()).all())
    return profiles if is_product else [kernel]


class _Kernel(torch.nn.Module):
    """Correlation with a flipped kernel of any number of dimensions, and its adjoint; no margins."""

    kernel: Tensor
    flipped: Tensor

    def __init__(self, kernel: Tensor, *, dtype: torch.dtype) -> None:
        super().__init__()
        kernel = kernel.to(dtype)
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("flipped", kernel.flip(tuple(range(kernel.ndim))), persistent=False)
        self.margins = [n - 1 for n in reversed(kernel.shape) for _ in range(2)]
        self.convolve = (F.conv1d, F.conv2d, F.conv3d)[kernel.ndim - 1]

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``(images, 1, *space)``."""
        return self.convolve(x, self.flipped[None, None])

    def adjoint(self, y: Tensor) -> Tensor:
        """Spread ``(images, 1, *space)`` by the kernel; five times as fast as a transposed convolution."""
        return self.convolve(F.pad(y, self.margins), self.kernel[None, None])


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
