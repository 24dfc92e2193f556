"""Privacy of a prior: whether an attacker can tell its training images from others that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.prior import Prior


@dataclass(frozen=True)
class Membership:
    """How well a distance finds which images were trained on: an area of 0.5 is chance.

    Parameters
    ----------
    auc
        Probability that a training image's distance is smaller than another image's.
    standard_error
        Of it.
    n_members, n_others
        Images of both kinds.
    """

    auc: float
    standard_error: float
    n_members: int
    n_others: int

    def header(self) -> dict[str, str]:
        """Return the numbers as lines of a card's header."""
        is_found = self.auc - 2 * self.standard_error > 0.5
        words = "training images can be found among others" if is_found else "no better than chance"
        return {
            "membership_auc": f"{self.auc:.3f}",
            "membership_standard_error": f"{self.standard_error:.3f}",
            "membership": f"{words}, by the distance to what the generator makes of them",
        }


def membership(members: Tensor, others: Tensor) -> Membership:
    """Return how well distances tell members from others: small ones are taken for members.

    Parameters
    ----------
    members, others
        Distances ``(n,)`` of training images, and of images that were not trained on.

    Raises
    ------
    InputError
        There are fewer than two of either, or one is not finite.

    References
    ----------
    J. A. Hanley, B. J. McNeil, The meaning and use of the area under a receiver operating characteristic
    (ROC) curve, Radiology 143, 1982, Eqs. 1 and 2.

    Examples
    --------
    >>> membership(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])).auc
    0.875
    """
    n, m = len(members), len(others)
    if min(n, m) < 2 or not (members.isfinite().all() and others.isfinite().all()):
        raise InputError(f"membership needs two finite distances of either kind at least, got {n} and {m}")
    both = torch.cat([members, others]).double()
    below = torch.searchsorted(both.sort().values, both)
    upto = torch.searchsorted(both.sort().values, both, right=True)
    ranks = (below + upto + 1).double() / 2  # tied ones share the mean of their ranks
    auc = float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))
    q1 = auc / (2 - auc)
    q2 = 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (m - 1) * (q2 - auc**2)
    return Membership(auc, sqrt(max(variance, 0.0) / (n * m)), n, m)


def attack(
    prior: Prior, members: Tensor, others: Tensor, *, n_samples: int = 2000, seed: int = 0
) -> Membership:
    """Attack a prior: tell training images from others by their distance to the nearest thing it generates.

    With an encoder that is ``G(E(x))``, what an attacker with the weights has at once; without one the
    nearest of its samples.

    Parameters
    ----------
    prior
        The prior.
    members
        Training images ``(n, *out_shape)`` in its range.
    others
        Images of the same kind that it was not trained on.
    n_samples
        Samples that a prior without encoder is attacked with.
    seed
        Of the samples.

    References
    ----------
    D. Chen et al., GAN-Leaks: a taxonomy of membership inference attacks against generative models, CCS
    2020, section 4 (distances to samples, and to reconstructions).
    """
    samples = None if prior.encoder is not None else prior.sample(n_samples, seed=seed).flatten(1)
    return membership(_distances(prior, members, samples), _distances(prior, others, samples))


def _distances(prior: Prior, images: Tensor, samples: Tensor | None) -> Tensor:
    """Return each image's distance to what is generated ``(n,)``."""
    found = []
    with torch.no_grad():
        for part in torch.split(images.to(prior.device, prior.dtype), 500):
            if samples is None:
                found.append((prior(prior.encode(part)) - part).flatten(1).norm(dim=1))
            else:
                found.append(torch.cdist(part.flatten(1), samples).amin(1))
    return torch.cat(found)
