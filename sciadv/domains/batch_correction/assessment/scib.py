"""The ten scores of scIB, by the package scib-metrics (extra ``omics``)."""

from __future__ import annotations

import gc
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names
from sciadv.errors import InputError

if TYPE_CHECKING:
    from sciadv.domains.batch_correction.assessment.probes import Embedding

#: Scores by the names that scib-metrics prints: five of biology kept, five of batches mixed, their means and
#: the total, ``0.6 bio + 0.4 batch``.
SCORES = {
    "isolated_labels": "Isolated labels",
    "nmi": "KMeans NMI",
    "ari": "KMeans ARI",
    "silhouette_label": "Silhouette label",
    "clisi": "cLISI",
    "bras": "BRAS",
    "ilisi": "iLISI",
    "kbet": "KBET",
    "graph_connectivity": "Graph connectivity",
    "pcr_comparison": "PCR comparison",
    "bio": "Bio conservation",
    "batch": "Batch correction",
    "total": "Total",
}


def has_scib() -> bool:
    """Whether scib-metrics is installed."""
    return find_spec("scib_metrics") is not None


def scib_scores(
    embeddings: Mapping[str, Embedding], before: Embedding, batch: Names, labels: Names
) -> dict[str, dict[str, float]]:
    """Score embeddings of the same cells; for each, the numbers of `SCORES`, between 0 and 1.

    Parameters
    ----------
    embeddings
        ``(cells, n)`` each, by name.
    before
        ``(cells, n)``: the embedding before correction, with which "pcr_comparison" compares.
    batch, labels
        ``(cells,)``. Cells without a label are left out.

    Raises
    ------
    InputError
        scib-metrics is not installed, fewer than 100 cells have a label, or all of them the same.

    Notes
    -----
    The scores are those of scib-metrics' `Benchmarker` with its defaults, on exact nearest neighbours in
    place of approximate ones (those of kBET's diffusion maps included), whose package takes half a minute to
    compile. Two of them (NMI, ARI) come from one run of k-means and move the total by 0.01 to 0.02 between
    seeds of an embedding.

    References
    ----------
    M. D. Luecken et al., Benchmarking atlas-level data integration in single-cell genomics, Nature Methods
    19, 2022, for all but BRAS, which takes the place of the batch silhouette (P. Rautenstrauch, U. Ohler,
    Shortcomings of silhouette in single-cell integration benchmarking, Nature Biotechnology, 2025).
    """
    if not has_scib():
        raise InputError("the scores of scIB need scib-metrics; pip install sciadv[omics]")
    known = np.flatnonzero(labels != UNKNOWN)
    if len(known) < 100:
        raise InputError(f"the scores of scIB need 100 cells with a label, but {len(known)} have one")
    if len(np.unique(labels[known])) < 2:
        raise InputError("the scores of scIB need two labels, but all cells have the same")
    kept = {name: z[known] for name, z in embeddings.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside scib-metrics, jax and anndata
        with _exact_throughout(), _brief_collections():
            table = _benchmark(kept, before[known], batch[known], labels[known])
    return {
        name: {key: float(table.loc[name, title]) for key, title in SCORES.items()} for name in embeddings
    }


def _benchmark(embeddings: dict[str, Embedding], before: Embedding, batch: Names, labels: Names) -> Any:
    """Run scib-metrics; a data frame with a row per embedding."""
    import pandas as pd
    from anndata import AnnData
    from scib_metrics.benchmark import Benchmarker

    logging.getLogger("scib_metrics").setLevel(logging.WARNING)  # a line for every label with few cells
    obs = pd.DataFrame({"batch": batch, "label": labels}, dtype="category")
    obs.index = obs.index.astype(str)
    obsm = {**{f"e.{k}": np.asarray(z, np.float32) for k, z in embeddings.items()}, "before": before}
    adata = AnnData(np.zeros((len(batch), 1), np.float32), obs=obs, obsm=obsm)
    bench = Benchmarker(
        adata,
        "batch",
        "label",
        [f"e.{name}" for name in embeddings],
        pre_integrated_embedding_obsm_key="before",
        progress_bar=False,
    )
    bench.prepare(_exact_neighbours)
    bench.benchmark()
    table = bench.get_results(min_max_scale=False)
    table.index = [str(name).removeprefix("e.") for name in table.index]
    return table


@contextmanager
def _exact_throughout() -> Iterator[None]:
    """Let scib-metrics take exact neighbours where it can be given none, too."""
    from scib_metrics import nearest_neighbors

    approximate = nearest_neighbors.pynndescent
    nearest_neighbors.pynndescent = _exact_neighbours
    try:
        yield
    finally:
        nearest_neighbors.pynndescent = approximate


@contextmanager
def _brief_collections() -> Iterator[None]:
    """Spare what is there from scib-metrics' garbage collections, one a score: they took half of its time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _exact_neighbours(embedding: NDArray[Any], n_neighbors: int | np.integer) -> Any:
    """Return the nearest neighbours, each cell its own first one, as scib-metrics takes them."""
    from scib_metrics.nearest_neighbors import NeighborsResults
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=int(n_neighbors), algorithm="brute").fit(embedding)
    distances, indices = search.kneighbors(embedding)
    return NeighborsResults(indices=indices, distances=distances)
