"""Networks of images in [0, 1] that give and take the units of the data instead."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.sizes import keeps_settings
from sciadv.registry.checked import checked


@final
class RangedGenerator(nn.Module):
    """``x = low + (high - low) G(z)``, G a generator of images in [0, 1].

    Parameters
    ----------
    inner
        G; where it has `logits`, these are also those of x.
    low, high
        Lowest and highest value, in the units of the data, one for each channel.

    Raises
    ------
    InputError
        They are not as many, or a high one is not above the low one.
    """

    kind = "ranged-generator"

    settings: dict[str, object]
    low: Tensor
    high: Tensor

    @checked
    @keeps_settings
    def __init__(self, *, inner: nn.Module, low: Sequence[float], high: Sequence[float]) -> None:
        super().__init__()
        self.inner = inner
        _keep_range(self, low, high)

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the activation of G."""
        out: Tensor = self.inner.logits(z)  # type: ignore[operator]  # typed Tensor | Module
        return out

    def forward(self, z: Tensor) -> Tensor:
        """Generate images in the units of the data."""
        x: Tensor = self.inner(z)
        low, high = (_per_channel(limit, x) for limit in (self.low, self.high))
        return low + (high - low) * x

    def pixel_limits(self, image_shape: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return the lowest and the highest value of each pixel of a flat image ``(pixels,)``."""
        repeats = prod(image_shape[1:])
        return self.low.repeat_interleave(repeats), self.high.repeat_interleave(repeats)


@final
class RangedEncoder(nn.Module):
    """``E((x - low) / (high - low))``, E an encoder of images in [0, 1].

    Parameters
    ----------
    inner
        E.
    low, high
        Lowest and highest value, in the units of the data, one for each channel.

    Raises
    ------
    InputError
        They are not as many, or a high one is not above the low one.
    """

    kind = "ranged-encoder"

    settings: dict[str, object]
    low: Tensor
    high: Tensor

    @checked
    @keeps_settings
    def __init__(self, *, inner: nn.Module, low: Sequence[float], high: Sequence[float]) -> None:
        super().__init__()
        self.inner = inner
        _keep_range(self, low, high)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean latent ``(batch, n_latent)``."""
        low, high = (_per_channel(limit, x) for limit in (self.low, self.high))
        out: Tensor = self.inner((x - low) / (high - low))
        return out


def _keep_range(net: nn.Module, low: Sequence[float], high: Sequence[float]) -> None:
    if len(low) != len(high) or not all(a < b for a, b in zip(low, high, strict=True)):
        raise InputError(
            f"low must be below high in every channel, but they are {list(low)} and {list(high)}"
        )
    for name, limit in (("low", low), ("high", high)):
        net.register_buffer(name, torch.tensor([float(value) for value in limit]), persistent=False)


def _per_channel(limit: Tensor, x: Tensor) -> Tensor:
    return limit.to(x.dtype).view(-1, *(1,) * (x.ndim - 2))
