"""Multilayer perceptrons: the decoder and encoder of the CSGM paper and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

from sciadv.nets.sizes import MNIST, ImageShape, keeps_settings
from sciadv.registry.checked import checked
from sciadv.types import Count


def _hidden_layers(sizes: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.Softplus()]
    return nn.Sequential(*layers)


class MLPDecoder(nn.Module):
    """Latents to images in [0, 1]: ``x = sigmoid(W h(z))`` with softplus hidden layers.

    The default is the generator of Bora, Jalal, Price and Dimakis, Compressed Sensing using Generative
    Models, ICML 2017, section 6.1 (20-500-500-784).
    """

    kind = "mlp-decoder"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self, *, n_latent: Count, image_shape: ImageShape = MNIST, hidden: Sequence[Count] = (500, 500)
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.hidden = _hidden_layers([n_latent, *hidden])
        self.last = nn.Linear(hidden[-1], prod(image_shape))

    def logits(self, z: Tensor) -> Tensor:
        """Return the image before the sigmoid."""
        out: Tensor = self.last(self.hidden(z))
        return out.reshape(-1, *self.image_shape)

    def forward(self, z: Tensor) -> Tensor:
        """Generate images."""
        return self.logits(z).sigmoid()


class MLPEncoder(nn.Module):
    """Gaussian ``q(z | x)`` with softplus hidden layers; `forward` gives its mean ``(batch, n_latent)``."""

    kind = "mlp-encoder"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(
        self, *, n_latent: Count = 20, image_shape: ImageShape = MNIST, hidden: Sequence[Count] = (500, 500)
    ) -> None:
        super().__init__()
        self.hidden = _hidden_layers([prod(image_shape), *hidden])
        self.last = nn.Linear(hidden[-1], 2 * n_latent)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of ``q(z | x)``, ``(batch, n_latent)`` each."""
        mean, log_variance = torch.chunk(self.last(self.hidden(x.flatten(1))), 2, dim=1)
        return mean, log_variance

    def forward(self, x: Tensor) -> Tensor:
        """Return the mean latent."""
        return self.posterior(x)[0]
