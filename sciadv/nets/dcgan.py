"""DCGAN: strided convolutions, batch normalisation, ReLU and leaky ReLU, for images of any size."""

from __future__ import annotations

from math import prod
from typing import Literal, final, get_args

from torch import Tensor, nn

from sciadv.errors import InputError, UnknownNameError
from sciadv.nets.layers import (
    MinibatchDiscrimination,
    MinibatchStddev,
    VirtualBatchNorm,
    spectrally_normalised,
)
from sciadv.nets.sizes import (
    BATCH_NORMS,
    CONVOLUTIONS,
    MNIST,
    ImageShape,
    cropped,
    feature_maps,
    halved,
    keeps_settings,
    layers_of,
)
from sciadv.registry.checked import checked
from sciadv.types import Count

Norm = Literal["batch", "virtual", "none"]
Minibatch = Literal["stddev", "discrimination"]


def normalisation(norm: str, n_channels: int, image_shape: ImageShape = MNIST) -> list[nn.Module]:
    """Return the normalisation layer of a name for images of a shape, as a list of one or none.

    Raises
    ------
    UnknownNameError
        There is no normalisation of that name.
    """
    if norm == "none":
        return []
    if norm == "batch":
        return [layers_of(image_shape).batch_norm(n_channels)]
    if norm == "virtual":
        return [VirtualBatchNorm(n_channels)]
    raise UnknownNameError("normalisation", norm, get_args(Norm))


@final
class DCGANGenerator(nn.Module):
    """Latents to images in [0, 1]: a linear layer, then transposed convolutions that double the resolution.

    Parameters
    ----------
    n_latent
        Length of the latent.
    image_shape
        (channels, *sides) with one to three sides of any length: the result is cropped to them.
    channels
        Feature maps at half resolution; twice as many after each further halving, up to four times.
    halvings
        Doublings of the resolution, >= 1.
    norm
        Normalisation of all layers but the last: "batch", "virtual" or "none".

    Raises
    ------
    UnknownNameError
        There is no normalisation of that name.

    Notes
    -----
    The last layer is a sigmoid instead of the paper's tanh, since images here are in [0, 1]. In evaluation
    mode batch normalisation uses its running statistics, so a sample does not depend on its batch.

    References
    ----------
    A. Radford, L. Metz, S. Chintala, Unsupervised representation learning with deep convolutional generative
    adversarial networks, ICLR 2016, section 3.
    """

    kind = "dcgan-generator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self,
        *,
        n_latent: Count,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        kinds = layers_of(image_shape)
        sides = halved(image_shape, halvings)
        deepest = feature_maps(channels, halvings)
        layers: list[nn.Module] = [
            nn.Linear(n_latent, deepest * prod(sides)),
            nn.Unflatten(1, (deepest, *sides)),
            *normalisation(norm, deepest, image_shape),
            nn.ReLU(),
        ]
        for level in range(halvings, 1, -1):
            n_in = feature_maps(channels, level)
            n_out = feature_maps(channels, level - 1)
            norms = normalisation(norm, n_out, image_shape)
            layers += [kinds.transposed(n_in, n_out, 4, 2, 1), *norms, nn.ReLU()]
        self.body = nn.Sequential(*layers, kinds.transposed(channels, image_shape[0], 4, 2, 1))
        if norm != "none":
            self.apply(_small_weights)

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid."""
        return cropped(self.body(z), self.image_shape)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(z).sigmoid()


@final
class DCGANDiscriminator(nn.Module):
    """One logit per image: strided convolutions that halve the resolution, then a linear layer.

    Parameters
    ----------
    image_shape
        (channels, *sides) with one to three sides of any length: a halving leaves out a last odd value.
    channels
        Feature maps after the first halving; twice as many after each further one, up to four times.
    halvings
        Halvings of the resolution, >= 1.
    norm
        Normalisation of all layers but the first: "batch", "virtual" or "none".
    spectral_norm
        Whether each layer's spectral norm is held at one (SN-GAN).
    minibatch
        What the last layer sees of the batch besides the sample: "stddev" (`MinibatchStddev`),
        "discrimination" (`MinibatchDiscrimination`), or None.

    Raises
    ------
    InputError
        The images cannot be halved so often.
    UnknownNameError
        There is no normalisation or minibatch statistic of that name.

    References
    ----------
    A. Radford, L. Metz, S. Chintala, Unsupervised representation learning with deep convolutional generative
    adversarial networks, ICLR 2016, section 3.
    """

    kind = "dcgan-discriminator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self,
        *,
        image_shape: ImageShape = MNIST,
        channels: Count = 32,
        halvings: Count = 2,
        norm: Norm = "batch",
        spectral_norm: bool = False,
        minibatch: Minibatch | None = None,
    ) -> None:
        super().__init__()
        kinds = layers_of(image_shape)
        sides = tuple(side // 2**halvings for side in image_shape[1:])
        layers: list[nn.Module] = [kinds.convolution(image_shape[0], channels, 4, 2, 1), nn.LeakyReLU(0.2)]
        for level in range(2, halvings + 1):
            n_in = feature_maps(channels, level - 1)
            n_out = feature_maps(channels, level)
            norms = normalisation(norm, n_out, image_shape)
            layers += [kinds.convolution(n_in, n_out, 4, 2, 1), *norms, nn.LeakyReLU(0.2)]
        statistic, n_features = batch_statistic(minibatch, feature_maps(channels, halvings), sides)
        self.body = nn.Sequential(*layers, *statistic, nn.Linear(n_features, 1))
        if norm != "none":
            self.apply(_small_weights)
        if spectral_norm:
            spectrally_normalised(self)

    def forward(self, x: Tensor) -> Tensor:
        """Score images; larger is more real."""
        score: Tensor = self.body(x)
        return score.squeeze(1)


def batch_statistic(
    minibatch: str | None, channels: int, sides: tuple[int, ...]
) -> tuple[list[nn.Module], int]:
    """Return the layers from feature maps to features with what a discriminator sees of its batch; how many.

    Raises
    ------
    InputError
        Nothing is left of the image.
    UnknownNameError
        There is no minibatch statistic of that name.
    """
    if min(sides) < 1:
        raise InputError("the images cannot be halved so often; give fewer halvings")
    n_features = channels * prod(sides)
    n_kernels = 16
    if minibatch is None:
        return [nn.Flatten()], n_features
    if minibatch == "stddev":
        return [MinibatchStddev(), nn.Flatten()], n_features + prod(sides)
    if minibatch == "discrimination":
        layer = MinibatchDiscrimination(n_features, n_kernels)
        return [nn.Flatten(), layer], n_features + n_kernels
    raise UnknownNameError("minibatch statistic", minibatch, ("stddev", "discrimination"))


def _small_weights(layer: nn.Module) -> None:
    """Draw weights from N(0, 0.02^2), those of a normalisation from N(1, 0.02^2) (section 4).

    Only under normalisation: without it signals would die out from layer to layer.
    """
    if isinstance(layer, CONVOLUTIONS):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, BATCH_NORMS):
        nn.init.normal_(layer.weight, 1.0, 0.02)
