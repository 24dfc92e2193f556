"""A generator of stationary images of any size: a map of latents through convolutions without padding."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn

from sciadv.nets.sizes import ImageShape, feature_maps
from sciadv.nets.spatial.latent_map import (
    LatentMap,
    convolution,
    cut,
    doubling,
    same_weights,
    sides_of,
)
from sciadv.registry.checked import checked
from sciadv.types import Count, Shape


@final
class SpatialDecoder(nn.Module):
    """A latent map to an image in [0, 1]: convolutions and doublings of the resolution, none of them padded.

    Every pixel is the same function of the latents around it, so that images are stationary (under shifts by
    ``2^halvings`` pixels), of any size, and tiles of one latent map fit together without seams.

    Parameters
    ----------
    image_shape
        (channels, *sides), one to three sides.
    maps
        Latent numbers a place.
    channels
        Feature maps at half resolution; twice as many after each further halving, up to four times.
    halvings
        Doublings of the resolution from the latent map to the image.
    n_latent
        Numbers of the latent map, which follows from the size; a file states it.

    Raises
    ------
    InputError
        `n_latent` is another number than follows from the size, or there are no sides or more than three.

    References
    ----------
    N. Jetchev, U. Bergmann, R. Vollgraf, Texture synthesis with spatial generative adversarial networks,
    2016 (arXiv 1611.08207); E. Laloy, R. Herault, D. Jacques, N. Linde, Training-image based geostatistical
    inversion using a spatial generative adversarial neural network, Water Resources Research 54 (2018).

    Examples
    --------
    >>> import torch
    >>> net = SpatialDecoder(image_shape=(1, 16, 16), channels=2, maps=2)
    >>> wide = net.at_size((1, 16, 40))
    >>> wide(torch.zeros(1, wide.settings["n_latent"])).shape
    torch.Size([1, 1, 16, 40])
    """

    kind = "spatial-decoder"

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
        lost = lost_pixels(halvings)
        margin = -(-lost // 2**halvings)
        self.first_pixel = 2**halvings * margin - lost
        self.map = LatentMap(maps, tuple(image_shape), halvings, margin)
        self.settings = {
            "image_shape": list(image_shape),
            "maps": maps,
            "channels": channels,
            "halvings": halvings,
            "n_latent": self.map.require(n_latent),
        }
        deepest = feature_maps(channels, halvings)
        layers: list[nn.Module] = [
            nn.Unflatten(1, self.map.shape),
            convolution(n_sides, maps, deepest, kernel=3),
            nn.SiLU(),
            convolution(n_sides, deepest, deepest, kernel=3),
            nn.SiLU(),
        ]
        for level in range(halvings, 1, -1):
            n_in, n_out = feature_maps(channels, level), feature_maps(channels, level - 1)
            layers += [doubling(n_sides, n_in, n_out), nn.SiLU()]
            layers += [convolution(n_sides, n_out, n_out, kernel=3), nn.SiLU()]
        self.body = nn.Sequential(*layers, doubling(n_sides, channels, image_shape[0]))

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid, of flat latents ``(batch, n_latent)``."""
        out: Tensor = self.body(z.flatten(1))
        return out[cut(self.map.image_shape[1:], self.first_pixel)]

    def forward(self, z: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(z).sigmoid()

    def at_size(self, image_shape: Shape) -> SpatialDecoder:
        """Return the generator for images of another size, with the same weights."""
        settings = {**self.settings, "image_shape": tuple(image_shape), "n_latent": None}
        other = SpatialDecoder(**settings)  # type: ignore[arg-type]  # what it was made with
        same_weights(self, other)
        return other


def lost_pixels(halvings: int) -> int:
    """Return how many pixels of a border convolutions without padding leave out, on each side.

    Two convolutions of width 3 on the map, then doublings, after each but the last a convolution of width 3:
    a doubling turns a loss of n pixels into ``2 n + 1``.

    Examples
    --------
    >>> lost_pixels(3)
    29
    """
    lost = 2
    for level in range(halvings, 0, -1):
        lost = 2 * lost + 1 + (level > 1)
    return lost
