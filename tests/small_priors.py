"""Priors of small images with reference images, and measurements: what the diagnosis is tested on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sciadv.data.moments import DENSE_PIXELS, Moments, Residual
from sciadv.forward import Forward, Matrix
from sciadv.likelihood import Gaussian
from sciadv.nets import build_seeded
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.spatial.stationary_prior import learn_stationary

N_REFERENCE, N_LATENT, SIGMA = 120, 3, 0.05
SMALL, LARGE = 8, 34
assert SMALL**2 <= DENSE_PIXELS < LARGE**2


def waves(size: int) -> Tensor:
    """Return three smooth images ``(3, size * size)``."""
    at = torch.linspace(0, torch.pi, size)
    rows = [torch.outer(torch.cos(k * at), torch.cos((k + 1) * at)).flatten() for k in range(N_LATENT)]
    return torch.stack(rows)


def make_prior(size: int) -> Prior:
    """Return ``x = sigmoid(W z) + nu``, nu white, with an encoder that nearly inverts it."""
    pixels, shape = size * size, (1, size, size)
    linear, back = nn.Linear(N_LATENT, pixels), nn.Linear(pixels, N_LATENT)
    weight = waves(size).T
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.zero_()
        back.weight.copy_(4 * torch.linalg.pinv(weight))
        back.bias.copy_(-0.5 * back.weight.sum(1))
    factor, diagonal = 0.25 * weight, torch.full((pixels,), 0.02**2)
    error = Moments(torch.zeros(shape), factor=torch.zeros(pixels, 1), diagonal=diagonal)
    prior = Prior(
        nn.Sequential(linear, nn.Sigmoid(), nn.Unflatten(1, shape)).eval(),
        N_LATENT,
        nn.Sequential(nn.Flatten(), back),
        moments=Moments(torch.full(shape, 0.5), factor=factor, diagonal=diagonal),
    )
    return replace(prior, residual=Residual(error, error, images_of(prior, N_REFERENCE, seed=1)))


def images_of(prior: Prior, n: int, *, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    x = prior.sample(n, seed=draw)
    return x + 0.02 * torch.randn(x.shape, generator=draw)


def projections(prior: Prior, n: int) -> Matrix:
    pixels = prior.out_shape[1] * prior.out_shape[2]
    rows = torch.randn(n, pixels, generator=torch.Generator().manual_seed(7)) / pixels**0.5
    return Matrix(rows, prior.out_shape)


def measured(prior: Prior, forward: Forward, x: Tensor) -> Problem:
    likelihood = Gaussian(SIGMA)
    with torch.no_grad():
        y = likelihood.sample(forward(x), generator=torch.Generator().manual_seed(3))
    return Problem(prior, forward, likelihood, y)


def spatial_prior(image_shape: tuple[int, ...]) -> Prior:
    """Return a small spatial prior of random weights, with the statistics of its own draws and references."""
    settings = {"image_shape": list(image_shape), "maps": 2, "channels": 2, "halvings": 1}
    generator = build_seeded({"kind": "spatial-decoder", **settings}, 0)
    encoder = build_seeded({"kind": "spatial-encoder", **settings}, 1)
    prior = Prior(generator, generator.settings["n_latent"], encoder)  # type: ignore[arg-type, index]
    drawn = prior.sample(30, seed=5)
    learned = learn_stationary(prior, drawn[:28], longest=3)
    return replace(prior, stationary=replace(learned, reference=drawn[28:]))
