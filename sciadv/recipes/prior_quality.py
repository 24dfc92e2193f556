"""How good a prior is: what it can represent, how its samples compare with data; its card's numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Scaling
from sciadv.likelihood import Gaussian
from sciadv.metrics import (
    Classifier,
    ClassifierOutput,
    SampleReport,
    classify,
    compare_samples,
    mse,
    path_length,
)
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import Adam, LevenbergMarquardt
from sciadv.solvers.latent.search import has_forward_mode

#: Images whose representation is searched in one batch; bounds the memory of the Jacobians.
_SEARCH_CHUNK = 25


@dataclass(frozen=True)
class PriorQuality:
    """What a card states about a prior.

    Parameters
    ----------
    representation_error
        ``min_z |G(z) - x|^2 / pixels`` of each image ``(n,)``.
    samples
        Distribution metrics of its samples; None without a classifier.
    path_length
        Perceptual path length in the classifier's features; None without a classifier.
    """

    representation_error: Tensor
    samples: SampleReport | None = None
    path_length: float | None = None

    def as_dict(self) -> dict[str, float | int]:
        """Return the numbers, flat."""
        error = self.representation_error
        numbers: dict[str, float | int] = {
            "representation_error_mean": float(error.mean()),
            "representation_error_median": float(error.median()),
            "representation_error_images": len(error),
        }
        numbers |= {} if self.samples is None else self.samples.as_dict()
        return numbers | ({} if self.path_length is None else {"path_length": self.path_length})

    def header(self) -> dict[str, str]:
        """Return the numbers as lines for a card's header, four digits each."""
        return {key: f"{value:.4g}" for key, value in self.as_dict().items()}


def representation_error(
    prior: Prior, images: Tensor, *, restarts: int = 4, noise_std: float = 1e-3, seed: int = 0
) -> Tensor:
    """Return ``min_z |G(z) - x|^2 / pixels`` of each image ``(n, *out_shape) -> (n,)``; z is not penalised.

    Searched by Levenberg-Marquardt on the identity operator (by Adam where the generator has no forward
    mode or a long latent) from the encoder's latent, where there is one, and the best of 2000 draws. A
    search gives an upper bound: more restarts can only lower it.

    Parameters
    ----------
    prior
        The prior.
    images
        In its range.
    restarts
        Starts of each search.
    noise_std
        Noise that stands for none: an RMS error per pixel below it ends a search.
    seed
        Seed of the searches.

    Raises
    ------
    InputError
        The images have another shape than the prior's, or restarts is below 1.
    """
    if tuple(images.shape[1:]) != prior.out_shape or restarts < 1:
        raise InputError(
            f"expected images of shape (n, {', '.join(map(str, prior.out_shape))}) and restarts >= 1, got "
            f"{tuple(images.shape)} and {restarts}"
        )
    identity = Scaling(prior.out_shape, 1.0, dtype=prior.dtype, device=prior.device)
    parts = []
    for part in torch.split(images.to(prior.device, prior.dtype), _SEARCH_CHUNK):
        problem = Problem(prior, identity, Gaussian(noise_std), part, latent_weight=0.0)
        x = _searcher(problem, restarts).solve(problem, seed=seed).x
        parts.append(mse(x, part))
    return torch.cat(parts)


def _searcher(problem: Problem, restarts: int) -> LevenbergMarquardt | Adam:
    starts = "codebook" if problem.prior.encoder is None else "encoder"
    if problem.prior.n_latent > 128 or not has_forward_mode(problem):
        return Adam(restarts=restarts, starts=starts)
    return LevenbergMarquardt(restarts=restarts, starts=starts)


def measure_prior(
    prior: Prior,
    classifier: Classifier | None,
    images: Tensor,
    *,
    train: Tensor | None = None,
    n_represented: int = 100,
    seed: int = 0,
) -> PriorQuality:
    """Measure a prior against test images: representation error, distribution metrics, path length.

    Parameters
    ----------
    prior
        The prior.
    classifier
        Measures samples; only the representation error is measured without one.
    images
        Test images in the prior's range ``(n, *out_shape)``, never trained on.
    train
        Training images: real data for the distribution metrics and for the memorisation test, with `images`
        as the second real set. If left out, every second test image is real data, the others are the second
        set, and memorisation is not tested.
    n_represented
        Test images for the representation error, spread evenly over `images`.
    seed
        Seed of samples and searches.

    Notes
    -----
    As many samples are drawn as the second real set has images, and as many training images are used:
    10,000 on MNIST with `train`, 5,000 without.
    """
    stride = max(1, len(images) // n_represented)
    error = representation_error(prior, images[::stride][:n_represented], seed=seed)
    if classifier is None:
        return PriorQuality(error)
    real, second = (images[::2], images[1::2]) if train is None else (train[: len(images)], images)
    n = min(len(real), len(second))
    outputs = [classify(classifier, part[:n]) for part in (prior.sample(n, seed=seed), real, second)]
    report = compare_samples(
        *outputs, train=None if train is None else _features(classifier, train), seed=seed
    )
    length = path_length(prior, classifier.features, n_latent=prior.n_latent, seed=seed, device=prior.device)
    return PriorQuality(error, report, length)


def _features(classifier: Classifier, images: Tensor) -> Tensor:
    found: ClassifierOutput = classify(classifier, images)
    return found.features
