"""Frechet distance between two sets of features, and the rank of features, which says what they can see.

With Inception-v3 features the distance is the FID; it takes any features here, and the value means
something only beside the features' name and the distance between two real sets of the same size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.errors import InputError


def check_features(*sets: Tensor) -> list[Tensor]:
    """Return feature sets as float64 ``(n, features)``, checked against each other.

    Raises
    ------
    InputError
        A set is not two-dimensional, has fewer than 2 rows, NaN or Inf, or another number of features.
    """
    for features in sets:
        if features.ndim != 2 or len(features) < 2:
            raise InputError(
                f"features have shape {tuple(features.shape)}, expected (n, features) with n >= 2"
            )
        if features.shape[1] != sets[0].shape[1]:
            raise InputError(f"features differ in length: {sets[0].shape[1]} and {features.shape[1]}")
        if not bool(features.isfinite().all()):
            raise InputError("features hold NaN or Inf; look at the images and the feature network")
    return [features.detach().double() for features in sets]


def frechet_distance(real: Tensor, fake: Tensor) -> float:
    """Squared Frechet distance between Gaussians fitted to two feature sets ``(n, features)``.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2))``, with unbiased covariances.

    Notes
    -----
    The symmetric form needs two eigendecompositions of symmetric matrices and no square root of a
    nonsymmetric one, so it is real by construction for singular covariances too. It is biased upwards by an
    amount of order ``1 / n``: compare sets of the same size only.

    References
    ----------
    D. C. Dowson, B. V. Landau. The Frechet distance between multivariate normal distributions. Journal of
    Multivariate Analysis 12 (1982) 450-455. M. Heusel et al. GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium. NeurIPS 2017.

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
    >>> abs(frechet_distance(x, x + torch.tensor([2.0, 0.0, 0.0])) - 4) < 1e-6
    True
    """
    real, fake = check_features(real, fake)
    return frechet_from_moments(real.mean(0), _covariance(real), fake.mean(0), _covariance(fake))


def frechet_from_moments(mean_1: Tensor, covariance_1: Tensor, mean_2: Tensor, covariance_2: Tensor) -> float:
    """Squared Frechet distance between two Gaussians given by their moments."""
    values, vectors = torch.linalg.eigh(covariance_1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ covariance_2 @ root).clamp_min(0).sqrt().sum()
    spread = covariance_1.diagonal().sum() + covariance_2.diagonal().sum() - 2 * mixed
    return float((mean_1 - mean_2).square().sum() + spread.clamp_min(0))


def _covariance(features: Tensor) -> Tensor:
    """Unbiased covariance ``(features, features)``, of one feature too."""
    return features.T.cov().reshape(features.shape[1], features.shape[1])


def effective_rank(features: Tensor) -> float:
    """Effective rank of the features' covariance, ``exp(-sum p log p)`` with p its normalised eigenvalues.

    0 for features that are all equal: distances between such features are 0 whatever the images are.

    References
    ----------
    O. Roy, M. Vetterli. The effective rank: a measure of effective dimensionality. EUSIPCO 2007.
    """
    (features,) = check_features(features)
    values = torch.linalg.eigvalsh(_covariance(features)).clamp_min(0)
    if float(values.sum()) <= 1e-20 * (1 + float(features.square().mean())):
        return 0.0
    shares = values / values.sum()
    return float(torch.exp(-torch.xlogy(shares, shares).sum()))
