"""One estimate from several: their convex combination of least squared error on images whose truth is known.

Breiman, Stacked regressions, Machine Learning 24 (1996) 49-64: weights that are not negative and sum to one
are never worse than the best single estimate on the images that they are fitted to, and hardly so on others:
there are a handful of weights and many thousand pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor


def error_products(estimates: Mapping[str, Tensor], truth: Tensor) -> Tensor:
    """Return the mean product of the errors of two estimates each, a pixel, ``(estimates, estimates)``.

    Parameters
    ----------
    estimates
        Each ``(batch, *shape)``.
    truth
        What they estimate ``(batch, *shape)``.
    """
    errors = torch.stack([(x.double() - truth.double()).flatten() for x in estimates.values()])
    return errors @ errors.T / errors.shape[1]


def stacking_weights(products: Tensor, *, least: float = 0.02) -> Tensor:
    """Return the weights ``(estimates,)``, not negative and of sum 1, of the least mean squared error.

    Parameters
    ----------
    products
        Mean products of the errors ``(estimates, estimates)``: the combination's mean squared error is
        ``w' products w``.
    least
        Weights below this are left out: an estimate that costs a search should change the answer.

    Examples
    --------
    Two estimates with independent errors of the same size are averaged, a third one that is worse in every
    respect is left out:

    >>> stacking_weights(torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 3.0]]))
    tensor([0.5000, 0.5000, 0.0000], dtype=torch.float64)
    """
    kept = torch.ones(len(products), dtype=torch.bool)
    weights = _on_simplex(products.double().cpu())
    while bool((weights[kept] < least).any()):
        kept &= weights >= least
        part = _on_simplex(products.double().cpu()[kept][:, kept])
        weights = torch.zeros_like(weights).masked_scatter(kept, part)
    return weights


def cheaper_weights(products: Tensor, costly: Sequence[int], *, slack: float, least: float = 0.02) -> Tensor:
    """Return `stacking_weights` without the estimates that hardly lower the error.

    Parameters
    ----------
    products, least
        As there.
    costly
        Estimates by number, the costliest first: each is left out if the error stays within the slack.
    slack
        By how much the mean squared error may exceed that of the full combination, as a part of it.
    """
    weights = stacking_weights(products, least=least)
    most = (1 + slack) * float(weights @ products.double().cpu() @ weights)
    kept = weights > 0
    for one in costly:
        trial = kept.clone()
        trial[one] = False
        if not kept[one] or not bool(trial.any()):
            continue
        fewer = stacking_weights(products[trial][:, trial], least=least)
        wider = torch.zeros_like(weights).masked_scatter(trial, fewer)
        if float(wider @ products.double().cpu() @ wider) <= most:
            weights, kept = wider, wider > 0
    return weights


def combined(estimates: Mapping[str, Tensor], names: Sequence[str], weights: Tensor) -> Tensor:
    """Return the sum of estimates ``(batch, *shape)`` by the weights of each measurement.

    Parameters
    ----------
    estimates
        Those of some of the names.
    names
        Of the columns of the weights.
    weights
        ``(batch, names)``; those of names without an estimate are 0.
    """
    total = torch.zeros_like(next(iter(estimates.values())))
    for name, x in estimates.items():
        weight = weights[:, names.index(name)].to(x)
        total += weight.reshape(-1, *[1] * (x.ndim - 1)) * x
    return total


def with_weight(names: Sequence[str], weights: Tensor) -> list[str]:
    """Return the names that have a weight ``(batch, names)`` above 0 for any measurement."""
    return [name for name, used in zip(names, (weights > 0).any(0).tolist(), strict=True) if used]


def _on_simplex(products: Tensor) -> Tensor:
    """Minimise ``w' Q w`` on the simplex, as non-negative least squares with the sum as a heavy row.

    Lawson and Hanson, Solving Least Squares Problems, 1974, chapter 23.
    """
    from scipy.optimize import nnls

    values, vectors = torch.linalg.eigh(products)
    root = (values.clamp_min(0).sqrt()[:, None] * vectors.T).numpy()
    heavy = 1e4 * max(float(products.diagonal().max()), 1e-300) ** 0.5
    rows = np.vstack([root, np.full((1, len(root)), heavy)])
    found = nnls(rows, np.append(np.zeros(len(root)), heavy))[0]
    return torch.from_numpy(found / found.sum())
