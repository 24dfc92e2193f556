"""Latents from measurements by kernel regression on a generator's own samples: amortised starts.

``E[z | y]`` is estimated by kernel ridge regression (C. Saunders, A. Gammerman, V. Vovk, Ridge regression
learning algorithm in dual variables, ICML 1998) with the arc-cosine kernel of degree 1, which is that of an
infinitely wide layer of rectifiers (Y. Cho, L. Saul, Kernel methods for deep learning, NIPS 2009). It needs
values of ``F(G(z))`` only: any operator, any likelihood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.nets.foreign.latent_parts import Chosen
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solvers.amortised.own_samples import OwnSamples, SampleBudget, own_samples
from sciadv.types import Count, NotNegative, Positive, Share, as_generator

#: Choices among values, each with its place in a latent.
Choices = tuple[tuple[slice, Chosen], ...]


@checked
@dataclass(frozen=True)
class Regression:
    """How latents are regressed on measurements.

    Parameters
    ----------
    whitening
        Power of the standard deviation by which each principal component of the data is divided: 0 leaves
        them as they are, 1 makes all equal.
    n_components
        Principal components of the data that are used, at most.
    ridge
        Ridge, in parts of the kernel's mean diagonal.
    held_out
        Part of the samples on which the spread of the error is measured.
    spread
        Factor of that spread, by which further starts are spread around the first.
    most_numbers
        Numbers in the data of all samples together, at most; long data have fewer samples.
    """

    whitening: Share = 0.0
    n_components: Count = 300
    ridge: Positive = 0.1
    held_out: Share = 0.05
    spread: NotNegative = 1.0
    most_numbers: Count = 2**26


def amortised_starts(
    problem: Problem,
    n_restarts: int,
    *,
    seed: int,
    budget: SampleBudget | None = None,
    how: Regression | None = None,
) -> Tensor:
    """Return starting latents: the regression's, then others spread around it as its errors are.

    Where latents choose among values, such as classes, the first start has the likeliest value, the next one
    the next: the values' indicators are regressed too.

    Parameters
    ----------
    problem
        The problem.
    n_restarts
        Starts per measurement.
    seed
        Seed of the noise on the samples and of the spread.
    budget
        What is spent on the generator once.
    how
        How latents are regressed.

    Returns
    -------
    Tensor
        ``(batch, restarts, n_latent)``.
    """
    settings = how or Regression()
    samples = own_samples(problem.prior, budget).first(settings.most_numbers // problem.n_measurements)
    data = _data(problem, samples, seed)
    features, given = _features(data, real_view(problem.measurements).to(data), settings)
    z, choices = samples.z.to(data), choices_of(problem)
    parts = [z, *(choice.indicators(z[:, place]) for place, choice in choices)]
    found, error = _regress(features, torch.cat(parts, 1), given, settings)
    sizes = [part.shape[1] for part in parts]
    mean, *scores = torch.split(found, sizes, 1)
    numbers = torch.randn(n_restarts, mean.shape[1], generator=as_generator(seed + 1)).to(mean)
    numbers[0] = 0
    starts = mean[:, None] + settings.spread * error[: mean.shape[1]] * numbers
    for (place, choice), score in zip(choices, scores, strict=True):
        starts[:, :, place] = choice.likeliest(score, n_restarts)
    return starts.to(problem.prior.dtype)


def choices_of(problem: Problem) -> Choices:
    """Return the choices among values that latents of the prior make, each with its place in a latent."""
    found: Choices = getattr(problem.prior.generator, "choices", ())
    return found


def _data(problem: Problem, samples: OwnSamples, seed: int) -> Tensor:
    """Return measurements of the samples with noise, real ``(samples, measurements)``."""
    forward = problem.forward
    numbers = as_generator(seed, problem.measurements.device)
    parts = []
    with torch.no_grad():
        for x in samples.images(forward.in_shape):
            predicted = forward(x.to(forward.device, forward.dtype))
            if problem.likelihood.has_noise_level:
                predicted = problem.likelihood.sample(predicted, generator=numbers)
            parts.append(real_view(predicted).to(problem.prior.dtype))
    return torch.cat(parts)


def _features(data: Tensor, given: Tensor, how: Regression) -> tuple[Tensor, Tensor]:
    """Return the components of the samples' data and of the given data, of mean square 1 over all."""
    mean = data.mean(0)
    centred = (data - mean).double()
    n_data = centred.shape[1]
    if n_data <= len(centred):
        variance, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    else:
        few = centred[: min(len(centred), 1000)]
        weight, left = torch.linalg.eigh(few @ few.T / len(few))
        kept = weight > 1e-9 * weight[-1]
        variance = weight[kept]
        directions = few.T @ left[:, kept] / (len(few) * variance).sqrt()
    n = max(1, min(how.n_components, int((variance > 1e-12 * variance[-1]).sum())))
    scaled = directions[:, -n:] / variance[-n:].pow(0.5 * how.whitening)
    features = centred @ scaled
    size = features.square().mean().sqrt().clamp_min(1e-30)
    others = (given - mean).double() @ scaled
    features, others = features / size, others / size
    return features.to(data), others.to(data)


def _regress(features: Tensor, z: Tensor, given: Tensor, how: Regression) -> tuple[Tensor, Tensor]:
    """Return ``E[z | y]`` of the given data, and the error of each latent number on held-out samples."""
    n_fit = max(1, len(z) - int(how.held_out * len(z)))
    kernel = arc_cosine(features[:n_fit], features[:n_fit])
    kernel.diagonal().add_(how.ridge * kernel.diagonal().mean())
    weights = torch.cholesky_solve(z[:n_fit], torch.linalg.cholesky(kernel))
    held = arc_cosine(features[n_fit:], features[:n_fit]) @ weights
    error = (held - z[n_fit:]).square().mean(0).sqrt() if len(held) else torch.ones_like(z[0])
    return arc_cosine(given, features[:n_fit]) @ weights, error


def arc_cosine(a: Tensor, b: Tensor) -> Tensor:
    """Return the arc-cosine kernel of degree 1 of rows with a bias, plus degree 0 times their product.

    The sum is the tangent kernel of one hidden layer of rectifiers. ``(n, features)`` and ``(m, features)``
    give ``(n, m)``.

    Examples
    --------
    >>> arc_cosine(torch.zeros(1, 3), torch.zeros(1, 3))
    tensor([[2.]])
    """
    n_features = a.shape[1]
    of_a = 1 + a.square().sum(1, keepdim=True) / n_features
    of_b = 1 + b.square().sum(1) / n_features
    product = 1 + a @ b.T / n_features
    size = (of_a * of_b).sqrt()
    cosine = (product / size).clamp(-1, 1)
    angle = torch.acos(cosine)
    first = size * ((1 - cosine.square()).sqrt() + (torch.pi - angle) * cosine) / torch.pi
    return first + product * (1 - angle / torch.pi)
