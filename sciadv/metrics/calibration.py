"""Whether stated uncertainties are true: coverage of intervals, probability transform, error over variance.

All over known truths that nothing was fitted to. Numbers are pooled over measurements and pixels, or over the
pixels of a mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError


@dataclass(frozen=True)
class Calibration:
    """How well a posterior's spread predicts its errors, pooled.

    Parameters
    ----------
    level
        Probability that the intervals state.
    coverage
        Share of true values inside them; `level` when calibrated.
    variance_ratio
        Mean squared error of the posterior mean over the mean posterior variance; 1 when calibrated.
    n_values
        Values that were pooled.
    """

    level: float
    coverage: float
    variance_ratio: float
    n_values: int


def interval(samples: Tensor, level: float = 0.9) -> tuple[Tensor, Tensor]:
    """Return the equal-tailed credible interval of ``(batch, n, ...)`` samples: low and high.

    Raises
    ------
    InputError
        The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of an interval is between 0 and 1, but it is {level}")
    ordered, n = samples.sort(1).values, samples.shape[1]

    def quantile(p: float) -> Tensor:
        place = p * (n - 1)
        below = int(place)
        above = min(below + 1, n - 1)
        return torch.lerp(ordered[:, below], ordered[:, above], place - below)

    return quantile((1 - level) / 2), quantile((1 + level) / 2)


def calibration(
    samples: Tensor, truth: Tensor, *, level: float = 0.9, mask: Tensor | None = None
) -> Calibration:
    """Compare samples of a posterior with the truth.

    Parameters
    ----------
    samples
        ``(batch, n, *shape)``.
    truth
        ``(batch, *shape)``.
    level
        Probability of the equal-tailed intervals.
    mask
        Which values count, broadcastable to the truth; all if left out.

    Raises
    ------
    InputError
        The shapes do not fit, or the mask leaves nothing.

    Examples
    --------
    >>> import torch
    >>> draw = torch.Generator().manual_seed(0)
    >>> samples, truth = torch.randn(100, 200, 50, generator=draw), torch.randn(100, 50, generator=draw)
    >>> found = calibration(samples, truth)
    >>> round(found.coverage, 1), round(found.variance_ratio)
    (0.9, 1)
    """
    keep = _mask(samples, truth, mask)
    low, high = interval(samples, level)
    inside = (truth >= low) & (truth <= high)
    error, variance = (samples.mean(1) - truth).square(), samples.var(1)
    return Calibration(
        level=level,
        coverage=float(inside[keep].double().mean()),
        variance_ratio=float(error[keep].double().mean() / variance[keep].double().mean()),
        n_values=int(keep.sum()),
    )


def probability_transform(samples: Tensor, truth: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Return the rank of each true value among its samples, in (0, 1), uniform when calibrated.

    Ties count half. Dawid, Statistical theory: the prequential approach, J. R. Stat. Soc. A 147 (1984)
    278-292.

    Raises
    ------
    InputError
        The shapes do not fit, or the mask leaves nothing.
    """
    keep, expanded = _mask(samples, truth, mask), truth[:, None]
    below = (samples < expanded).sum(1) + 0.5 * (samples == expanded).sum(1)
    rank: Tensor = (below + 0.5) / (samples.shape[1] + 1)
    return rank[keep]


def _mask(samples: Tensor, truth: Tensor, mask: Tensor | None) -> Tensor:
    if samples.ndim < 2 or (len(samples), *samples.shape[2:]) != tuple(truth.shape):
        raise InputError(
            f"samples have shape {tuple(samples.shape)}, but the truth has {tuple(truth.shape)}; expected "
            f"(batch, n, *shape) and (batch, *shape)"
        )
    everything = torch.ones_like(truth, dtype=torch.bool)
    keep = everything if mask is None else everything & mask
    if not bool(keep.any()):
        raise InputError("the mask leaves no value to compare; it must hold some True")
    return keep
