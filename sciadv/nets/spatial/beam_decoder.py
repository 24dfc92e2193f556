"""A generator of beams for conditions: densities of an exact volume, and the designs it was taught by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.nets.bounded.exact_mean import with_volume
from sciadv.registry.checked import checked
from sciadv.types import Count, Whole


@final
class BeamDecoder(nn.Module):
    """Volume, filter radius and load position to the densities of a stiff half beam, before the filter.

    The latents are the conditions: ``condition = low + (high - low) Phi(z)`` with the normal distribution
    function Phi. The last layer shifts its logits so that the mean density is the volume, exactly.

    Parameters
    ----------
    height, width
        Elements.
    lower, upper
        Ranges of (volume, radius of the filter [elements], position of the load in parts of the width).
    channels
        Feature maps at full resolution; up to four times as many below.
    n_known
        Designs that it was taught by and keeps, for `nearest`.
    n_latent
        3, which a file states.

    Raises
    ------
    InputError
        A range does not grow, or `n_latent` is not 3.

    Examples
    --------
    >>> net = BeamDecoder(height=10, width=20, channels=2)
    >>> conditions = torch.tensor([[0.3, 2.0, 0.5]])
    >>> x = net(net.latent(conditions))
    >>> x.shape, round(float(x.detach().mean()), 5)
    (torch.Size([1, 1, 10, 20]), 0.3)
    """

    kind = "beam-decoder"

    settings: dict[str, object]
    low: Tensor
    high: Tensor
    conditions: Tensor
    known: Tensor

    @checked
    def __init__(
        self,
        *,
        height: Count = 50,
        width: Count = 100,
        lower: Sequence[float] = (0.15, 1.5, 0.0),
        upper: Sequence[float] = (0.4, 4.0, 1.0),
        channels: Count = 10,
        n_known: Whole = 0,
        n_latent: Count = 3,
    ) -> None:
        super().__init__()
        is_wrong = len(lower) != 3 or len(upper) != 3 or n_latent != 3
        if is_wrong or any(a >= b for a, b in zip(lower, upper, strict=True)):
            raise InputError(
                f"a beam has 3 latents and ranges that grow, but n_latent is {n_latent}, lower {lower} and "
                f"upper {upper}"
            )
        self.settings = {
            "height": height,
            "width": width,
            "lower": list(lower),
            "upper": list(upper),
            "channels": channels,
            "n_known": n_known,
            "n_latent": n_latent,
        }
        self.register_buffer("low", torch.tensor(lower), persistent=False)
        self.register_buffer("high", torch.tensor(upper), persistent=False)
        self.register_buffer("conditions", torch.zeros(n_known, 3))
        self.register_buffer("known", torch.zeros(n_known, height, width, dtype=torch.uint8))
        self.sides = [(-(-height // 2**level), -(-width // 2**level)) for level in (3, 2, 1, 0)]
        wide, middle = 4 * channels, 2 * channels
        first = self.sides[0][0] * self.sides[0][1]
        self.head = nn.Sequential(nn.Linear(11, 128), nn.SiLU(), nn.Linear(128, wide * first))
        self.layers = nn.ModuleList(
            nn.Conv2d(n_in + 2, n_out, 3, padding=1)
            for n_in, n_out in ((wide, middle), (middle, middle), (middle, channels))
        )
        self.last = nn.Conv2d(channels, 1, 3, padding=1)

    def condition(self, z: Tensor) -> Tensor:
        """Return the conditions ``(batch, 3)`` of latents."""
        place: Tensor = torch.special.ndtr(z)
        return self.low + (self.high - self.low) * place

    def latent(self, conditions: Tensor, *, edge: float = 1e-4) -> Tensor:
        """Return the latents of conditions ``(batch, 3)``; of the nearest within the ranges."""
        place = (conditions - self.low) / (self.high - self.low)
        latent: Tensor = torch.special.ndtri(place.clamp(edge, 1 - edge))
        return latent

    def logits(self, conditions: Tensor) -> Tensor:
        """Return logits ``(batch, height, width)`` of the densities for conditions ``(batch, 3)``."""
        place = 2 * (conditions - self.low) / (self.high - self.low) - 1
        load = place[:, 2:]
        waves = math.pi * load * torch.arange(1, 5).to(load)
        features = torch.cat([place, waves.sin(), waves.cos()], 1)
        x = self.head(features).unflatten(1, (-1, *self.sides[0]))
        for layer, (height, width) in zip(self.layers, self.sides[1:], strict=True):
            x = functional.interpolate(x, size=(height, width), mode="bilinear")
            down = torch.linspace(-1, 1, height).to(x)[None, :, None]
            across = torch.linspace(-1, 1, width).to(x)[None, None] - load[:, :, None]
            places = torch.stack(
                [down.expand(len(x), height, width), across.expand(len(x), height, width)], 1
            )
            x = functional.silu(layer(torch.cat([x, places], 1)))
        out: Tensor = self.last(x)[:, 0]
        return out

    def forward(self, z: Tensor) -> Tensor:
        """Generate densities before the filter ``(batch, 1, height, width)``."""
        conditions = self.condition(z)
        return with_volume(self.logits(conditions), conditions[:, 0])[:, None]

    def nearest(self, conditions: Tensor) -> Tensor:
        """Return the kept designs ``(batch, height, width)`` whose conditions are nearest to these.

        By distances in parts of the ranges.

        Raises
        ------
        InputError
            No designs were kept.
        """
        if not len(self.known):
            raise InputError("this generator keeps no designs; train one with n_known > 0")
        size = self.high - self.low
        rows = torch.cdist(conditions / size, self.conditions / size).argmin(1)
        return self.known[rows].to(conditions) / 255
