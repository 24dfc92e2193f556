"""All that a solve can use of a prior of images: an encoder, moments, residual statistics, measures, a card.

Recipes, `Prior.complete` and `Game.prior` end in the same function, `with_statistics`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sciadv.arguments.values import as_seed
from sciadv.data.image_data import ImageData, own_data
from sciadv.data.moments import DENSE_PIXELS, Moments, Residual, shrinkage, shrunk_covariance
from sciadv.data.splits import evenly
from sciadv.errors import InputError
from sciadv.metrics.classifier import Classifier
from sciadv.nets import RangedEncoder, build_seeded
from sciadv.prior import Prior
from sciadv.recipes.images.sample_quality import compare_images
from sciadv.recipes.membership import attack
from sciadv.recipes.prior_quality import measure_prior
from sciadv.solvers.beyond_range.output_activation import output_activation
from sciadv.solvers.beyond_range.residual_statistics import learn_residual, residual_facts, with_residual
from sciadv.trainings.autoencoder.image_batches import in_unit_range
from sciadv.trainings.fits.inversion_training import InversionTraining
from sciadv.trainings.loop import run


@dataclass(frozen=True)
class CompletionRule:
    """How much is learnt about a prior that is trained already.

    Parameters
    ----------
    n_residual_images
        Training images at most from which the statistics of the representation error are learned, of a named
        data set without held-out images.
    n_held_out_images
        The same of images of which a part is held out.
    most_pixels
        Images of more pixels get no covariances: they are too large.
    encoder_steps, encoder_batch, encoder_channels, encoder_rate
        Of the training of an encoder, for a generator without one: steps, samples a step, feature maps,
        Adam's step.
    """

    n_residual_images: int = 9000
    n_held_out_images: int = 3000
    most_pixels: int = 8192
    encoder_steps: int = 1500
    encoder_batch: int = 64
    encoder_channels: int = 16
    encoder_rate: float = 1e-3


def complete(
    prior: Prior,
    images: ImageData | str | Path | npt.NDArray[Any] | Tensor,
    *,
    seed: int = 0,
    rule: CompletionRule = CompletionRule(),
) -> Prior:
    """Return a prior with all that a solve can use, learnt from images of the kind that it generates.

    An encoder, if it has none, of its own samples; mean and covariance of the images; statistics of what the
    generator cannot represent, with reference images that nothing was learnt from here; and on its card what
    it represents and how its samples compare with held-out images.

    Parameters
    ----------
    prior
        A generator, of images of one shape.
    images
        A folder, a file, an array, or images that are split already. Images that the generator itself was
        trained on are no held-out ones: give others where there are any.
    seed
        Seed of everything random.
    rule
        How much is learnt.

    Raises
    ------
    InputError
        The images are of another shape or in other units than the prior generates.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images = rng.random((80, 1, 1)) * np.linspace(0, 1, 81).reshape(9, 9)[None] ** rng.random((80, 1, 1))
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(2, 81), nn.Sigmoid(), nn.Unflatten(1, (1, 9, 9)))
    >>> whole = complete(Prior(net, 2), images, rule=CompletionRule(encoder_steps=2))
    >>> whole.residual is not None, whole.encoder is not None
    (True, True)
    """
    seed = as_seed(seed)
    if isinstance(images, Tensor):
        images = images.detach().cpu().numpy()
    data = own_data(images, seed=seed) if isinstance(images, str | Path | np.ndarray) else images
    _check_units(prior, data)
    known = (
        prior if prior.encoder is not None else replace(prior, encoder=own_encoder(prior, rule, seed=seed))
    )
    if known.moments is None:
        moments = image_moments(data.train, shrink=True, most_pixels=rule.most_pixels)
        known = replace(known, moments=moments)
    whole, measured = with_statistics(known, data, None, seed=seed, rule=rule)
    return replace(whole, card={**prior.card, **data.facts, **measured})


def _check_units(prior: Prior, data: ImageData) -> None:
    if data.image_shape != prior.out_shape:
        raise InputError(
            f"the images are {' x '.join(map(str, data.image_shape))}, but prior {prior.name!r} generates "
            f"{' x '.join(map(str, prior.out_shape))} (channels first); bring them to its shape"
        )
    output = output_activation(prior)
    if output.name == "identity":
        return
    values = data.values(data.train)
    low, high = float(values.min()), float(values.max())
    least, most = float(torch.as_tensor(output.low).min()), float(torch.as_tensor(output.high).max())
    slack = 0.01 * (most - least)
    is_half = output.name == "tanh" and low >= 0
    if low < least - slack or high > most + slack or is_half:
        raise InputError(
            f"the images go from {low:g} to {high:g}, but prior {prior.name!r} generates {least:g} to "
            f"{most:g}; give the images in its units (2 x - 1 for tanh generators)"
        )


def own_encoder(prior: Prior, rule: CompletionRule, *, seed: int) -> torch.nn.Module:
    """Train an encoder that finds the latents of the prior's own samples."""
    drawn = prior.sample(64, seed=seed)
    shape = list(prior.out_shape)
    common = {"n_latent": prior.n_latent, "image_shape": shape}
    is_image = 2 <= len(shape) <= 4 and min(shape[1:]) >= 8
    spec = (
        {"kind": "conv-encoder", "channels": rule.encoder_channels} if is_image else {"kind": "mlp-encoder"}
    )
    inner = build_seeded({**spec, **common}, seed)
    low, high = float(drawn.min()), float(drawn.max())
    n = shape[0]
    encoder = RangedEncoder(inner=inner, low=[low] * n, high=[max(high, low + 1e-6)] * n)
    training = InversionTraining(
        prior,
        encoder.to(prior.device, prior.dtype),
        n_steps=rule.encoder_steps,
        batch=rule.encoder_batch,
        learning_rate=rule.encoder_rate,
        seed=seed,
    )
    run(training, every=max(rule.encoder_steps, 1)).check_finished()
    return encoder.eval()


