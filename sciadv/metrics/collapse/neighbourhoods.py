"""Who is near whom among real and generated samples, by ranks: coverage, recall, repeats, copies, gaps.

All is computed from one order of the neighbours of every sample, so that many splits of the same samples cost
little.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """Every sample's other samples from the nearest to the furthest.

    Parameters
    ----------
    features
        ``(n, features)``.
    order
        Numbers of the other samples, nearest first, ``(n, n - 1)``.
    distances
        Euclidean, ``(n, n)``.
    """

    features: Tensor
    order: Tensor
    distances: Tensor

    @staticmethod
    def of(features: Tensor) -> Neighbours:
        """Order the neighbours of each row of ``(n, features)``."""
        centred = (features - features.mean(0)).double()
        squares = centred.square().sum(1)
        distances = (squares[:, None] + squares - 2 * centred @ centred.T).clamp_min(0)
        distances[distances < 1e-12 * squares.max()] = 0.0  # equal rows, up to rounding
        distances = distances.sqrt().float()
        ranked = distances.clone().fill_diagonal_(-1.0)  # each first among its own
        return Neighbours(features, ranked.argsort(dim=1, stable=True)[:, 1:], distances)

    def until(self, rows: Tensor, among: Tensor, k: int) -> Tensor:
        """Return the nearest samples of some rows until k of each row's are among others ``(rows, n)``."""
        n = min(8 * k, self.order.shape[1])
        while True:
            order = self.order[rows, :n]
            if n == self.order.shape[1] or int(among[order].sum(1).min()) >= k:
                return order
            n = min(2 * n, self.order.shape[1])

    def nearest(self, rows: Tensor, among: Tensor) -> Tensor:
        """Return the distance from each of some rows to its nearest one of others.

        Parameters
        ----------
        rows
            Numbers ``(k,)``.
        among
            Which samples count ``(n,)``, bool.
        """
        order = self.until(rows, among, 1)
        place = among[order].to(torch.uint8).argmax(1, keepdim=True)
        found: Tensor = self.distances[rows[:, None], order.gather(1, place)]
        return found[:, 0]


@dataclass(frozen=True)
class Reach:
    """From where on neighbours are near, fixed once for every split.

    Parameters
    ----------
    k_real
        Neighbour in its own set that a real sample's ball reaches to.
    k_fake
        The same of a generated sample.
    share
        Part of its own set that the wide ball of a real sample holds.
    repeated, copied
        Distances below which two samples of a set count as repeats, and below which a sample counts as the
        copy of a real one.
    """

    k_real: int
    k_fake: int
    share: float
    repeated: float
    copied: float


#: What `measure_overlap` measures, in its order; a fault lowers each.
OVERLAP = ("coverage", "recall", "precision", "distinct", "new", "density", "spread", "thinnest")


def measure_overlap(known: Neighbours, real: Tensor, fake: Tensor, reach: Reach) -> Tensor:
    """Measure how a set lies among real samples: the numbers named in `OVERLAP`.

    Parameters
    ----------
    known
        The neighbours of all samples.
    real, fake
        Numbers of the rows of both sets, ``(a,)`` and ``(b,)``.
    reach
        How far balls reach.

    Notes
    -----
    Coverage and precision: shares of the real samples with a fake in their ball, and of the fakes in one.
    Recall: share of the real samples in a fake's ball. Distinct and new: shares of the fakes that repeat no
    other fake, and no real sample. Density: fakes in the wide balls of real samples, over those expected, in
    the tenth of the balls that has the fewest. Spread and thinnest: half the logarithm of the variance over
    that of the real samples, in the mean over features and in the eighth of them with the least.

    References
    ----------
    T. Kynkaanniemi et al., Improved precision and recall metric for assessing generative models, NeurIPS
    2019; M. F. Naeem et al., Reliable fidelity and diversity metrics for generative models, ICML 2020.
    """
    n = len(known.features)
    in_real, in_fake = (torch.zeros(n, dtype=torch.bool).index_fill_(0, rows, True) for rows in (real, fake))
    n_wide = max(2, reach.k_real, round(reach.share * len(real)))
    order = known.until(real, in_real, n_wide)
    is_fake = in_fake[order]
    n_nearer = in_real[order].cumsum(1, dtype=torch.int32)
    in_ball = is_fake & (n_nearer < reach.k_real)
    held = (is_fake & (n_nearer < n_wide)).sum(1).double() * len(real) / (n_wide * len(fake))
    order_fake = known.until(fake, in_fake, reach.k_fake)
    n_fakes_nearer = in_fake[order_fake].cumsum(1, dtype=torch.int32)
    recalled = torch.unique(order_fake[in_real[order_fake] & (n_fakes_nearer < reach.k_fake)])
    precise = torch.unique(order[in_ball])
    ratio = (known.features[fake].var(0) + 1e-12) / (known.features[real].var(0) + 1e-12)
    narrowness = (ratio.log() / 2).sort().values
    return torch.stack(
        [
            in_ball.any(1).double().mean(),
            torch.tensor(len(recalled) / len(real), dtype=torch.float64),
            torch.tensor(len(precise) / len(fake), dtype=torch.float64),
            (known.nearest(fake, in_fake) > reach.repeated).double().mean(),
            (known.nearest(fake, in_real) > reach.copied).double().mean(),
            held.sort().values[: max(1, len(real) // 10)].mean(),
            narrowness.mean().double(),
            narrowness[: max(1, len(ratio) // 8)].mean().double(),
        ]
    )
