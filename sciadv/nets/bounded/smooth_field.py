"""Two-phase images from a few waves, nothing learned: the generator of a search where none was trained."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError


@final
class SmoothField(nn.Module):
    """Latents to images in [0, 1]: a sigmoid of a sum of plane waves with random coefficients.

    ``x = sigmoid(sharpness (sum_k z_k w_k + spread z_0))`` with cosines and sines w_k of up to `n_waves`
    periods a side, of unit variance together; the first latent shifts the amount of the second phase. Images
    are periodic, or else of half waves whose edges are free.

    Parameters
    ----------
    height, width
        Pixels.
    n_waves
        Most periods a side (half periods where not periodic): the finest features.
    is_periodic
        Whether opposite edges continue each other.
    sharpness
        Of the change between the phases.
    spread
        Standard deviation of the shift.
    """

    kind = "smooth-field"

    waves: Tensor

    def __init__(
        self,
        height: int = 64,
        width: int = 64,
        *,
        n_waves: int = 4,
        is_periodic: bool = True,
        sharpness: float = 8.0,
        spread: float = 0.5,
    ) -> None:
        super().__init__()
        if min(height, width) < 2 * n_waves or n_waves < 1:
            raise InputError(
                f"n_waves must be from 1 to half the pixels of a side, but it is {n_waves} for {height} x "
                f"{width} pixels"
            )
        self.settings = {
            "height": height,
            "width": width,
            "n_waves": n_waves,
            "is_periodic": is_periodic,
            "sharpness": sharpness,
            "spread": spread,
        }
        self.sharpness = sharpness
        self.spread = spread
        make = _plane_waves if is_periodic else _cosines
        waves = make(height, width, n_waves)
        self.register_buffer("waves", (waves / len(waves) ** 0.5).float(), persistent=False)
        self.n_latent = 1 + len(waves)

    def forward(self, z: Tensor) -> Tensor:
        """Return images ``(batch, 1, height, width)`` of latents ``(batch, latent)``."""
        field = torch.einsum("bk,khw->bhw", z[:, 1:], self.waves.to(z)) + self.spread * z[:, :1, None]
        return torch.sigmoid(self.sharpness * field)[:, None]


def _plane_waves(height: int, width: int, n_waves: int) -> Tensor:
    """Return cosines and sines of unit mean square with at most `n_waves` periods, one of each pair."""
    pairs = [
        (down, right)
        for down in range(-n_waves, n_waves + 1)
        for right in range(n_waves + 1)
        if (right > 0 or down > 0) and down**2 + right**2 <= n_waves**2
    ]
    y = torch.arange(height, dtype=torch.float64)[:, None] / height
    x = torch.arange(width, dtype=torch.float64)[None] / width
    angles = [2 * math.pi * (down * y + right * x) for down, right in pairs]
    return math.sqrt(2) * torch.stack([part for a in angles for part in (a.cos(), a.sin())])


def _cosines(height: int, width: int, n_waves: int) -> Tensor:
    """Return products of cosines of unit mean square with at most `n_waves` half periods a side."""
    y = math.pi * (torch.arange(height, dtype=torch.float64)[:, None] + 0.5) / height
    x = math.pi * (torch.arange(width, dtype=torch.float64)[None] + 0.5) / width
    pairs = [(down, right) for down in range(n_waves + 1) for right in range(n_waves + 1)][1:]
    waves = torch.stack([(down * y).cos() * (right * x).cos() for down, right in pairs])
    return waves / waves.square().mean((1, 2), keepdim=True).sqrt()