def with_statistics(
    prior: Prior,
    data: ImageData,
    classifier: Classifier | None,
    *,
    seed: int,
    rule: CompletionRule = CompletionRule(),
) -> tuple[Prior, dict[str, str]]:
    """Return a trained prior with the statistics of what it cannot represent, and what a card says of it.

    Parameters
    ----------
    prior
        The prior, on the CPU, in the units of the data.
    data
        Its images.
    classifier
        Measures its samples; None for measures without classes.
    seed
        Seed of samples and searches.
    rule
        How much is learnt.
    """
    test, train = data.values(data.test), data.values(data.train)
    n_represented = 100 if test[0].numel() <= rule.most_pixels else 10
    quality = measure_prior(prior, classifier, test, train=train, n_represented=n_represented, seed=seed)
    facts = quality.header() | attack(prior, evenly(train, len(test)), test, seed=seed).header()
    if classifier is None and len(data.reference):
        facts |= compare_images(prior, train, torch.cat([data.values(data.reference), test]), seed=seed)
    if data.train[0].numel() > rule.most_pixels:
        return prior, facts
    if len(data.reference) == 0:
        whole = with_residual(prior, train[: rule.n_residual_images])
        return whole, facts | residual_facts(whole, rule.n_residual_images)
    whole, inflation = _with_held_out(
        prior, evenly(train, rule.n_held_out_images), data.values(data.reference)
    )
    facts |= residual_facts(whole, rule.n_held_out_images, is_held_out=True)
    return whole, facts | {"residual_inflation": f"{inflation:.4g}"}


def _with_held_out(prior: Prior, train: Tensor, reference: Tensor) -> tuple[Prior, float]:
    """Learn the residual from training images, and scale it to what it is of the reference images.

    A network represents images that it has seen better than others, the more so the fewer they were.
    """
    is_large = prior.encoder is not None and train[0].numel() > DENSE_PIXELS
    residual = learn_residual(
        prior,
        torch.cat([train, reference]),
        n_reference=len(reference),
        n_iterations=0 if is_large else 8,
        shrink=True,
    )
    inflation = 1.0
    if prior.encoder is not None:
        with torch.no_grad():
            seen, unseen = (
                float((prior(prior.encode(part)) - part).square().mean())
                for part in (evenly(train, 4 * len(reference)), reference)
            )
        inflation = max(1.0, unseen / max(seen, 1e-30))
    scaled = Residual(
        _scaled(residual.image, inflation), _scaled(residual.logits, inflation), residual.reference
    )
    return replace(prior, residual=scaled), inflation


def _scaled(moments: Moments, factor: float) -> Moments:
    return Moments(moments.mean, factor * moments.covariance)


def image_moments(images: Tensor, *, shrink: bool = False, most_pixels: int = 8192) -> Moments | None:
    """Return the moments of a training set; None of images whose covariance is too large to hold."""
    return training_moments(images, shrink=shrink) if images[0].numel() <= most_pixels else None


def training_moments(images: Tensor, *, shrink: bool = False) -> Moments:
    """Return mean and covariance of ``(n, channels, *sides)`` images; of uint8 ones in [0, 1].

    Parameters
    ----------
    images
        The images.
    shrink
        As of `moments_of`.
    """
    flat = images.flatten(1)
    total = torch.zeros(flat.shape[1], dtype=torch.float64)
    square = torch.zeros(flat.shape[1], flat.shape[1], dtype=torch.float64)
    for part in torch.split(flat, 5000):
        block = part.double() / 255 if images.dtype == torch.uint8 else part.double()
        total += block.sum(0)
        square += block.T @ block
    mean = total / len(flat)
    covariance = square / len(flat) - mean[:, None] * mean
    if shrink:
        amount = shrinkage(in_unit_range(images).flatten(1).double() - mean, covariance)
        covariance = shrunk_covariance(covariance, amount)
    return Moments(mean.float().reshape(images.shape[1:]), covariance.float())
