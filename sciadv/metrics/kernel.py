"""Kernel distance between two sets of features (KID), unbiased, with a confidence interval."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.metrics.frechet import check_features
from sciadv.types import as_generator


@dataclass(frozen=True)
class KernelDistance:
    """Squared MMD with its 95 % confidence interval; an interval that holds 0 shows no difference."""

    value: float
    low: float
    high: float
    n_blocks: int


def squared_mmd(x: Tensor, y: Tensor) -> Tensor:
    """Unbiased squared MMD of equally many rows with the kernel ``(x.y / features + 1)^3``.

    Gretton et al., A kernel two-sample test, JMLR 13 (2012), equation 4: pairs of equal index are left out
    of the mixed term too, so that a set has distance exactly 0 from itself.
    """
    n = len(x)
    k_xx, k_yy, k_xy = ((a @ b.T / x.shape[1] + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    total = k_xx + k_yy - k_xy - k_xy.T
    return (total.sum() - total.diagonal().sum()) / (n * (n - 1))


def kernel_distance(
    real: Tensor, fake: Tensor, *, block: int = 500, seed: int | torch.Generator = 0
) -> KernelDistance:
    """KID: mean of the unbiased squared MMD over disjoint blocks of two feature sets ``(n, features)``.

    Parameters
    ----------
    real, fake
        Features; of the larger set the first rows are used, as many as the other has.
    block
        Rows of a block; fewer where a set is smaller than two blocks.
    seed
        Seed of the random blocks.

    Notes
    -----
    Blocks are disjoint, hence independent, and the interval is Student's; the usual random subsets overlap,
    which makes their spread too small for an interval of the mean.

    References
    ----------
    M. Binkowski, D. J. Sutherland, M. Arbel, A. Gretton. Demystifying MMD GANs. ICLR 2018, section 4.
    """
    from scipy.stats import t

    real, fake = check_features(real, fake)
    n = min(len(real), len(fake))
    rows = max(2, min(block, n // 2))
    n_blocks = max(1, n // rows)
    order = torch.randperm(n, generator=as_generator(seed))[: n_blocks * rows]
    parts = torch.split(order.to(real.device), rows)
    values = torch.stack([squared_mmd(real[part], fake[part]) for part in parts])
    mean = float(values.mean())
    if n_blocks == 1:
        return KernelDistance(mean, -float("inf"), float("inf"), 1)
    half = float(t.ppf(0.975, n_blocks - 1)) * float(values.std()) / n_blocks**0.5
    return KernelDistance(mean, mean - half, mean + half, n_blocks)
