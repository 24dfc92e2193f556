"""A style-type generator: a mapping network, modulated convolutions, noise, and images added over scales."""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.nets.sizes import MNIST, ImageShape, cropped, feature_maps, halved, keeps_settings, layers_of
from sciadv.nets.style.modulated import ModulatedConvolution
from sciadv.registry.checked import checked
from sciadv.types import Count, Share


@final
class StyleGenerator(nn.Module):
    """Latents to images in [0, 1]: styles w of each layer from z, then modulated convolutions.

    ``w = mapping(z)`` has a row for each layer; ``synthesis(w)`` begins at a learnt constant, has two
    convolutions a resolution, and adds up the images of all resolutions. A search in w or in w+ (rows of
    their own) is ``Prior.from_module(generator, space="w+")``, which also has the truncation.

    Parameters
    ----------
    n_latent
        Length of the latent z.
    image_shape
        (channels, *sides) with one to three sides of any length: the result is cropped to them.
    channels
        Feature maps at full resolution; twice as many after each halving below the first, up to four times.
    halvings
        Doublings of the resolution, >= 1.
    n_style
        Length of w.
    depth
        Layers of the mapping network.
    mixing
        Part of a batch, in training, whose styles from a random layer on are those of another sample, so
        that the layers' styles do not rely on each other. 0 for a decoder that is trained with an encoder.
    has_noise
        Whether noise is added after each convolution: drawn anew in training, fixed in evaluation.

    Notes
    -----
    The latent is not divided by its length, as it is in the reference: a search weighs a latent by its
    length. Doubling repeats pixels. Weights are drawn as torch does; the reference's equalised rates are
    left out.

    References
    ----------
    T. Karras, S. Laine, T. Aila, A style-based generator architecture for generative adversarial networks,
    CVPR 2019 (mapping, mixing, noise); T. Karras et al., Analyzing and improving the image quality of
    StyleGAN, CVPR 2020, Fig. 2 and 7 (modulation, images of all resolutions).

    Examples
    --------
    >>> import torch
    >>> from sciadv.prior import Prior
    >>> G = StyleGenerator(n_latent=4, image_shape=(3, 10, 8), channels=4, n_style=6).eval()
    >>> G(torch.zeros(2, 4)).shape, G.mapping(torch.zeros(2, 4)).shape
    (torch.Size([2, 3, 10, 8]), torch.Size([2, 5, 6]))
    >>> Prior.from_module(G, space="w+", n_draws=100).n_latent
    30
    """

    kind = "style-generator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(  # noqa: PLR0913  # what a network is made of
        self,
        *,
        n_latent: Count,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
        n_style: Count = 64,
        depth: Count = 2,
        mixing: Share = 0.0,
        has_noise: bool = True,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.mapping = MappingNetwork(n_latent, n_style, depth=depth, n_layers=2 * halvings + 1)
        self.synthesis = SynthesisNetwork(
            image_shape,
            [feature_maps(channels, level) for level in range(halvings, 0, -1)] + [channels],
            n_style=n_style,
            has_noise=has_noise,
        )
        self.mixing = mixing

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid."""
        w: Tensor = self.mapping(z)
        if self.training and self.mixing:
            w = mixed(w, self.mixing)
        return self.synthesis.logits(w)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images from latents ``(batch, n_latent)``."""
        return self.logits(z).sigmoid()


@final
class MappingNetwork(nn.Module):
    """Latents ``(batch, n_latent)`` to the styles of all layers ``(batch, n_layers, n_style)``, all alike."""

    def __init__(self, n_latent: int, n_style: int, *, depth: int, n_layers: int) -> None:
        super().__init__()
        widths = [n_latent] + [n_style] * depth
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])
        self.n_layers = n_layers

    def forward(self, z: Tensor) -> Tensor:
        """Return the styles."""
        w: Tensor = self.layers(z)
        return w[:, None].expand(-1, self.n_layers, -1)


@final
class SynthesisNetwork(nn.Module):
    """Styles ``(batch, n_layers, n_style)`` to images in [0, 1].

    Parameters
    ----------
    image_shape
        (channels, *sides).
    widths
        Feature maps of each resolution, the coarsest first; each has twice the sides of the one before.
    n_style
        Length of a style.
    has_noise
        Whether noise is added after each convolution.
    """

    def __init__(self, image_shape: ImageShape, widths: list[int], *, n_style: int, has_noise: bool) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.has_noise = has_noise
        kinds = layers_of(image_shape)
        sides = halved(image_shape, len(widths) - 1)
        self.constant = nn.Parameter(torch.randn(1, widths[0], *sides))
        ins = [widths[0]]
        outs = [widths[0]]
        for before, after in pairwise(widths):
            ins += [before, after]
            outs += [after, after]
        self.convolutions = nn.ModuleList(
            ModulatedConvolution(kinds, n_in, n, n_style=n_style) for n_in, n in zip(ins, outs, strict=True)
        )
        self.images = nn.ModuleList(
            ModulatedConvolution(kinds, n, image_shape[0], n_style=n_style, size=1, is_last=True)
            for n in widths
        )
        for number in range(len(ins)):
            scale = 2 ** ((number + 1) // 2)
            noise = torch.randn(1, 1, *(scale * side for side in sides))
            self.register_buffer(f"noise_{number}", noise if has_noise else None)

    def logits(self, w: Tensor) -> Tensor:
        """Return the images before the sigmoid."""
        x = self._convolved(self.constant.expand(len(w), *self.constant.shape[1:]), w, 0)
        image: Tensor = self.images[0](x, w[:, 0])
        for level in range(1, len(self.images)):
            x = functional.interpolate(x, scale_factor=2)
            for number in (2 * level - 1, 2 * level):
                x = self._convolved(x, w, number)
            image = functional.interpolate(image, scale_factor=2) + self.images[level](x, w[:, 2 * level])
        return cropped(image, self.image_shape)

    def _convolved(self, x: Tensor, w: Tensor, number: int) -> Tensor:
        noise: Tensor | None = None
        if self.has_noise:
            fixed: Tensor = getattr(self, f"noise_{number}")
            noise = torch.randn_like(x[:, :1]) if self.training else fixed
        y: Tensor = self.convolutions[number](x, w[:, number], noise)
        return y

    def forward(self, w: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(w).sigmoid()


def mixed(w: Tensor, share: float) -> Tensor:
    """Return styles of which a part has, from a random layer on, those of the batch's next sample.

    Parameters
    ----------
    w
        Styles ``(batch, n_layers, n_style)``.
    share
        Part of the batch.
    """
    batch, n_layers, _ = w.shape
    first = torch.randint(1, n_layers, (batch, 1, 1), device=w.device)
    first = first.masked_fill(torch.rand(batch, 1, 1, device=w.device) >= share, n_layers)
    is_other = torch.arange(n_layers, device=w.device)[None, :, None] >= first
    return torch.where(is_other, w.roll(1, 0), w)
