"""Progressive growing: generator and discriminator begin at a coarse resolution and grow together."""

from __future__ import annotations

import math
from math import prod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.arguments.values import as_number
from sciadv.errors import InputError
from sciadv.nets.sizes import MNIST, ImageShape, cropped, feature_maps, halved, keeps_settings, layers_of
from sciadv.registry.checked import checked
from sciadv.types import Count


class _Growing(nn.Module):
    """What both have: how far they have grown.

    `progress` is the finest resolution in use, counted from 0, the coarsest; between two whole numbers the
    finer one is faded in. A copy of the network, its moving average too, has its progress.
    """

    progress: Tensor

    def __init__(self, image_shape: ImageShape, halvings: int) -> None:
        super().__init__()
        self.image_shape, self.halvings = tuple(image_shape), halvings
        self.register_buffer("progress", torch.zeros(()))

    def grow_to(self, progress: float) -> None:
        """Use resolutions up to this one; an `InputError` says where it is outside of 0 to `halvings`."""
        self.progress.fill_(as_number(progress, "progress", least=0, most=self.halvings))

    def _finest(self) -> tuple[int, float]:
        """Return the finest resolution in use, and the weight of what it adds."""
        progress = float(self.progress)
        level = math.ceil(progress)
        return level, 1 - (level - progress)


@final
class GrowingGenerator(_Growing):
    """Latents to images in [0, 1] at the resolution that it has grown to, repeated to the whole size.

    Parameters
    ----------
    n_latent
        Length of the latent.
    image_shape
        (channels, *sides) with one to three sides of any length: the result is cropped to them.
    channels
        Feature maps at full resolution; twice as many after each halving below the first, up to four times.
    halvings
        Doublings of the resolution, >= 1.

    References
    ----------
    T. Karras, T. Aila, S. Laine, J. Lehtinen, Progressive growing of GANs for improved quality, stability,
    and variation, ICLR 2018, section 2 and Fig. 2. Equalised rates and normalised pixels are left out.

    Examples
    --------
    >>> G = GrowingGenerator(n_latent=4, image_shape=(1, 8, 8), channels=4, halvings=2)
    >>> x = G(torch.zeros(1, 4))
    >>> x.shape, bool((x[0, 0, :4, :4] == x[0, 0, 0, 0]).all())
    (torch.Size([1, 1, 8, 8]), True)
    >>> G.grow_to(1.5)
    """

    kind = "growing-generator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self, *, n_latent: Count, image_shape: ImageShape = MNIST, channels: Count = 32, halvings: Count = 2
    ) -> None:
        super().__init__(image_shape, halvings)
        kinds = layers_of(image_shape)
        sides = halved(image_shape, halvings)
        widths = [feature_maps(channels, level) for level in range(halvings, 0, -1)] + [channels]
        first = nn.Linear(n_latent, widths[0] * prod(sides)), nn.Unflatten(1, (widths[0], *sides))
        ins = [widths[0], *widths[:-1]]
        self.first = nn.Sequential(*first, nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(
            nn.Sequential(kinds.convolution(a, b, 3, 1, 1), nn.LeakyReLU(0.2))
            for a, b in zip(ins, widths, strict=True)
        )
        self.images = nn.ModuleList(kinds.convolution(width, image_shape[0], 1) for width in widths)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images from latents ``(batch, n_latent)``."""
        level, share = self._finest()
        x = self.blocks[0](self.first(z))
        image = self.images[0](x)
        for k in range(1, level + 1):
            x = self.blocks[k](functional.interpolate(x, scale_factor=2))
            coarse = functional.interpolate(image, scale_factor=2)
            weight = share if k == level else 1.0
            image = self.images[k](x) * weight + coarse * (1 - weight)
        scale = 2 ** (self.halvings - level)
        return cropped(functional.interpolate(image.sigmoid(), scale_factor=scale), self.image_shape)


@final
class GrowingDiscriminator(_Growing):
    """One logit per image, which is averaged down to the resolution that it has grown to.

    Parameters
    ----------
    image_shape
        (channels, *sides) with one to three sides, each a multiple of ``2^halvings``.
    channels, halvings
        As of `GrowingGenerator`.

    Raises
    ------
    InputError
        The sides cannot be halved so often.
    """

    kind = "growing-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(self, *, image_shape: ImageShape = MNIST, channels: Count = 32, halvings: Count = 2) -> None:
        super().__init__(image_shape, halvings)
        if any(side % 2**halvings for side in image_shape[1:]):
            raise InputError(
                f"sides must be multiples of {2**halvings} to be halved {halvings} times, but image_shape is "
                f"{tuple(image_shape)}"
            )
        kinds = layers_of(image_shape)
        widths = [feature_maps(channels, level) for level in range(halvings, 0, -1)] + [channels]
        outs = [widths[0], *widths[:-1]]
        self.features = nn.ModuleList(kinds.convolution(image_shape[0], width, 1) for width in widths)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LeakyReLU(0.2), kinds.convolution(a, b, 3, 1, 1))
            for a, b in zip(widths, outs, strict=True)
        )
        self.halve = kinds.halving(2)
        n_features = widths[0] * prod(halved(image_shape, halvings))
        self.last = nn.Sequential(nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(n_features, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(batch,)`` of images."""
        level, share = self._finest()
        for _ in range(self.halvings - level):
            x = self.halve(x)
        y = self.features[level](x)
        for k in range(level, 0, -1):
            y = self.halve(self.blocks[k](y))
            if k == level and share < 1:
                y = y * share + self.features[k - 1](self.halve(x)) * (1 - share)
        logits: Tensor = self.last(self.blocks[0](y))[:, 0]
        return logits
