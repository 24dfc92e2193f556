"""Embeddings of cells without their batch: ours and those of other packages, with their defaults."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.biology.omics_sets import Task
from sciadv.domains.batch_correction import BatchCorrector
from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names

Embedding = NDArray[np.floating]
Embed = Callable[[Task, int], Embedding]


def ours(task: Task, seed: int, *, method: str, **options: Any) -> Embedding:
    """Return what a method of `BatchCorrector` makes of counts, with its defaults."""
    corrector = BatchCorrector(method=method, seed=seed, **options).fit(task.adata)
    embedding: Embedding = corrector.embed(task.adata)
    return embedding


def is_hidden(task: Task, seed: int) -> NDArray[np.bool_]:
    """Return which half of the cells keep their labels to themselves in `half_labelled`."""
    hidden: NDArray[np.bool_] = np.random.default_rng(seed).permutation(len(task.labels)) % 2 == 0
    return hidden


def half_labelled(task: Task, seed: int) -> Embedding:
    """Return codes of the adversarial method that is given the labels of half of the cells."""
    known = np.where(is_hidden(task, seed), UNKNOWN, task.labels)
    corrector = BatchCorrector(method="adversarial", seed=seed).fit(task.adata, labels=known)
    embedding: Embedding = corrector.embed(task.adata)
    return embedding


def in_largest(batch: Names) -> NDArray[np.bool_]:
    """Return which cells are of the largest batch."""
    names, counts = np.unique(batch, return_counts=True)
    found: NDArray[np.bool_] = batch == names[counts.argmax()]
    return found


def largest_labelled(task: Task, seed: int) -> Embedding:
    """Return codes of the adversarial method that is given the labels of the largest batch alone."""
    known = np.where(in_largest(task.batch), task.labels, UNKNOWN)
    corrector = BatchCorrector(method="adversarial", seed=seed)
    corrector.fit(task.adata, labels=known)
    embedding: Embedding = corrector.embed(task.adata)
    return embedding


def uncorrected(task: Task, seed: int) -> Embedding:  # noqa: ARG001  # as the others
    """Return the principal components of the uncorrected expression."""
    return task.components


def harmony(task: Task, seed: int) -> Embedding:
    """Return what harmonypy makes of the components."""
    import logging

    import harmonypy
    import pandas as pd

    logging.getLogger("harmonypy").setLevel(logging.ERROR)
    frame = pd.DataFrame({"batch": task.batch})
    found = np.asarray(harmonypy.run_harmony(task.components, frame, ["batch"], random_state=seed).Z_corr)
    return found if found.shape == task.components.shape else found.T  # turned in version 2


def scanorama(task: Task, seed: int) -> Embedding:
    """Return Scanorama's embedding of log-normalised expression, batch by batch."""
    from scanorama import integrate

    from sciadv.domains.batch_correction.reading.columns import Columns
    from sciadv.domains.batch_correction.reading.read import read_cells

    expression = read_cells(task.adata, Columns()).normalised()
    names = np.unique(task.batch)
    genes = [list(task.adata.var_names) for _ in names]
    parts = [expression[task.batch == one] for one in names]
    found, _ = integrate(parts, genes, dimred=50, verbose=0, seed=seed)
    z = np.zeros((len(task.batch), found[0].shape[1]), np.float32)
    for one, own in zip(names, found, strict=True):
        z[task.batch == one] = own
    return z


def scvi(task: Task, seed: int, *, max_epochs: int | None) -> Embedding:
    """Return codes of scVI as its tutorials set it: two layers, 30 latents; None for its own epochs."""
    import scvi as package

    package.settings.seed = seed
    adata = task.adata.copy()
    package.model.SCVI.setup_anndata(adata, batch_key="batch")
    latent: Embedding = _trained_scvi(adata, max_epochs).get_latent_representation()
    return latent


def _trained_scvi(adata: Any, max_epochs: int | None) -> Any:
    import scvi as package

    model = package.model.SCVI(
        adata,
        n_layers=2,
        n_latent=30,
        gene_likelihood="nb",
    )
    size = _minibatch(adata.n_obs)
    model.train(
        max_epochs,
        accelerator="cpu",
        batch_size=size,
        enable_progress_bar=False,
    )
    return model


def _minibatch(n_cells: int) -> int:
    """Return 128 or less: a last minibatch of one cell stops scVI's batch normalisation."""
    n_train = int(0.9 * n_cells)
    sizes = range(128, 64, -1)
    return next(n for n in sizes if n_cells % n != 1 and n_train % n != 1)


def scanvi(task: Task, seed: int, *, max_epochs: int | None = None) -> Embedding:
    """Return codes of scANVI on scVI, as its tutorials set it, given the largest batch's labels."""
    import scvi as package

    package.settings.seed = seed
    adata = task.adata.copy()
    is_known = in_largest(task.batch)
    adata.obs["known"] = np.where(is_known, task.labels, "unknown")
    package.model.SCVI.setup_anndata(adata, batch_key="batch", labels_key="known")
    model = package.model.SCANVI.from_scvi_model(
        _trained_scvi(adata, max_epochs),
        unlabeled_category="unknown",
    )
    model.train(
        20,
        n_samples_per_label=100,
        accelerator="cpu",
        batch_size=_minibatch(adata.n_obs) - 28,
        enable_progress_bar=False,
    )
    latent: Embedding = model.get_latent_representation()
    return latent


OURS = "auto"
ADVERSARIAL = "adversarial"
HARMONY = "Harmony"
LINEAR = "linear (ComBat)"
#: Ours, given the labels of half of the cells, or of none: both are scored on the other half.
HALF, NONE = "adversarial, half labelled", "adversarial, unlabelled"
#: Those given the labels of the largest batch alone; scored on all cells.
LARGEST, SCANVI = "adversarial, largest batch labelled", "scANVI, largest batch labelled"
#: Methods beside others that are given some labels: on which sets, and what is scored.
SOME_LABELS = {
    **dict.fromkeys((HALF, NONE), (("pbmc_symphony", "pbmc_atlas"), "unlabelled half")),
    **dict.fromkeys(
        (LARGEST, SCANVI),
        (("pbmc_symphony", "pbmc_atlas", "kang_ifnb, 2000 genes"), "largest batch labelled"),
    ),
}
METHODS: dict[str, Embed] = {
    OURS: partial(ours, method="auto"),
    "residual": partial(ours, method="residual"),
    ADVERSARIAL: partial(ours, method="adversarial"),
    HARMONY: harmony,
    "Scanorama": scanorama,
    "scVI": partial(scvi, max_epochs=None),
    "scVI, 150 epochs": partial(scvi, max_epochs=150),
    LINEAR: partial(ours, method="linear"),
    "uncorrected": uncorrected,
    HALF: half_labelled,
    NONE: partial(ours, method="adversarial"),
    LARGEST: largest_labelled,
    SCANVI: scanvi,
}
#: Packages that a method needs.
NEEDS = {
    HARMONY: "harmonypy",
    "Scanorama": "scanorama",
    "scVI": "scvi",
    "scVI, 150 epochs": "scvi",
    SCANVI: "scvi",
}
#: Methods that ours are compared with.
PEERS = (HARMONY, "Scanorama", "scVI", "scVI, 150 epochs", LINEAR, "uncorrected")
#: Methods that depend on their seed and cost little enough to be fitted with several.
SEEDED = (OURS, "residual", ADVERSARIAL, HARMONY, LARGEST)
