"""Singular values of convolutions on a torus, by Fourier transforms, and layers held at norm one by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sciadv.errors import InputError


def circular_singular_values(
    kernel: Tensor,
    sides: Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Singular values of a convolution with circular padding, of all frequencies and groups.

    On a torus a convolution is, at each frequency w, the matrix ``K(w)`` of its kernel's Fourier transform
    from input to output channels. A stride s adds up the s frequencies that it maps onto each other: their
    matrices stand side by side, over the root of their number.

    Parameters
    ----------
    kernel
        ``(out, in / groups, *window)``, one to three sides, as `torch.nn.Conv2d` has it.
    sides
        Sides of the input, each at least the (dilated) window's and a multiple of the stride.
    stride, dilation, groups
        As of the convolution.

    Returns
    -------
    ``(groups, frequencies, min(out, in x stride) / groups)``; differentiable in the kernel.

    Raises
    ------
    InputError
        The sides do not fit the window or the stride.

    Notes
    -----
    Exact, in O(n log n) for the transform and one small decomposition a frequency. Of a convolution with zero
    padding, on an input of n places a side and a window of k, the norm is at most that on a torus of
    ``n + k - 1`` places, of which it is a part.

    References
    ----------
    H. Sedghi, V. Gupta, P. M. Long, The singular values of convolutional layers, ICLR 2019, Theorem 6.

    Examples
    --------
    >>> mean = torch.full((1, 1, 3), 1 / 3)
    >>> round(float(circular_singular_values(mean, (8,)).max()), 6)
    1.0
    """
    n_sides = kernel.ndim - 2
    strides, dilations = (
        tuple(value) if isinstance(value, Sequence) else (value,) * n_sides for value in (stride, dilation)
    )
    window = [d * (k - 1) + 1 for d, k in zip(dilations, kernel.shape[2:], strict=True)]
    if len(sides) != n_sides or any(n < k or n % s for n, k, s in zip(sides, window, strides, strict=True)):
        raise InputError(
            f"sides {tuple(sides)} do not fit a window of {tuple(window)} and a stride of {strides}: each "
            f"must be at least as long, and a multiple of the stride"
        )
    spread = kernel.new_zeros(*kernel.shape[:2], *window)
    places = (slice(None), slice(None), *(slice(None, None, d) for d in dilations))
    spread[places] = kernel
    spectrum = torch.fft.fftn(spread, s=tuple(sides), dim=tuple(range(2, kernel.ndim)))
    folded = [part for n, s in zip(sides, strides, strict=True) for part in (s, n // s)]
    n_out, n_in = kernel.shape[:2]
    matrices = spectrum.reshape(groups, n_out // groups, n_in, *folded)
    aliases = range(3, 3 + 2 * n_sides, 2)
    frequencies = range(4, 4 + 2 * n_sides, 2)
    matrices = matrices.permute(0, *frequencies, 1, 2, *aliases)
    n_aliases = torch.Size(strides).numel()
    flat = matrices.reshape(groups, -1, n_out // groups, n_in * n_aliases)
    values: Tensor = torch.linalg.svdvals(flat) / n_aliases**0.5
    return values


@final
class CircularNorm(nn.Module):
    """A parametrisation that divides a convolution's kernel by its largest singular value on a torus.

    Parameters
    ----------
    sides
        Sides of the torus.
    stride, dilation, groups
        As of the convolution.
    """

    def __init__(
        self, sides: Sequence[int], *, stride: Sequence[int], dilation: Sequence[int], groups: int
    ) -> None:
        super().__init__()
        self.sides = tuple(sides)
        self.stride = tuple(stride)
        self.dilation = tuple(dilation)
        self.groups = groups

    def forward(self, kernel: Tensor) -> Tensor:
        """Return the kernel of norm one."""
        values = circular_singular_values(
            kernel, self.sides, stride=self.stride, dilation=self.dilation, groups=self.groups
        )
        return kernel / values.max().clamp_min(torch.finfo(kernel.dtype).tiny)


def exactly_normalised(module: nn.Module, example: Tensor) -> nn.Module:
    """Give every convolution of a module a spectral norm of one as a map, exactly; returns the module.

    With circular padding the norm is one; with zero padding it is at most one, since the map is part of one
    on a larger torus. `sciadv.nets.layers.spectrally_normalised` calls it for its option `example`.

    Parameters
    ----------
    module
        Changed in place; its kernels become ``parametrizations.weight.original``.
    example
        One input ``(1, ...)``, from which each convolution's sides are known.

    Raises
    ------
    InputError
        The module does not take the example.
    """
    sides: dict[nn.Module, tuple[int, ...]] = {}
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)]

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        sides[layer] = tuple(inputs[0].shape[2:])

    handles = [layer.register_forward_hook(note) for layer in layers]
    was_training = module.training
    try:
        with torch.no_grad():
            module.eval()(example)
    except RuntimeError as error:
        raise InputError(f"the module does not take the example: {str(error).splitlines()[0]}") from error
    finally:
        module.train(was_training)
        for handle in handles:
            handle.remove()
    for layer in layers:
        if layer in sides:
            norm = CircularNorm(
                _torus(layer, sides[layer]),
                stride=layer.stride,
                dilation=layer.dilation,
                groups=layer.groups,
            )
            parametrize.register_parametrization(layer, "weight", norm)
    return module


def _torus(layer: nn.Conv1d | nn.Conv2d | nn.Conv3d, sides: Sequence[int]) -> list[int]:
    """Return the sides of the smallest torus on which a layer is the map itself, or of which it is a part."""
    found = []
    for n, k, d, s in zip(sides, layer.kernel_size, layer.dilation, layer.stride, strict=True):
        window = d * (k - 1) + 1
        least = max(n, window) if layer.padding_mode == "circular" else n + window - 1
        found.append(-(-least // s) * s)
    return found
