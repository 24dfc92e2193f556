"""How an input of a network is distributed, learned from draws of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.foreign.latent_parts import Chosen, Constant, Correlated, Layers, StandardNormal, Truncated


@dataclass(frozen=True)
class Learning:
    """How a distribution is recognised in draws.

    Parameters
    ----------
    n_deviations
        Deviations of a moment that pass for chance.
    most_values
        An input that has no more values than this part of the draws is a choice of them.
    most_numbers
        An input of more numbers than this has no covariance, only a mean and a variance of each.
    least_variance
        Directions with less than this part of the largest variance are left out.
    truncation
        Factor of the distance from the mean, the "truncation trick" in W: T. Karras, S. Laine, T. Aila, A
        Style-Based Generator Architecture for Generative Adversarial Networks, CVPR 2019, appendix B.
    """

    n_deviations: float = 6.0
    most_values: float = 0.25
    most_numbers: int = 4096
    least_variance: float = 1e-8
    truncation: float = 1.0


def learn_part(draws: Tensor, n: int, *, is_tied: bool, how: Learning) -> tuple[nn.Module, str]:
    """Return the module that makes an input out of standard normal numbers, and what it is in words.

    Parameters
    ----------
    draws
        ``(n, *shape)``; a tensor of another length is a constant without rows.
    n
        How many draws there are.
    is_tied
        Whether equal rows of one input stay equal.
    how
        How it is recognised.

    Raises
    ------
    InputError
        The draws have NaN or Inf, or are integers of too many values to be a choice.

    Examples
    --------
    >>> draws = torch.rand(2000, 8, generator=torch.Generator().manual_seed(0))
    >>> part, words = learn_part(draws, 2000, is_tied=True, how=Learning())
    >>> part.n_latent, words
    (8, 'uniform on [-0.0017, 1]')
    """
    if draws.ndim == 0 or len(draws) != n:
        return Constant(draws, is_shared=True), "fixed"
    if draws.is_floating_point() and not bool(draws.isfinite().all()):
        raise InputError("draws of the latents have NaN or Inf; look at what `sample` gives")
    if bool((draws == draws[:1]).all()):
        return Constant(draws[0], is_shared=False), "fixed"
    values, counts = torch.unique(draws, dim=0, return_counts=True)
    if len(values) <= how.most_values * n:
        return Chosen(values, counts / n), f"one of {len(values)} values, held by two latents"
    if not draws.is_floating_point():
        raise InputError(
            f"draws of the latents have integers of {len(values)} values in {n} draws; a class label needs "
            f"more draws (n_draws), anything else must be floating-point"
        )
    if draws.ndim > 2 and draws.shape[1] > 1 and bool((draws == draws[:, :1]).all()):
        row, words = _learn_numbers(draws[:, 0], how)
        kind = "equal rows" if is_tied else "rows of their own"
        part = Layers(row, draws.shape[1], is_tied=is_tied)
        return part, f"{draws.shape[1]} {kind}, each {words}"
    return _learn_numbers(draws, how)


def _learn_numbers(draws: Tensor, how: Learning) -> tuple[nn.Module, str]:
    """Learn the distribution of an input of real numbers."""
    shape = tuple(draws.shape[1:])
    flat = draws.flatten(1).double()
    if not _is_independent(flat, how):
        return _correlated(flat, shape, draws.dtype, how)
    mean = float(flat.mean())
    scale = float((flat - mean).square().mean().sqrt())
    pooled = (flat - mean) / scale
    chance = how.n_deviations / pooled.numel() ** 0.5
    kurtosis = float(pooled.pow(4).mean())
    skewness = float(pooled.pow(3).mean())
    is_round = abs(skewness) < max(2.5 * chance, 0.02)
    if is_round and abs(kurtosis - 3) < max(5 * chance, 0.02):
        if abs(mean) < max(chance * scale, 1e-3) and abs(scale - 1) < max(chance, 1e-2):
            return StandardNormal(shape), "standard normal"
        return StandardNormal(shape, scale, mean), f"normal, {mean:.3g} +- {scale:.3g}"
    largest = float(pooled.abs().max())
    limit = _limit(kurtosis)
    if is_round and limit is not None and largest <= 1.02 * limit / _truncated_moments(limit)[0] ** 0.5:
        sigma = scale / _truncated_moments(limit)[0] ** 0.5
        part = Truncated(shape, sigma, limit, mean)
        if limit <= 0.3:
            return part, f"uniform on [{mean - limit * sigma:.2g}, {mean + limit * sigma:.2g}]"
        return part, f"normal of deviation {sigma:.3g}, truncated at {limit:.2g} of them"
    return _correlated(flat, shape, draws.dtype, how)


def _is_independent(flat: Tensor, how: Learning) -> bool:
    """Whether the numbers have one mean and variance and no correlations, within chance."""
    n = len(flat)
    chance = how.n_deviations / n**0.5
    mean = flat.mean(0)
    variance = flat.var(0)
    if bool((variance <= 0).any()):
        return False
    typical = variance.mean().sqrt()
    spread = float((mean - mean.mean()).abs().max() / typical)
    if spread > chance or float((variance / variance.mean() - 1).abs().max()) > 2 * chance:
        return False
    few = ((flat - mean) / variance.sqrt())[:, : how.most_numbers]
    correlation = few.T @ few / n
    off = correlation - torch.diag(correlation.diagonal())
    return bool(off.abs().max() < chance)


def _correlated(
    flat: Tensor, shape: tuple[int, ...], dtype: torch.dtype, how: Learning
) -> tuple[nn.Module, str]:
    """Return the Gaussian of the draws' mean and covariance."""
    mean = flat.mean(0)
    centred = flat - mean
    if flat.shape[1] > how.most_numbers:
        factor = torch.diag(centred.square().mean(0).sqrt())
    else:
        variance, directions = torch.linalg.eigh(centred.T @ centred / (len(flat) - 1))
        kept = variance > how.least_variance * variance.max()
        factor = (directions[:, kept] * variance[kept].sqrt()).flip(1)
    part = Correlated(shape, mean.to(dtype), (how.truncation * factor).to(dtype))
    words = f"Gaussian with the mean and covariance of {len(flat)} draws in {factor.shape[1]} directions"
    return part, words if how.truncation == 1 else f"{words}, truncated by {how.truncation:g}"


def _truncated_moments(limit: float) -> tuple[float, float]:
    """Return variance and fourth moment of a standard normal number truncated at ``+- limit``."""
    inside = math.erf(limit / 2**0.5)
    density = math.exp(-0.5 * limit**2) / (2 * math.pi) ** 0.5
    lost = 2 * limit * density / inside
    variance = 1 - lost
    return variance, 3 * variance - limit**2 * lost


def _limit(kurtosis: float, *, least: float = 0.05, most: float = 4.0) -> float | None:
    """Return where a normal number is truncated to have a kurtosis; None for one that no limit gives."""
    if not 1.75 <= kurtosis < 3:
        return None
    low = least
    high = most
    for _ in range(60):
        middle = 0.5 * (low + high)
        variance, fourth = _truncated_moments(middle)
        if fourth / variance**2 < kurtosis:
            low = middle
        else:
            high = middle
    return low
