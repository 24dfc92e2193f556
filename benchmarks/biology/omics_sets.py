"""Sets of real cells for the bench of batch correction, on all their genes or on the most variable ones."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.keys import Names
from sciadv.domains.batch_correction.reading.matrices import dense
from sciadv.domains.batch_correction.reading.read import read_cells
from sciadv.errors import InputError
from sciadv.files.h5ad import read_h5ad

PROBLEM = "pbmc-correction"
#: Coordinates of every embedding that is scored: shorter ones get zeros, so that the scores compile once.
N_COORDINATES = 50
#: Genes that are selected where a set has more.
N_SELECTED = 2000
#: Commonest labels in a quick run, and cells of each: as many of all, so that the scores compile once.
QUICK_LABELS, QUICK_CELLS = 4, 120


@dataclass(frozen=True)
class Task:
    """A set of cells: the AnnData, its batches and labels, and its principal components."""

    name: str
    adata: Any
    batch: Names
    labels: Names
    components: NDArray[np.float32]


def read_set(name: str) -> Any:
    """Read a set of cells as AnnData from ``SCIADV_DATA``.

    Raises
    ------
    InputError
        anndata or the file is not there.
    """
    if find_spec("anndata") is None:
        raise InputError("the omics bench reads .h5ad files; pip install sciadv[omics]")
    path = Path(os.environ.get("SCIADV_DATA", "")) / "omics" / name / f"{name}.h5ad"
    if not path.is_file():
        raise InputError(
            f"{path} is not there; set SCIADV_DATA to a folder that has omics/{name}/{name}.h5ad (sources "
            f"are in problems/{PROBLEM}/README.md)"
        )
    return read_h5ad(path)


def as_task(name: str, adata: Any, *, seed: int) -> Task:
    """Return cells whose ``obs`` has a batch and a label, with their principal components."""
    expression = read_cells(adata, Columns()).normalised()
    components = Components.fit(expression, N_COORDINATES, seed=seed).scores(expression)
    batch, labels = (np.asarray(adata.obs[key], dtype=np.str_) for key in ("batch", "label"))
    return Task(name, adata, batch, labels, components)


def load_tasks(name: str, *, is_quick: bool, seed: int) -> list[Task]:
    """Load a set on all genes and, where it has more, on the `N_SELECTED` most variable ones.

    For a quick run there are as many cells of each of the commonest labels, and all genes only.
    """
    adata = read_set(name)
    if is_quick:
        labels, counts = np.unique(np.asarray(adata.obs["label"], dtype=np.str_), return_counts=True)
        adata = adata[_drawn(adata, labels[np.argsort(-counts)[:QUICK_LABELS]], seed)].copy()
        return [as_task(name, adata, seed=seed)]
    tasks = [as_task(name, adata, seed=seed)]
    if adata.n_vars > N_SELECTED:
        x = dense(read_cells(adata, Columns()).normalised())
        selected = adata[:, variable_genes(x, tasks[0].batch, N_SELECTED)].copy()
        tasks.append(as_task(f"{name}, {N_SELECTED} genes", selected, seed=seed))
    return tasks


def as_null(task: Task, *, seed: int) -> Task:
    """Return the cells of the largest batch, split at random into two that do not differ."""
    names, counts = np.unique(task.batch, return_counts=True)
    adata = task.adata[task.batch == names[counts.argmax()]].copy()
    adata.obs["batch"] = np.random.default_rng(seed).choice(["half 1", "half 2"], adata.n_obs)
    return replace(as_task(task.name, adata, seed=seed), name=f"{task.name}, null")


def variable_genes(
    x: NDArray[np.floating], batch: Names, n: int, *, n_bins: int = 20
) -> NDArray[np.integer[Any]]:
    """Return the places of the n most variable genes within batches, in their order.

    Dispersions are variances over means of expression, the mean of their logarithms over batches,
    standardised among genes of like expression.

    Parameters
    ----------
    x
        Log-normalised expression ``(cells, genes)``.
    batch
        ``(cells,)``.
    n
        How many.
    n_bins
        Groups of genes of like expression.

    References
    ----------
    R. Satija et al., Spatial reconstruction of single-cell gene expression data, Nature Biotechnology 33,
    2015.
    """
    raw = np.expm1(x)
    of = [raw[batch == one] for one in np.unique(batch)]
    dispersion = np.mean([np.log(own.var(0).clip(1e-9) / own.mean(0).clip(1e-9)) for own in of], 0)
    rank = x.mean(0).argsort().argsort() * n_bins // x.shape[1]
    score = np.zeros(x.shape[1])
    for group in range(n_bins):
        own = dispersion[rank == group]
        score[rank == group] = (own - np.median(own)) / (own.std() + 1e-9)
    return np.sort(np.argsort(-score)[:n])


def _drawn(adata: Any, labels: Names, seed: int) -> NDArray[np.int64]:
    """Draw `QUICK_CELLS` cells of each label, in their order."""
    rng = np.random.default_rng(seed)
    of = np.asarray(adata.obs["label"], dtype=np.str_)
    drawn = [rng.choice(np.flatnonzero(of == label), QUICK_CELLS, replace=False) for label in labels]
    return np.sort(np.concatenate(drawn))
