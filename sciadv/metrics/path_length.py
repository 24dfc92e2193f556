"""Perceptual path length: how much images change along short steps through latent space."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciadv.types import as_generator

TensorMap = Callable[[Tensor], Tensor]


def path_length(
    generator: TensorMap,
    features: TensorMap,
    *,
    n_latent: int,
    n: int = 2000,
    seed: int | torch.Generator = 0,
    epsilon: float = 1e-2,
    device: torch.device | str = "cpu",
) -> float:
    """``E |f(G(z(t + epsilon))) - f(G(z(t)))|^2 / epsilon^2`` along great circles between draws of N(0, I).

    Parameters
    ----------
    generator
        Maps latents ``(batch, n_latent)`` to images.
    features
        Maps images to features ``(batch, features)``: those of a classifier make the length perceptual.
    n_latent
        Length of a latent.
    n
        Steps drawn, of which the shortest and longest hundredth are left out, as in the reference's code.
    seed
        Seed of ends and places.
    epsilon
        Length of a step. The reference's 1e-4 is lost in the rounding of float32.
    device
        Where `generator` takes its latents.

    References
    ----------
    T. Karras, S. Laine, T. Aila. A style-based generator architecture for generative adversarial networks.
    CVPR 2019, section 4.1 (path length in Z).
    """
    draws = as_generator(seed)
    start, end = torch.randn(2, n, n_latent, generator=draws, device=draws.device).to(device)
    place = torch.rand(n, 1, generator=draws, device=draws.device).to(device)
    lengths = []
    with torch.no_grad():
        for a, b, t in zip(*(torch.split(s, 500) for s in (start, end, place)), strict=True):
            here, there = (features(generator(slerp(a, b, s))).flatten(1) for s in (t, t + epsilon))
            lengths.append((there - here).double().square().sum(1) / epsilon**2)
    length = torch.cat(lengths)
    low, high = torch.quantile(length, torch.tensor([0.01, 0.99], dtype=length.dtype, device=length.device))
    return float(length[(length >= low) & (length <= high)].mean())


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Spherical interpolation from a (t = 0) to b (t = 1), ``(batch, n)``; the angle goes evenly.

    Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985, section 3.3.
    """
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=1)[:, None].clamp(-1 + 1e-6, 1 - 1e-6)
    angle = torch.arccos(cosine)
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


def great_circle(first: Tensor, second: Tensor, *, n: int) -> Tensor:
    """Return n latents ``(n, n_latent)`` from one ``(1, n_latent)`` to another, evenly by `slerp`.

    Their lengths stay near those of draws from N(0, I), where on the straight line the middle ones are too
    short by ``2^(1/2)``.
    """
    places = torch.linspace(0, 1, n, dtype=first.dtype, device=first.device)[:, None]
    return slerp(first.expand(n, -1), second.expand(n, -1), places)
