"""Fidelity and diversity from nearest neighbours: precision, recall, density, coverage, memorisation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.metrics.frechet import check_features

#: Rows of a distance matrix computed at once.
_CHUNK = 500


@dataclass(frozen=True)
class Manifold:
    """Shares in [0, 1], except `density`, which is 1 for equal distributions and may exceed it."""

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_metrics(real: Tensor, fake: Tensor, *, k: int = 5) -> Manifold:
    """Precision, recall, density and coverage of `fake` against `real`, features ``(n, features)``.

    A ball around each sample reaches to its k-th neighbour in its own set. Precision is the share of fakes
    inside a real's ball, recall the share of reals inside a fake's ball [1]_; density counts the reals'
    balls around a fake over k, coverage is the share of reals with a fake in their ball [2]_.

    Parameters
    ----------
    real, fake
        Features, more than k rows each. The values depend on the numbers of rows: state them, and compare
        with the values of a second real set of the same size.
    k
        Neighbour that a ball reaches to, not counting its centre; 3 in [1]_, 5 in [2]_.

    Raises
    ------
    InputError
        A set has k rows or fewer.

    References
    ----------
    .. [1] T. Kynkaanniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila. Improved precision and recall metric
       for
       assessing generative models. NeurIPS 2019, equations 1 and 2.
    .. [2] M. F. Naeem, S. J. Oh, Y. Uh, Y. Choi, J. Yoo. Reliable fidelity and diversity metrics for
       generative models.
       ICML 2020, equations 4 and 5.
    """
    real, fake = check_features(real, fake)
    if k < 1 or min(len(real), len(fake)) <= k:
        raise InputError(f"k must be >= 1 and below the rows of both sets, got {k}, {len(real)}, {len(fake)}")
    radius_real, radius_fake = neighbour_radius(real, k), neighbour_radius(fake, k)
    n_balls = torch.zeros(len(fake), device=fake.device)
    recalled, covered = [], []
    for part, radius in zip(torch.split(real, _CHUNK), torch.split(radius_real, _CHUNK), strict=True):
        distance = _distance(part, fake)
        inside = distance < radius[:, None]
        n_balls += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distance < radius_fake).any(1))
    return Manifold(
        precision=float((n_balls > 0).float().mean()),
        recall=float(torch.cat(recalled).float().mean()),
        density=float(n_balls.mean() / k),
        coverage=float(torch.cat(covered).float().mean()),
    )


def neighbour_radius(features: Tensor, k: int) -> Tensor:
    """Distance of each row to its k-th nearest other row ``(n,)``."""
    parts = [_distance(part, features).kthvalue(k + 1).values for part in torch.split(features, _CHUNK)]
    return torch.cat(parts)


def nearest_distance(features: Tensor, others: Tensor) -> Tensor:
    """Distance of each row to the nearest row of `others` ``(n,)``."""
    centre = others.mean(0)  # the expanded square loses least near 0
    features, others = features - centre, others - centre
    parts = [
        torch.cdist(part, others, compute_mode="use_mm_for_euclid_dist").amin(1)
        for part in torch.split(features, _CHUNK)
    ]
    return torch.cat(parts)


def _distance(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances, exactly 0 between equal rows (the expanded square is faster, but not exact)."""
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


@dataclass(frozen=True)
class Memorisation:
    """Whether samples lie nearer to the training set than new real data do.

    Parameters
    ----------
    z_score
        Mann-Whitney statistic of the two sets of distances, standardised: about N(0, 1) where samples are
        as far as new real data, below -3 where they are copied, above 3 where they are further away.
    share_nearer
        Share of samples nearer to their training image than 99 % of new real data are to theirs; 0.01 by
        chance.
    distance_ratio
        Median distance of the samples over that of new real data.
    """

    z_score: float
    share_nearer: float
    distance_ratio: float

    @property
    def is_suspicious(self) -> bool:
        """Whether samples are copies more often than chance has it."""
        return self.z_score < -3 or self.share_nearer > 0.05


def memorisation(samples: Tensor, train: Tensor, held_out: Tensor) -> Memorisation:
    """Compare the distances to the nearest training sample, of samples and of held-out real data.

    Parameters
    ----------
    samples, train, held_out
        Features, or flattened images, ``(n, features)``.

    References
    ----------
    C. Meehan, K. Chaudhuri, S. Dasgupta. A non-parametric test to detect data-copying in generative models.
    AISTATS 2020, section 3 (with one cell).
    """
    from scipy.stats import rankdata

    samples, train, held_out = check_features(samples, train, held_out)
    near, far = nearest_distance(samples, train), nearest_distance(held_out, train)
    n, m = len(near), len(far)
    ranks = rankdata(torch.cat([near, far]).cpu().numpy())
    statistic = float(ranks[:n].sum()) - n * (n + 1) / 2
    spread = (n * m * (n + m + 1) / 12) ** 0.5
    return Memorisation(
        z_score=(statistic - n * m / 2) / spread,
        share_nearer=float((near < torch.quantile(far, 0.01)).double().mean()),
        distance_ratio=float(near.median() / far.median().clamp_min(1e-300)),
    )
