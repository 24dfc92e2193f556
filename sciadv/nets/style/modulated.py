"""The modulated convolution: a convolution whose input channels are scaled by a style of each sample."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.nets.sizes import Layers


@final
class ModulatedConvolution(nn.Module):
    """``act(strength noise + bias + d(s) conv(s x))`` with the style ``s = 1 + affine(w)`` of each sample.

    The factor ``d_o(s) = (sum_{i,k} (s_i W_oik)^2 + 1e-8)^(-1/2)`` gives every output channel unit variance
    for inputs of unit variance (demodulation). Scaling the input and the output instead of the weights is
    the same map and needs no convolution of its own for each sample.

    Parameters
    ----------
    kinds
        Layers for signals, images or volumes.
    n_in, n_out
        Channels.
    n_style
        Length of w.
    size
        Side of the kernel, odd.
    is_last
        Whether its output is candidates: then there is no demodulation, noise and activation.

    References
    ----------
    T. Karras et al., Analyzing and improving the image quality of StyleGAN, CVPR 2020, Eqs. 1 to 3.
    """

    def __init__(
        self, kinds: Layers, n_in: int, n_out: int, *, n_style: int, size: int = 3, is_last: bool = False
    ) -> None:
        super().__init__()
        self.convolution = kinds.convolution(n_in, n_out, size, 1, size // 2, bias=False)
        self.affine = nn.Linear(n_style, n_in)
        nn.init.zeros_(self.affine.bias)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.strength = None if is_last else nn.Parameter(torch.zeros(()))
        self.is_last = is_last

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return ``(batch, n_out, *sides)`` of features ``(batch, n_in, *sides)`` and w ``(batch, n_style)``.

        The noise ``(batch or 1, 1, *sides)`` is added to all channels alike.
        """
        ones = (1,) * (x.ndim - 2)
        style = 1 + self.affine(w)
        y: Tensor = self.convolution(x * style.reshape(*style.shape, *ones))
        if not self.is_last:
            power = self.convolution.weight.square().flatten(2).sum(2)
            factor = (style.square() @ power.T + 1e-8).rsqrt()
            y = y * factor.reshape(*factor.shape, *ones)
        if noise is not None and self.strength is not None:
            y = y + self.strength * noise
        y = y + self.bias.reshape(-1, *ones)
        return y if self.is_last else 2**0.5 * functional.leaky_relu(y, 0.2)
