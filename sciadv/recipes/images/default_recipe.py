"""A recipe for images of any kind, its sizes chosen from their number, size and spectrum; in words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from sciadv.data.image_data import ImageData
from sciadv.nets import build_net

_RECIPE = """# A generator of your images, an encoder, and what they cannot represent.
# Written for {n} training images of {shape}; every number may be changed.
{facts}
title = {title}
seed = {seed}

[data]
{table}

[generator]
kind = "conv-decoder"
n_latent = {sizes.n_latent}  # as many principal components explain {share} of the variance
channels = {sizes.channels}  # feature maps; more see finer detail and take longer
halvings = {sizes.halvings}

[encoder]
kind = "conv-encoder"
channels = {sizes.channels}
halvings = {sizes.halvings}

[schedule]
elbo_steps = {sizes.elbo_steps}  # each image is seen {epochs:.0f} times; at most {minutes:g} minutes
divergence_steps = {sizes.divergence_steps}
estimate_steps = {sizes.estimate_steps}  # the encoder also learns from linear estimates
game_steps = 0
batch = {sizes.batch}
likelihood = "gaussian"

[latents]
flow_steps = {sizes.flow_steps}  # at most, of a flow of the latents: for draws, and searches if these gain
"""
_PROBLEM = """# What to reconstruct, from what, by which prior: `sciadv solve FOLDER` on this file's folder.
title = "held-out images from {m} random projections; put your own operator and data here"
prior = {prior}

[forward]  # `sciadv list` shows every kind: mask, blur, parallel-beam, masked-fourier, matrix, ...
kind = "gaussian"
n_measurements = {m}
seed = 0
scale = {scale:.6g}

[likelihood]
kind = "gaussian"
sigma = {sigma:.6g}  # standard deviation of the noise, in the units of the measurements

