"""Conditions that must survive: a drug in patients, labels of bulk RNA, strains of a proteome with gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.biology.measures import carried_over, drug_effect, shared_labels_found
from benchmarks.biology.omics_methods import HARMONY, LINEAR, METHODS, NEEDS, OURS, SEEDED, Embed, ours
from benchmarks.biology.omics_sets import Task, as_task, read_set
from benchmarks.contract import Row, Settings, markdown_table
from sciadv.domains.batch_correction import BatchCorrector, batch_unpredictability
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.reading.cells import LAYER
from sciadv.domains.batch_correction.reading.keys import Names

Array = NDArray[np.floating]
#: Bulk RNA, cells of patients, and peptides of strains of mice, a fifth of which was not measured.
BULK, DRUG, PROTEOME = "gfrn_bulk", "gbm_panobinostat", "aging_mice_proteome"
#: Ours with the run order as a covariate.
DRIFTED = f"{OURS}, run order removed"
#: Methods of every set.
_METHODS = (OURS, "residual", LINEAR, HARMONY, "uncorrected")
_COLUMNS = {
    "drug_effect": "condition found",
    "shared_labels_found": "labels found",
    "unpredictability": "unpredictability",
    "nearest": "strain of the nearest sample",
    "of_three": "of 3",
    "of_five": "of 5",
    "drift": "drift with the run order",
}


def conditions(settings: Settings, *, n_seeds: int) -> list[Row]:
    """Measure how well conditions are found across batches, and what of the batch is left.

    Methods that draw are measured with so many seeds; the rows have the means.
    """
    rows = []
    for name, score in ((DRUG, _drug), (BULK, _bulk)):
        settings.report(f"{name}: conditions across batches")
        task = as_task(name, read_set(name), seed=settings.seed)
        for method in _METHODS:
            if NEEDS.get(method, "") in ("", *settings.peers):
                seeds = range(settings.seed, settings.seed + (n_seeds if method in SEEDED else 1))
                rows.append(_row(task, method, _over_seeds(METHODS[method], score, task, seeds)))
        if name == DRUG:
            seeds = range(settings.seed, settings.seed + n_seeds)
            kept = partial(ours, method=OURS, keep="label")
            rows.append(_row(task, f"{OURS}, condition kept", _over_seeds(kept, score, task, seeds)))
    settings.report(f"{PROTEOME}: strains across batches")
    return [*rows, *_proteome(settings)]


def _over_seeds(embed: Embed, score: Callable[[Array, Task], Row], task: Task, seeds: range) -> Row:
    found = [score(embed(task, seed), task) for seed in seeds]
    return {key: fmean(one[key] for one in found) for key in found[0]}


def _row(task: Task, method: str, found: Row) -> Row:
    known: Row = {"row": f"{task.name}, {method}", "condition": task.name}
    return known | {"method": method} | found


def _drug(z: Array, task: Task) -> Row:
    return {
        "drug_effect": drug_effect(z, task.batch, task.labels),
        "unpredictability": batch_unpredictability(z, task.batch, task.labels),
    }


def _bulk(z: Array, task: Task) -> Row:
    return {"shared_labels_found": shared_labels_found(z, task.batch, task.labels)}


def _proteome(settings: Settings) -> list[Row]:
    """Measure strains by nearest samples: a strain has one to four in another batch, or none."""
    adata = read_set(PROTEOME)
    task = as_task(PROTEOME, adata, seed=settings.seed)
    task = replace(task, labels=np.asarray(adata.obs["strain"], dtype=np.str_))
    order = np.asarray(adata.obs["order"], np.float64)

    def measured(method: str, z: Array, x: Array | None) -> Row:
        found = _strains(z, task.batch, task.labels)
        if x is not None:
            found["drift"] = drift(x, task.batch, order)
        return _row(task, method, found)

    ways: dict[str, Callable[[], BatchCorrector]] = {
        OURS: lambda: BatchCorrector(seed=settings.seed),
        DRIFTED: lambda: BatchCorrector(seed=settings.seed, covariates="order"),
        "residual": lambda: BatchCorrector(seed=settings.seed, method="residual"),
    }
    rows = [measured("uncorrected", task.components, adata.X)]
    for method, way in ways.items():
        corrected = way().correct(adata)
        z = corrected.obsm["X_sciadv"]
        rows.append(measured(method, z, corrected.layers[LAYER]))
    if "harmonypy" in settings.peers:
        z = METHODS[HARMONY](task, settings.seed)
        rows.append(measured(HARMONY, z, None))
    if "scanpy" in settings.peers:
        x = scanpy_combat(adata)
        z = Components.fit(x, 50, seed=settings.seed).scores(x)
        seen = np.where(np.isnan(adata.X), np.nan, x)
        rows.append(measured("scanpy's ComBat, gaps at the mean", z, seen))
    return rows


def _strains(z: Array, batch: Names, strain: Names) -> Row:
    """Return how often a strain that other batches have is found among their nearest samples."""
    batches = {one: len(set(batch[strain == one])) for one in np.unique(strain)}
    is_shared = np.array([batches[one] > 1 for one in strain])
    row: Row = {}
    for key, n in (("nearest", 1), ("of_three", 3), ("of_five", 5)):
        right = carried_over(z, batch, strain, n=n) == strain
        row[key] = float(right[is_shared].mean())
    return row


def scanpy_combat(adata: object) -> Array:
    """Return what scanpy's ComBat makes of expression whose gaps are filled by the gene's mean."""
    import warnings

    filled = adata.copy()  # type: ignore[attr-defined]  # anndata is an extra
    gaps = np.isnan(filled.X)
    filled.X = np.where(gaps, np.nanmean(filled.X, 0), filled.X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside scanpy
        from scanpy.preprocessing import combat

        found: Array = np.asarray(combat(filled, key="batch", inplace=False))
    return found


def drift(x: Array, batch: Names, order: Array, *, least: int = 9) -> float:
    """Return the mean absolute rank correlation of genes and the run order within batches."""
    from scipy.stats import spearmanr

    found = []
    for one in np.unique(batch):
        own = batch == one
        for gene in x.T:
            some = own & ~np.isnan(gene)
            if some.sum() >= least:
                found.append(abs(spearmanr(order[some], gene[some]).statistic))
    return float(np.mean(found))


def condition_tables(rows: list[Row]) -> list[str]:
    """Write the rows as Markdown, a table a set."""
    parts = []
    for name in dict.fromkeys(row["condition"] for row in rows if "condition" in row):
        shown = [row for row in rows if row.get("condition") == name]
        keys = [key for key in _COLUMNS if any(key in row for row in shown)]
        lines = [
            [row["method"], *(f"{row[key]:.3f}" if key in row else "-" for key in keys)] for row in shown
        ]
        parts.append(markdown_table([name, *(_COLUMNS[key] for key in keys)], lines))
    return parts
