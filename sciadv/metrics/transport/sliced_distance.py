"""Wasserstein-1 distance of samples: exact in one dimension by sorting, in more by slices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.arguments.values import as_count, as_tensor
from sciadv.errors import InputError
from sciadv.types import as_generator


def wasserstein_1(x: Tensor, y: Tensor) -> Tensor:
    """Exact Wasserstein-1 distance of one-dimensional samples, ``integral |F_x - F_y| dt``.

    Parameters
    ----------
    x, y
        Samples ``(n, ...)`` and ``(m, ...)``: a distance for each of the other dimensions' places, in the
        samples' unit. Differentiable.

    Returns
    -------
    ``(...)``.

    Raises
    ------
    InputError
        No samples, NaN or Inf, or shapes that differ beyond the number of samples.

    Notes
    -----
    Of equally many samples it is the mean distance of those of equal rank; otherwise the difference of the
    distribution functions is integrated between all samples, sorted together. O((n + m) log(n + m)).

    References
    ----------
    C. Villani, Topics in Optimal Transportation, 2003, Eq. 2.48.

    Examples
    --------
    >>> wasserstein_1(torch.tensor([0.0, 1.0, 3.0]), torch.tensor([5.0, 6.0, 8.0]))
    tensor(5.)
    """
    x, y = (as_tensor(part, "samples", device=part.device) for part in (x, y))
    if x.ndim < 1 or y.ndim < 1 or x.shape[1:] != y.shape[1:] or 0 in (len(x), len(y)):
        raise InputError(
            f"samples must be (n, ...) and (m, ...) of one shape, but are {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    if not (bool(x.isfinite().all()) and bool(y.isfinite().all())):
        raise InputError("samples hold NaN or Inf; leave them out")
    if len(x) == len(y):
        return (x.sort(0).values - y.sort(0).values).abs().mean(0)
    both, order = torch.cat([x, y]).sort(0)
    from_x = (order < len(x)).to(both.dtype)
    gap = from_x.cumsum(0) / len(x) - (1 - from_x).cumsum(0) / len(y)
    return (gap[:-1].abs() * both.diff(dim=0)).sum(0)


@dataclass(frozen=True)
class SlicedDistance:
    """Mean over directions of the Wasserstein-1 distance of projections.

    Parameters
    ----------
    value
        The mean, in the samples' unit.
    standard_error
        Of the mean, from the directions that were drawn; 0 in one dimension.
    greatest
        The largest of them: a lower bound on the Wasserstein-1 distance itself.
    """

    value: float
    standard_error: float
    greatest: float


def sliced_wasserstein(
    x: Tensor, y: Tensor, *, n_directions: int = 200, seed: int | torch.Generator = 0
) -> SlicedDistance:
    """Sliced Wasserstein-1 distance, ``E over unit vectors u of W1(<u, x>, <u, y>)``.

    Parameters
    ----------
    x, y
        Samples ``(n, ...)`` and ``(m, ...)``; flattened.
    n_directions
        Directions drawn, evenly from the sphere.
    seed
        Draws them.

    Raises
    ------
    InputError
        As `wasserstein_1`, or n_directions < 1.

    Notes
    -----
    At most the Wasserstein-1 distance, behind which it falls by a factor of order sqrt(d) in d dimensions:
    two point masses at distance r have ``r E|u_1|``, ``r sqrt(2 / (pi d))`` for large d. Each slice is exact:
    the error is that of the directions only.

    References
    ----------
    N. Bonneel, J. Rabin, G. Peyre, H. Pfister, Sliced and Radon Wasserstein barycenters of measures, Journal
    of Mathematical Imaging and Vision 51, 2015, section 2.

    Examples
    --------
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> round(sliced_wasserstein(x, x + torch.tensor([4.0, 0.0, 0.0])).value)  # 4 E|u_1| = 2
    2
    """
    n_directions = as_count(n_directions, "n_directions")
    x, y = (part.detach().flatten(1).double() if part.ndim > 1 else part[:, None] for part in (x, y))
    if x.shape[1] == 1:
        exact = float(wasserstein_1(x, y)[0])
        return SlicedDistance(exact, 0.0, exact)
    if x.shape[1] != y.shape[1]:
        raise InputError(f"samples have {x.shape[1]} and {y.shape[1]} numbers each; give both in one space")
    directions = torch.randn(x.shape[1], n_directions, generator=as_generator(seed), dtype=torch.float64)
    directions = (directions / directions.norm(dim=0)).to(x.device)
    found = wasserstein_1(x @ directions, y @ directions)
    error = float(found.std()) / n_directions**0.5 if n_directions > 1 else float("inf")
    return SlicedDistance(float(found.mean()), error, float(found.max()))
