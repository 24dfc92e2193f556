"""Plain residual convolutional networks: generator and discriminator, with classes where there are any.

No grouped convolutions, which are several times slower on a CPU, and no normalisation that mixes samples.
"""

from __future__ import annotations

from math import prod
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.errors import InputError
from sciadv.nets.dcgan import Minibatch, batch_statistic
from sciadv.nets.layers import SelfAttention, spectrally_normalised
from sciadv.nets.sizes import (
    MNIST,
    ImageShape,
    Layers,
    cropped,
    feature_maps,
    halved,
    keeps_settings,
    layers_of,
)
from sciadv.registry.checked import checked
from sciadv.types import Classes, Count, Positive, Whole


@final
class ResidualBlock(nn.Module):
    """``skip(x) + w conv(act(conv(act(x))))``, w a weight, after doubling or before halving the sides.

    L. Mescheder, A. Geiger, S. Nowozin, Which training methods for GANs do actually converge?, ICML 2018,
    appendix; K. He et al., Identity mappings in deep residual networks, ECCV 2016.
    """

    def __init__(self, kinds: Layers, n_in: int, n_out: int, scale: float, *, weight: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = weight
        self.first = kinds.convolution(n_in, n_out, 3, 1, 1)
        self.second = kinds.convolution(n_out, n_out, 3, 1, 1)
        self.skip = nn.Identity() if n_in == n_out else kinds.convolution(n_in, n_out, 1, bias=False)
        self.halve = kinds.halving(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(batch, n_out, *sides)``, the sides times the scale."""
        if self.scale > 1:
            x = functional.interpolate(x, scale_factor=self.scale)
        dx = self.first(functional.leaky_relu(x, 0.2))
        dx = self.second(functional.leaky_relu(dx, 0.2))
        out: Tensor = self.skip(x) + self.weight * dx
        return self.halve(out) if self.scale < 1 else out


@final
class ResidualGenerator(nn.Module):
    """Latents to images in [0, 1]: a linear layer, then residual blocks that double the resolution.

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
    n_classes
        Classes of a conditional generator, whose embedding is joined to the latent; 0 for none.
    label
        The class it always generates when no labels are given; for a prior of one class.
    residual_weight
        Weight of a block's residual; with a small one a deep network begins near a linear one.
    attention
        Whether places of an image see each other, at twice the coarsest resolution (`SelfAttention`).

    Raises
    ------
    InputError
        `label` is no class.
    """

    kind = "residual-generator"

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
        n_classes: Classes = 0,
        label: Whole | None = None,
        residual_weight: Positive = 0.1,
        attention: bool = False,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.n_classes = n_classes
        self.label = label
        if label is not None:
            self._check_label(label)
        self.embedding = nn.Embedding(n_classes, n_latent) if n_classes else None
        kinds = layers_of(image_shape)
        sides = halved(image_shape, halvings)
        deepest = feature_maps(channels, halvings)
        blocks: list[nn.Module] = [
            ResidualBlock(
                kinds,
                feature_maps(channels, level),
                feature_maps(channels, max(level - 1, 1)),
                2,
                weight=residual_weight,
            )
            for level in range(halvings, 0, -1)
        ]
        if attention:
            blocks.insert(1, SelfAttention(kinds, feature_maps(channels, max(halvings - 1, 1))))
        self.first = nn.Sequential(
            nn.Linear(2 * n_latent if n_classes else n_latent, deepest * prod(sides)),
            nn.Unflatten(1, (deepest, *sides)),
        )
        last = kinds.convolution(channels, image_shape[0], 3, 1, 1)
        self.body = nn.Sequential(*blocks, nn.LeakyReLU(0.2), last)

    def _check_label(self, label: int) -> None:
        if not 0 <= label < self.n_classes:
            raise InputError(f"label is a class from 0 to {self.n_classes - 1}, but is {label}")

    def of_class(self, label: int) -> None:
        """Generate this class from now on when no labels are given.

        Raises
        ------
        InputError
            It is no class.
        """
        self._check_label(label)
        self.label = label
        self.settings = {**self.settings, "label": label}

    def logits(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the image before the sigmoid."""
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(self._labels(z, labels))], 1)
        return cropped(self.body(self.first(z)), self.image_shape)

    def _labels(self, z: Tensor, labels: Tensor | None) -> Tensor:
        if labels is not None:
            return labels
        if self.label is None:
            raise InputError(f"a generator of {self.n_classes} classes needs labels (batch,)")
        return torch.full((len(z),), self.label, device=z.device)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Generate images from latents ``(batch, n_latent)``, of the classes ``(batch,)``."""
        return self.logits(z, labels).sigmoid()


@final
class ResidualDiscriminator(nn.Module):
    """One logit per image by residual blocks; with classes, the projection discriminator.

    With classes the logit is ``w . h(x) + e_y . h(x)``, e_y a learnt vector of the class.

    Parameters
    ----------
    image_shape
        (channels, *sides) with one to three sides of any length: a halving leaves out a last odd value.
    channels
        Feature maps at full resolution; twice as many after each halving below the first, up to four times.
    halvings
        Halvings of the resolution, >= 1.
    n_classes
        Classes of a conditional discriminator; 0 for none.
    spectral_norm
        Whether each layer's spectral norm is held at one.
    minibatch
        What the last layer sees of the batch: "stddev", "discrimination", or None.
    residual_weight
        Weight of a block's residual; with a small one a deep network begins near a linear one.
    attention
        Whether places of an image see each other, at twice the coarsest resolution (`SelfAttention`).

    Raises
    ------
    InputError
        The images cannot be halved so often.
    UnknownNameError
        There is no such minibatch statistic.

    References
    ----------
    T. Miyato, M. Koyama, cGANs with projection discriminator, ICLR 2018, Eq. 4.
    """

    kind = "residual-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(  # noqa: PLR0913  # what a network is made of
        self,
        *,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
        n_classes: Classes = 0,
        spectral_norm: bool = False,
        minibatch: Minibatch | None = None,
        residual_weight: Positive = 0.1,
        attention: bool = False,
    ) -> None:
        super().__init__()
        kinds = layers_of(image_shape)
        sides = tuple(side // 2**halvings for side in image_shape[1:])
        deepest = feature_maps(channels, halvings)
        blocks: list[nn.Module] = [
            ResidualBlock(
                kinds,
                feature_maps(channels, max(level - 1, 1)),
                feature_maps(channels, level),
                0.5,
                weight=residual_weight,
            )
            for level in range(1, halvings + 1)
        ]
        if attention:
            blocks.insert(-1, SelfAttention(kinds, feature_maps(channels, max(halvings - 1, 1))))
        statistic, n_features = batch_statistic(minibatch, deepest, sides)
        self.body = nn.Sequential(
            kinds.convolution(image_shape[0], channels, 3, 1, 1), *blocks, nn.LeakyReLU(0.2), *statistic
        )
        self.last = nn.Linear(n_features, 1)
        self.embedding = nn.Embedding(n_classes, n_features) if n_classes else None
        if self.embedding is not None:
            nn.init.zeros_(self.embedding.weight)
        if spectral_norm:
            spectrally_normalised(self)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Score images, of the classes ``(batch,)``; larger is more real."""
        h = self.body(x)
        score: Tensor = self.last(h).squeeze(1)
        if self.embedding is None:
            return score
        if labels is None:
            raise InputError(
                f"a discriminator of {self.embedding.num_embeddings} classes needs labels (batch,)"
            )
        projected: Tensor = (self.embedding(labels) * h).sum(1)
        return score + projected
