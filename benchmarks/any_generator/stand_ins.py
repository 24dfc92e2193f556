"""Generators as others write them: w+ and noise, labels, many latents with random weights; a public DCGAN."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.nets.seeded import SeededDraws
from sciadv.prior import Prior
from sciadv.types import as_generator

#: The package whose wheel holds a pretrained DCGAN of faces.
PUBLIC_DCGAN = "gan_face_generate"


class StyleNet(nn.Module):
    """A style-based generator: ``forward(styles, noise)`` with one w for each layer, gives (image, None).

    T. Karras, S. Laine, T. Aila, A Style-Based Generator Architecture for Generative Adversarial Networks,
    CVPR 2019, in small.
    """

    def __init__(self, n_style: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.mapping = nn.Sequential(
            nn.Linear(n_style, n_style), nn.LeakyReLU(0.2), nn.Linear(n_style, n_style), nn.LeakyReLU(0.2)
        )
        self.start = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        inside = (channels[0], *channels[:-1])
        pairs = list(zip(inside, channels, strict=True))
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, 1, 1) for a, b in pairs)
        self.styles = nn.ModuleList(nn.Linear(n_style, a) for a, _ in pairs)
        self.rgb = nn.Conv2d(channels[-1], 3, 1)

    def forward(self, styles: list[Tensor], noise: list[Tensor]) -> tuple[Tensor, None]:
        """Generate from one w for each layer."""
        x = self.start.expand(len(styles[0]), -1, -1, -1)
        for i, convolution in enumerate(self.convolutions):
            if i and i % 2 == 0:
                x = functional.interpolate(x, scale_factor=2)
            x = convolution(x * (1 + self.styles[i](styles[i])[:, :, None, None]))
            x = functional.leaky_relu(x + 0.1 * noise[i], 0.2)
            x = x / (x.square().mean((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        return self.rgb(x).tanh(), None


class LabelledNet(nn.Module):
    """``forward(z, labels)`` gives a dict; batch normalisation has no running statistics."""

    def __init__(self, n_latent: int, n_classes: int, channels: int) -> None:
        super().__init__()
        self.table = nn.Embedding(n_classes, 32)
        self.first = nn.Linear(n_latent + 32, 4 * channels * 16)
        self.body = _upward((4 * channels, 2 * channels, channels))
        self.rgb = nn.ConvTranspose2d(channels, 3, 4, 2, 1)

    def forward(self, z: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Generate images of classes."""
        x = self.first(torch.cat([z, self.table(labels)], 1)).reshape(len(z), -1, 4, 4)
        return {"image": self.rgb(self.body(x)).tanh(), "labels": labels}


def _upward(channels: tuple[int, ...]) -> nn.Sequential:
    """Return transposed convolutions that double the sides, each normalised."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(channels):
        layers += [nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(outside, track_running_stats=False), nn.ReLU()]
    return nn.Sequential(*layers)


def _seeded(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    with SeededDraws(as_generator(seed)):
        return make()


def style_w_plus(seed: int) -> Prior:
    """512 latents: w+ of 8 layers with 64 numbers each, given as a list, with fixed noise for each layer."""
    net: Any = _seeded(lambda: StyleNet(64, (64, 64, 64, 64, 48, 48, 32, 32)), seed)
    numbers = as_generator(seed + 1)
    noise = [torch.randn(1, 1, side, side, generator=numbers) for side in (4, 4, 8, 8, 16, 16, 32, 32)]

    def sample(n: int) -> Any:
        with torch.no_grad():
            return [net.mapping(torch.randn(n, 64)) for _ in range(8)], noise

    return Prior.from_module(net, sample, name="style-512")


def labelled(seed: int) -> Prior:
    """512 latents and one of 10 classes, which the starts choose."""
    net = _seeded(lambda: LabelledNet(512, 10, 24), seed)
    return Prior.from_module(net, latent_shape=512, name="labelled-512")


def long_latent(seed: int) -> Prior:
    """1,024 latents into a plain convolutional generator."""

    def make() -> nn.Module:
        first = nn.ConvTranspose2d(1024, 128, 4, 1, 0, bias=False)
        normal = nn.BatchNorm2d(128, track_running_stats=False)
        return nn.Sequential(
            first, normal, nn.ReLU(), *_upward((128, 64, 32)), nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh()
        )

    return Prior.from_module(_seeded(make, seed), latent_shape=(1024, 1, 1), name="dcgan-1024")


def public_dcgan(seed: int) -> Prior | None:  # noqa: ARG001  # its weights are what they are
    """Return the public DCGAN of faces, 64 x 64 RGB, 100 latents; None where its package is not installed."""
    found = find_spec(PUBLIC_DCGAN)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations)))
    spec = spec_from_file_location(
        f"{PUBLIC_DCGAN}_models", folder / "models.py"
    )  # the package needs torchvision
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    net: nn.Module = module.Generator(0, 3, 100, 64)
    saved = torch.load(folder / "weights.tar", map_location="cpu", weights_only=True)
    net.load_state_dict(saved["netG_state_dict"])
    return Prior.from_module(net, name="public-dcgan")
