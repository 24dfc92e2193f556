"""The encoder of stationary images of any size: an image to the mean and variance of its latent map."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.nets.sizes import ImageShape, feature_maps
from sciadv.nets.spatial.decoder import lost_pixels
from sciadv.nets.spatial.latent_map import LatentMap, convolution, same_weights, sides_of
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


@final
class SpatialEncoder(nn.Module):
    """Gaussian ``q(z | x)`` of the latent map of a `SpatialDecoder`; `forward` gives its flat mean.

    What lies beyond the image is 0 and marked by a channel of its own, so that latents of the margin fall
    back to their distribution.

    Parameters
    ----------
    image_shape, maps, channels, halvings
        As of `sciadv.nets.spatial.decoder.SpatialDecoder`.
    n_latent
        Numbers of the latent map, which follows from the size.

    Raises
    ------
    InputError
        `n_latent` is another number than follows from the size, or there are no sides or more than three.
    """

    kind = "spatial-encoder"

    settings: dict[str, object]

    @checked
    def __init__(
        self,
        *,
        image_shape: ImageShape,
        maps: Count = 6,
        channels: Count = 24,
        halvings: Count = 3,
        n_latent: Count | None = None,
    ) -> None:
        super().__init__()
        n_sides = sides_of(image_shape)
        margin = -(-lost_pixels(halvings) // 2**halvings)
        self.map = LatentMap(maps, tuple(image_shape), halvings, margin)
        self.settings = {
            "image_shape": list(image_shape),
            "maps": maps,
            "channels": channels,
            "halvings": halvings,
            "n_latent": self.map.require(n_latent),
        }
        layers: list[nn.Module] = []
        n_in = image_shape[0] + 1
        for level in range(1, halvings + 1):
            n_out = feature_maps(channels, level)
            layers += [convolution(n_sides, n_in, n_out, kernel=4, stride=2, padding=1), nn.SiLU()]
            n_in = n_out
        self.down = nn.Sequential(*layers)
        self.head = nn.Sequential(
            convolution(n_sides, n_in + 1, n_in, kernel=3, padding=1),
            nn.SiLU(),
            convolution(n_sides, n_in, n_in, kernel=3, padding=1),
            nn.SiLU(),
            convolution(n_sides, n_in, 2 * maps, kernel=1),
        )

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of ``q(z | x)``, flat, ``(batch, n_latent)`` each."""
        step = 2**self.map.halvings
        up = [n for side in reversed(x.shape[2:]) for n in (0, -side % step)]
        marked = functional.pad(_with_mark(x), up)
        margins = [self.map.margin] * (2 * (x.ndim - 2))
        out = self.head(functional.pad(_with_mark(self.down(marked)), margins))
        mean, log_variance = torch.chunk(out, 2, dim=1)
        return mean.flatten(1), log_variance.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean latent."""
        return self.posterior(x)[0]

    def at_size(self, image_shape: Shape) -> SpatialEncoder:
        """Return the encoder for images of another size, with the same weights."""
        settings = {**self.settings, "image_shape": tuple(image_shape), "n_latent": None}
        other = SpatialEncoder(**settings)  # type: ignore[arg-type]  # what it was made with
        same_weights(self, other)
        return other


def _with_mark(x: Tensor) -> Tensor:
    """Append a channel of ones."""
    return torch.cat([x, torch.ones_like(x[:, :1])], 1)
