"""How useful a prior is on images that nothing was learnt from: against estimates without a generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from sciadv.data.image_data import ImageData
from sciadv.data.moments import Moments
from sciadv.errors import SciadvError
from sciadv.forward import GaussianSensing, Mask
from sciadv.forward.base import Forward
from sciadv.likelihood import Gaussian
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.automatic.auto import Auto
from sciadv.solvers.automatic.combination import CombinationSettings
from sciadv.solvers.automatic.reference_errors import CalibrationSettings
from sciadv.solvers.beyond_range.output_activation import output_activation
from sciadv.solvers.classical.lmmse import LMMSE
from sciadv.solvers.classical.tv import TV
from sciadv.types import as_generator


@dataclass(frozen=True)
class UsefulnessRule:
    """The problems that a prior is tried on.

    Parameters
    ----------
    n_images
        Held-out images; 0 to try none.
    n_reference
        Reference images by which `auto` weighs its estimates, at most: fewer than a solve takes, since all is
        made anew for each operator.
    shares
        Gaussian measurements as a part of the pixels.
    observed
        Part of the pixels that is observed in inpainting.
    sigma
        Standard deviation of the noise as a part of the range of values; measurements have rows of unit
        length.
    tv_weights
        Weights of the total variation that are tried, in units of one over the range; the best one counts,
        chosen with the truth known: a bound on what TV can do.
    tv_iterations
        Steps of the total variation.
    """

    n_images: int = 8
    n_reference: int = 10
    shares: tuple[float, ...] = (0.05, 0.25)
    observed: float = 0.5
    sigma: float = 0.02
    tv_weights: tuple[float, ...] = (3.0, 30.0, 300.0)
    tv_iterations: int = 200


@dataclass(frozen=True)
class Trial:
    """Mean squared errors ``(images,)`` of each method behind one operator; None where it does not apply."""

    name: str
    n_measurements: int
    is_gaussian: bool
    errors: dict[str, Tensor | None]

    def gain(self) -> tuple[float, float]:
        """Return by how much `auto` is better than LMMSE, a mean over images, and its standard error."""
        auto, linear = self.errors["auto"], self.errors["lmmse"]
        assert auto is not None and linear is not None  # noqa: PT018  # both always apply
        difference = linear - auto
        return float(difference.mean()), float(difference.std() / max(len(difference), 1) ** 0.5)


def try_prior(
    prior: Prior,
    data: ImageData,
    *,
    rule: UsefulnessRule = UsefulnessRule(),
    seed: int = 0,
) -> tuple[Trial, ...]:
    """Reconstruct held-out images behind a few operators by `auto`, LMMSE, PCA-LMMSE and TV.

    PCA-LMMSE is LMMSE under probabilistic principal components (Tipping and Bishop, Journal of the Royal
    Statistical Society B 61 (1999) 611-622), as many as the latent has numbers.

    Parameters
    ----------
    prior
        The prior, with its moments.
    data
        Its images; the test images are tried.
    rule
        The problems.
    seed
        Seed of matrices, masks, noise and searches.
    """
    images = data.values(data.test)
    rows = torch.linspace(0, len(images) - 1, min(rule.n_images, len(images))).round().long()
    if prior.moments is None or rule.n_images == 0 or len(images) == 0:
        return ()
    truth = images[rows].to(prior.device, prior.dtype)
    length = _length(prior, data)
    numbers = CalibrationSettings(n_reference=rule.n_reference, n_reference_large=rule.n_reference)
    auto = Auto(combination=CombinationSettings(calibration=numbers))
    trials = []
    for name, forward, is_gaussian in _forwards(prior.out_shape, rule, seed):
        with torch.no_grad():
            y = forward(truth)
        noise = torch.randn(y.shape, generator=as_generator(seed)).to(y)
        sigma = rule.sigma * length
        problem = Problem(prior, forward, Gaussian(sigma), y + sigma * noise)
        errors = {
            "auto": mse(auto.solve(problem, seed=seed).x, truth),
            "lmmse": mse(LMMSE().solve(problem).x, truth),
            "pca-lmmse": mse(LMMSE(components(prior.moments, prior.n_latent)).solve(problem).x, truth),
            "tv": _total_variation(problem, truth, rule, length),
        }
        trials.append(Trial(name, prod(forward.out_shape), is_gaussian, errors))
    return tuple(trials)


def _length(prior: Prior, data: ImageData) -> float:
    if data.value_range is not None:
        pairs = zip(data.value_range.low, data.value_range.high, strict=True)
        return max(high - low for low, high in pairs)
    output = output_activation(prior)
    ends = (float(torch.as_tensor(end).max()) for end in (output.low, output.high))
    low, high = ends
    return high - low if high - low < float("inf") else 1.0


def _forwards(shape: tuple[int, ...], rule: UsefulnessRule, seed: int) -> Iterator[tuple[str, Forward, bool]]:
    pixels = prod(shape)
    for share in rule.shares:
        m = max(1, round(share * pixels))
        yield (
            f"Gaussian, m = {m} ({100 * share:g} %)",
            GaussianSensing(shape, m, seed=seed, scale=pixels**-0.5),
            True,
        )
    places = torch.rand(shape[1:], generator=as_generator(seed)) < rule.observed
    places.view(-1)[0] = True
    mask = places.expand(shape).contiguous()
    yield f"inpainting, {100 * rule.observed:g} % observed", Mask(mask), False


def components(moments: Moments, n: int) -> Moments:
    """Return the moments of probabilistic principal components: n of them, and equal variance beside.

    Examples
    --------
    >>> found = components(Moments(torch.zeros(3), torch.diag(torch.tensor([9.0, 2.0, 4.0]))), 1)
    >>> found.covariance.diagonal()
    tensor([9., 3., 3.])
    """
    covariance = moments.covariance.double()
    values, vectors = torch.linalg.eigh(covariance)
    n = min(n, len(values) - 1)
    rest = values[:-n].mean().clamp_min(1e-12 * values[-1])
    leading = vectors[:, -n:] * (values[-n:] - rest).clamp_min(0).sqrt()
    dense = leading @ leading.T + rest * torch.eye(len(values)).to(values)
    return Moments(moments.mean, dense.to(moments.mean.dtype))


def _total_variation(problem: Problem, truth: Tensor, rule: UsefulnessRule, length: float) -> Tensor | None:
    """Return the errors of the best weight; None where TV does not apply."""
    if len(problem.forward.in_shape) != 3:
        return None
    low, high = float(truth.min()), float(truth.max())
    found = []
    for weight in rule.tv_weights:
        solver = TV(weight=weight / length, bounds=(low, high), n_iterations=rule.tv_iterations)
        try:
            found.append(mse(solver.solve(problem).x, truth))
        except SciadvError:
            return None
    return min(found, key=lambda errors: float(errors.mean()))


def usefulness_table(trials: tuple[Trial, ...]) -> str:
    """Return the trials as a Markdown table of mean squared errors, with the standard error of `auto`."""
    names = trials[0].errors if trials else {}
    methods = [name for name in names if any(trial.errors[name] is not None for trial in trials)]
    if not methods:
        return ""
    lines = [f"| held-out images behind | {' | '.join(methods)} |", f"|---|{'--:|' * len(methods)}"]
    for trial in trials:
        found = (trial.errors[name] for name in methods)
        cells = ["-" if errors is None else f"{float(errors.mean()):.3g}" for errors in found]
        lines.append(f"| {trial.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def usefulness_sentence(trials: tuple[Trial, ...]) -> str:
    """Say from how many measurements on the prior is no better than the best linear estimate.

    Better means by more than the standard error of the difference.
    """
    gaussian = sorted((t for t in trials if t.is_gaussian), key=lambda trial: trial.n_measurements)
    if not gaussian:
        return ""
    better = [gain > error for gain, error in (trial.gain() for trial in gaussian)]
    if all(better):
        m = gaussian[-1].n_measurements
        return f"This prior is better than the best linear estimate wherever it was tried, up to m = {m}."
    first = next(i for i in range(len(better)) if not any(better[i:])) if not better[-1] else None
    if first == 0:
        return "This prior is no better than the best linear estimate at any number of measurements tried."
    if first is not None:
        m = gaussian[first].n_measurements
        return f"This prior is no better than the best linear estimate from m = {m} on."
    worse = [trial for trial, is_better in zip(gaussian, better, strict=True) if not is_better]
    where = ", ".join(str(trial.n_measurements) for trial in worse)
    return f"This prior is no better than the best linear estimate at m = {where}."


def usefulness_text(trials: tuple[Trial, ...]) -> str:
    """Return sentence and table for a card; nothing where nothing was tried."""
    if not trials:
        return ""
    return f"""{usefulness_sentence(trials)}

Mean squared errors on held-out images, with noise of 2 % of the range; the weight of TV is chosen with the
truth known:

{usefulness_table(trials)}
"""
