"""Convolutional networks for images of any size: decoder, encoder, discriminator, classifier.

All have two halvings (or doublings) of the resolution and no normalisation layers, so that one sample's
output never depends on another's and double backward stays cheap.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def _quarter(image_shape: Sequence[int]) -> tuple[int, int]:
    """Height and width after two halvings, rounded up."""
    return -(-image_shape[1] // 4), -(-image_shape[2] // 4)


class ConvDecoder(nn.Module):
    """Latents to images in [0, 1]: two linear layers, two transposed convolutions, one plain between them.

    Parameters
    ----------
    n_latent
        Length of the latent.
    image_shape
        (channels, height, width); any size: the result is cropped to it.
    channels
        Feature maps at half resolution; twice as many at a quarter.
    """

    def __init__(
        self, *, n_latent: int = 20, image_shape: Sequence[int] = (1, 28, 28), channels: int = 32
    ) -> None:
        super().__init__()
        self.settings = {"n_latent": n_latent, "image_shape": list(image_shape), "channels": channels}
        self.image_shape = tuple(image_shape)
        height, width = _quarter(image_shape)
        self.body = nn.Sequential(
            nn.Linear(n_latent, 256),
            nn.SiLU(),
            nn.Linear(256, 2 * channels * height * width),
            nn.SiLU(),
            nn.Unflatten(1, (2 * channels, height, width)),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(channels, image_shape[0], 4, 2, 1),
        )

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid."""
        out: Tensor = self.body(z)
        return out[:, :, : self.image_shape[1], : self.image_shape[2]]

    def forward(self, z: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(z).sigmoid()


def _downward(image_shape: Sequence[int], channels: int) -> tuple[nn.Sequential, int]:
    """Return the convolutions that encoder, discriminator and classifier share, and how many features."""
    height, width = _quarter(image_shape)
    layers = nn.Sequential(
        nn.Conv2d(image_shape[0], channels, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, 2 * channels, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.AdaptiveAvgPool2d((height, width))
        if (image_shape[1] % 4 or image_shape[2] % 4)
        else nn.Identity(),
        nn.Flatten(),
    )
    return layers, 2 * channels * height * width


class ConvEncoder(nn.Module):
    """Gaussian ``q(z | x)``; `forward` gives its mean ``(batch, n_latent)``."""

    def __init__(
        self, *, n_latent: int = 20, image_shape: Sequence[int] = (1, 28, 28), channels: int = 32
    ) -> None:
        super().__init__()
        self.settings = {"n_latent": n_latent, "image_shape": list(image_shape), "channels": channels}
        self.body, n_features = _downward(image_shape, channels)
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

    def __init__(self, *, image_shape: Sequence[int] = (1, 28, 28), channels: int = 32) -> None:
        super().__init__()
        self.settings = {"image_shape": list(image_shape), "channels": channels}
        self.body, n_features = _downward(image_shape, channels)
        self.head = nn.Sequential(nn.Linear(n_features, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Score images; larger is more real."""
        score: Tensor = self.head(self.body(x))
        return score.squeeze(1)


class ConvClassifier(nn.Module):
    """Class logits ``(batch, n_classes)``; `features` gives the 128 numbers before the last layer."""

    def __init__(
        self, *, image_shape: Sequence[int] = (1, 28, 28), n_classes: int = 10, channels: int = 32
    ) -> None:
        super().__init__()
        self.settings = {"image_shape": list(image_shape), "n_classes": n_classes, "channels": channels}
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
