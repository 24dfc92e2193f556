"""Flat maps of embeddings, to look at: UMAP where umap-learn is installed, principal components elsewhere."""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.assessment.probes import Embedding
from sciadv.types import as_random_state


def flat_map(embedding: Embedding, *, seed: int = 0, has_umap: bool | None = None) -> NDArray[np.float64]:
    """Return a map ``(cells, 2)`` of an embedding ``(cells, n)``.

    Parameters
    ----------
    embedding
        Coordinates of cells.
    seed
        Seed of UMAP.
    has_umap
        Whether to take UMAP rather than the first two principal components; None takes it where umap-learn
        is installed.

    References
    ----------
    L. McInnes, J. Healy, J. Melville, UMAP: uniform manifold approximation and projection for dimension
    reduction, arXiv:1802.03426, 2018. Distances between far clusters of such a map mean little.
    """
    if map_name(has_umap) == "UMAP":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a seed makes it run on one thread, which it warns of
            from umap import UMAP

            found: NDArray[np.float64] = (
                UMAP(random_state=as_random_state(seed)).fit_transform(embedding).astype(np.float64)
            )
        return found
    from sklearn.decomposition import PCA

    components: NDArray[np.float64] = (
        PCA(2, random_state=as_random_state(seed)).fit_transform(embedding).astype(np.float64)
    )
    return components


def map_name(has_umap: bool | None = None) -> str:  # noqa: FBT001  # None is the third value
    """Say what `flat_map` gives: "UMAP" or "principal components"."""
    wanted = find_spec("umap") is not None if has_umap is None else has_umap
    return "UMAP" if wanted else "principal components"
