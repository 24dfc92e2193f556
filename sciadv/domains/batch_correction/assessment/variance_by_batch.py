"""Which part of the variance of each principal component lies between batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.assessment.probes import Embedding
from sciadv.domains.batch_correction.reading.keys import Names


def variance_by_batch(
    embedding: Embedding,
    batch: Names,
    *,
    n_components: int = 20,
) -> NDArray[np.float64]:
    """Return the share of the variance of principal components that lies between batches ``(components,)``.

    That is ``1 - (variance within batches) / variance``, of the components of the embedding itself, those
    that vary most first. Batches of other cell types differ by these alone, so 0 is not to be wished for.

    Parameters
    ----------
    embedding
        ``(cells, n)``.
    batch
        ``(cells,)``.
    n_components
        How many, where there are so many.

    Examples
    --------
    >>> import numpy as np
    >>> z = np.random.default_rng(0).normal(size=(90, 2)) * [1, 4]
    >>> batch = np.repeat(["a", "b", "c"], 30)
    >>> apart = z + 9 * np.repeat([[0, 0], [1, 0], [2, 0]], 30, 0)
    >>> bool(variance_by_batch(apart, batch)[0] > 0.9), bool(variance_by_batch(z, batch).max() < 0.1)
    (True, True)
    """
    z = np.asarray(embedding, np.float64)
    z = z - z.mean(0)
    axes = np.linalg.eigh(z.T @ z)[1][:, ::-1]
    scores = z @ axes[:, :n_components]
    names, own = np.unique(batch, return_inverse=True)
    n = np.bincount(own, minlength=len(names))[:, None]
    means = np.stack([scores[own == b].mean(0) for b in range(len(names))])
    total = (scores**2).sum(0).clip(min=1e-300)
    found: NDArray[np.float64] = (n * means**2).sum(0) / total
    return found
