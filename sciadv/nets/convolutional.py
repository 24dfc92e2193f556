"""Convolutional networks for signals, images and volumes of any size.

Decoder, encoder, discriminator, classifier. All halve (or double) the resolution twice, or as often as
asked, and have no normalisation layers, so that one sample's output never depends on another's and
double backward stays cheap.
"""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.sizes import MNIST, ImageShape, cropped, feature_maps, halved, keeps_settings, layers_of
from sciadv.registry.checked import checked
from sciadv.types import Classes, Count


class ConvDecoder(nn.Module):
    """Latents to images in [0, 1]: two linear layers, two transposed convolutions, one plain between them.

    Parameters
    ----------
    n_latent
        Length of the latent.
    image_shape
        (channels, *sides) with one to three sides of any length: the result is cropped to them.
    channels
        Feature maps at half resolution; twice as many at a quarter, four times as many below.
    halvings
        How often the first feature maps' resolution is doubled to give the image's.
    """

    kind = "conv-decoder"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self, *, n_latent: Count, image_shape: ImageShape = MNIST, channels: Count = 32, halvings: Count = 2
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        kinds = layers_of(image_shape)
        sides = halved(image_shape, halvings)
        deepest = feature_maps(channels, halvings)
        layers = [
            nn.Linear(n_latent, 256),
            nn.SiLU(),
            nn.Linear(256, deepest * prod(sides)),
            nn.SiLU(),
            nn.Unflatten(1, (deepest, *sides)),
        ]
        for level in range(halvings, 1, -1):
            n_in = feature_maps(channels, level)
            layers += [kinds.transposed(n_in, feature_maps(channels, level - 1), 4, 2, 1), nn.SiLU()]
        self.body = nn.Sequential(
            *layers,
            kinds.convolution(channels, channels, 3, 1, 1),
            nn.SiLU(),
            kinds.transposed(channels, image_shape[0], 4, 2, 1),
        )

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid."""
        return cropped(self.body(z), self.image_shape)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(z).sigmoid()


def _downward(image_shape: ImageShape, channels: int, halvings: Count = 2) -> tuple[nn.Sequential, int]:
    """Return the convolutions that encoder, discriminator and classifier share, and how many features."""
    kinds = layers_of(image_shape)
    if min(image_shape[1:]) < 2**halvings:
        raise InputError(
            f"sides {tuple(image_shape[1:])} cannot be halved {halvings} times; give less halvings"
        )
    layers: list[nn.Module] = []
    inside = image_shape[0]
    for level in range(1, halvings + 1):
        layers += [kinds.convolution(inside, feature_maps(channels, level), 4, 2, 1), nn.LeakyReLU(0.2)]
        inside = feature_maps(channels, level)
    sides = halved(image_shape, halvings)
    is_even = all(side % 2**halvings == 0 for side in image_shape[1:])
    target = sides[0] if len(sides) == 1 else sides
    layers += [nn.Identity() if is_even else kinds.pooling(target), nn.Flatten()]
    return nn.Sequential(*layers), inside * prod(sides)


class ConvEncoder(nn.Module):
    """Gaussian ``q(z | x)``; `forward` gives its mean ``(batch, n_latent)``."""

    kind = "conv-encoder"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self,
        *,
        n_latent: Count = 20,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
    ) -> None:
        super().__init__()
        self.body, n_features = _downward(image_shape, channels, halvings)
        self.head = nn.Sequential(nn.Linear(n_features, 256), nn.LeakyReLU(0.2), nn.Linear(256, 2 * n_latent))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of ``q(z | x)``, ``(batch, n_latent)`` each."""
        mean, log_variance = torch.chunk(self.head(self.body(x)), 2, dim=1)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean latent."""
        return self.posterior(x)[0]


class ConvDiscriminator(nn.Module):
    """One logit per image, ``(batch, *image_shape) -> (batch,)``; no normalisation."""

    kind = "conv-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(self, *, image_shape: ImageShape = MNIST, channels: Count = 32, halvings: Count = 2) -> None:
        super().__init__()
        self.body, n_features = _downward(image_shape, channels, halvings)
        self.head = nn.Sequential(nn.Linear(n_features, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))

    def features(self, x: Tensor) -> Tensor:
        """Return the last convolution's features, ``(batch, features)``."""
        out: Tensor = self.body(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Score images; larger is more real."""
        score: Tensor = self.head(self.features(x))
        return score.squeeze(1)


class ConvPairDiscriminator(nn.Module):
    """One logit per pair of an image and a latent, rows of numbers ``(batch, pixels + latent)``.

    V. Dumoulin et al., Adversarially learned inference, ICLR 2017; J. Donahue, P. Krähenbühl, T. Darrell,
    Adversarial feature learning, ICLR 2017.
    """

    kind = "conv-pair-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self,
        *,
        n_latent: Count = 20,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.body, n_features = _downward(image_shape, channels, halvings)
        layers = [nn.Linear(n_features + n_latent, 128), nn.LeakyReLU(0.2), nn.Linear(128, 128)]
        self.head = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Linear(128, 1))

    def joined(self, x: Tensor, z: Tensor) -> Tensor:
        """Return images and latents as rows of pairs."""
        return torch.cat([x.flatten(1), z], 1)

    def forward(self, pairs: Tensor) -> Tensor:
        """Score pairs; larger is more like an image with the encoder's latent."""
        n = prod(self.image_shape)
        features = self.body(pairs[:, :n].reshape(-1, *self.image_shape))
        score: Tensor = self.head(torch.cat([features, pairs[:, n:]], 1))
        return score.squeeze(1)


class ConvClassifier(nn.Module):
    """Class logits ``(batch, n_classes)``; `features` gives the 128 numbers before the last layer."""

    kind = "conv-classifier"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self, *, image_shape: ImageShape = MNIST, n_classes: Classes = 10, channels: Count = 32
    ) -> None:
        super().__init__()
        self.body, n_features = _downward(image_shape, channels)
        self.hidden = nn.Sequential(nn.Linear(n_features, 128), nn.ReLU())
        self.last = nn.Linear(128, n_classes)

    def features(self, x: Tensor) -> Tensor:
        """Return ``(batch, 128)`` features for distribution metrics."""
        out: Tensor = self.hidden(self.body(x))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Return class logits."""
        out: Tensor = self.last(self.features(x))
        return out