[measurements]
kind = "simulated"
images = "held-out"  # test images of the prior's own data, with the noise above
n = {n}
seed = 0
# kind = "file"  # your own: an array (measurements, {m}), or an .npz with y, and truth where it is known
# path = "y.npy"
"""


@dataclass(frozen=True)
class RecipeRule:
    """How the numbers of a recipe are chosen.

    Parameters
    ----------
    minutes
        CPU minutes of one core that the training may take, with its measurements.
    flops
        Floating-point operations of a training a second that one core does.
    values
        Values of the widest layer a second that one core passes through activations, losses and updates.
    step
        Seconds that a step takes even of the smallest networks.
    share
        Part of the time that is left to the steps: the rest goes to held-out solves, statistics and card.
    flow_step, flow_share, most_flow_steps
        Seconds of a step of the flow of the latents, its part of the time, and its steps at most.
    variance
        Part of the variance that as many principal components explain as there are latents.
    fewest_latent, most_latent
        Latents at least and at most.
    images_per_latent
        Training images that a latent needs.
    batch
        Images a step; fewer images get a smaller batch.
    epochs
        Times at most that each image is seen, where that is more steps than `fewest_steps`.
    fewest_steps
        Steps at least, where the time allows it.
    most_measured
        Images at most whose principal components are computed.
    """

    minutes: float = 15.0
    flops: float = 8e10
    values: float = 1.2e8
    step: float = 0.006
    share: float = 0.65
    flow_step: float = 0.015
    flow_share: float = 0.05
    most_flow_steps: int = 2000
    variance: float = 0.85
    fewest_latent: int = 4
    most_latent: int = 64
    images_per_latent: float = 4.0
    batch: int = 64
    epochs: int = 300
    fewest_steps: int = 3000
    most_measured: int = 1000


@dataclass(frozen=True)
class Sizes:
    """The numbers of a recipe."""

    n_latent: int
    channels: int
    halvings: int
    batch: int
    elbo_steps: int
    estimate_steps: int
    flow_steps: int
    explained: float

    @property
    def divergence_steps(self) -> int:
        """First steps over which the divergence's weight rises."""
        return min(500, max(1, self.elbo_steps // 5))


def choose_sizes(data: ImageData, rule: RecipeRule = RecipeRule(), *, steps: int | None = None) -> Sizes:
    """Choose the sizes of networks and training for some images.

    Parameters
    ----------
    data
        The images.
    rule
        How.
    steps
        Steps of the autoencoder, instead of those that fit into the time.
    """
    n, shape = len(data.train), data.image_shape
    pixels = prod(shape)
    shares = spectrum(data, rule.most_measured)
    wanted = int((shares < rule.variance).sum()) + 1
    few = max(rule.fewest_latent, int(n / rule.images_per_latent))
    n_latent = max(rule.fewest_latent, min(wanted, rule.most_latent, few))
    halvings = max(1, int(math.log2(min(shape[1:]) / 7))) if min(shape[1:]) >= 14 else 1
    channels = 32 if pixels <= 1200 and n >= 2000 else 16 if pixels <= 8192 else 8
    batch = min(rule.batch, 2 ** max(2, int(math.log2(max(4, n // 2)))))
    seconds = 60 * rule.minutes * rule.share
    n_estimates = 0
    if pixels <= 1100:  # each needs a linear estimate, with the covariance of all pixels
        n_estimates = 500
        seconds *= 0.9
    flops = training_flops(shape, n_latent, channels=channels, halvings=halvings)
    values = channels * prod(shape[1:])
    cost = rule.step + batch * (flops / rule.flops + values / rule.values)
    by_epochs = max(rule.fewest_steps, rule.epochs * n // batch)
    elbo_steps = steps or max(1, min(int(seconds / cost), by_epochs))
    n_estimates = min(n_estimates, elbo_steps // 4)
    affordable = int(60 * rule.minutes * rule.flow_share / rule.flow_step)
    flow_steps = min(rule.most_flow_steps, affordable, elbo_steps)
    explained = float(shares[min(n_latent, len(shares)) - 1])
    return Sizes(n_latent, channels, halvings, batch, elbo_steps, n_estimates, flow_steps, explained)


def spectrum(data: ImageData, most: int) -> Tensor:
    """Return the parts of the variance that the first principal components explain, added up ``(n,)``."""
    images = data.unit(data.train[:: max(1, len(data.train) // most)][:most])
    flat = data.values(images).flatten(1).double()
    flat = flat - flat.mean(0)
    gram = flat @ flat.T if len(flat) < flat.shape[1] else flat.T @ flat
    values = torch.linalg.eigvalsh(gram).flip(0).clamp_min(0)
    parts: Tensor = values.cumsum(0) / values.sum().clamp_min(1e-30)
    return parts


def training_flops(shape: tuple[int, ...], n_latent: int, *, channels: int, halvings: int) -> float:
    """Return the floating-point operations of a training step for each image: passes of both networks."""
    common = {"image_shape": list(shape), "channels": channels, "halvings": halvings, "n_latent": n_latent}
    with torch.device("meta"):
        decoder, encoder = (build_net({"kind": f"conv-{kind}", **common}) for kind in ("decoder", "encoder"))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            encoder(torch.zeros(1, *shape))
            decoder(torch.zeros(1, n_latent))
    return 3.0 * float(counter.get_total_flops())  # a forward pass, and twice as much backwards


def recipe_text(  # the data, and what is said of them
    data: ImageData,
    lines: Mapping[str, object],
    *,
    title: str,
    seed: int = 0,
    rule: RecipeRule = RecipeRule(),
    steps: int | None = None,
) -> str:
    """Return a commented ``recipe.toml`` for some images.

    Parameters
    ----------
    data
        The images.
    lines
        What stands under ``[data]``.
    title
        One line.
    seed
        Seed of everything random.
    rule
        How sizes are chosen.
    steps
        Steps of the autoencoder, instead of those that fit into the time.
    """
    sizes = choose_sizes(data, rule, steps=steps)
    table = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in lines.items())
    facts = "\n".join(
        f"# {key}: {data.facts[key]}" for key in ("data", "value_range", "split") if key in data.facts
    )
    return _RECIPE.format(
        n=len(data.train),
        shape="x".join(map(str, data.image_shape)),
        facts=facts,
        title=json.dumps(title, ensure_ascii=False),
        seed=seed,
        table=table,
        sizes=sizes,
        share=f"{100 * sizes.explained:.0f} %",
        epochs=sizes.elbo_steps * sizes.batch / len(data.train),
        minutes=rule.minutes,
    )


def problem_text(data: ImageData, *, prior: str = ".", share: float = 0.1) -> str:
    """Return a commented ``problem.toml``: held-out images behind a random matrix, to be replaced.

    Parameters
    ----------
    data
        The images.
    prior
        Folder of the prior, from that of the file.
    share
        Measurements as a part of the pixels.
    """
    pixels = prod(data.image_shape)
    m = max(4, min(round(share * pixels), 1000))
    length = 1.0
    if data.value_range is not None:
        length = max(h - low for low, h in zip(data.value_range.low, data.value_range.high, strict=True))
    sigma = 0.02 * length
    n = max(1, min(8, len(data.test)))
    return _PROBLEM.format(m=m, prior=json.dumps(prior), scale=pixels**-0.5, sigma=sigma, n=n)
