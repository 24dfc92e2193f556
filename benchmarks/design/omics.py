"""Batch correction of real cells, unlabelled, beside Harmony, scVI and ComBat; ComBat against scanpy's.

Labels are read for the assessment only: no method sees them, but ours in a row of its own, which gets those
of half of the cells and is assessed on the other half. Every embedding is assessed alike.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.parts import keep_part, read_part
from sciadv.domains.batch_correction import AdversarialSettings, BatchCorrector, has_scib
from sciadv.domains.batch_correction.assessment.assess import assess
from sciadv.domains.batch_correction.assessment.scib import scib_scores
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.reading.cells import LAYER
from sciadv.domains.batch_correction.reading.columns import Columns
from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names
from sciadv.domains.batch_correction.reading.read import read_cells
from sciadv.errors import InputError
from sciadv.files.h5ad import read_h5ad

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBLEM = "pbmc-correction"
SETS = ("pbmc_symphony", "pbmc_atlas")
#: Samples of bulk RNA for the linear method.
BULK = "gfrn_bulk"
N_SEEDS = 3
#: Coordinates of every embedding that is judged: shorter ones get zeros, so that judges compile once.
N_COORDINATES = 50
#: Commonest labels in a quick run, and cells of each: as many of all, so that judges compile once.
QUICK_LABELS, QUICK_CELLS = 4, 120
OURS = "adversarial"
#: Ours, told the labels of half of the cells, or of none: both are judged on the other half.
HALF, NONE = "adversarial, half labelled", "adversarial, unlabelled"


@dataclass(frozen=True)
class Task:
    """A set of cells: the AnnData, its batches and labels, and its principal components."""

    name: str
    adata: Any
    batch: Names
    labels: Names
    components: NDArray[np.float32]


Embed = Callable[[Task, int], NDArray[np.floating]]


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


def load_task(name: str, *, is_quick: bool, seed: int) -> Task:
    """Load a set of cells; for a quick run as many of each of its commonest labels."""
    adata = read_set(name)
    if is_quick:
        labels, counts = np.unique(np.asarray(adata.obs["label"], dtype=np.str_), return_counts=True)
        adata = adata[_drawn(adata, labels[np.argsort(-counts)[:QUICK_LABELS]], seed)].copy()
    expression = read_cells(adata, Columns()).normalised()
    components = Components.fit(expression, N_COORDINATES, seed=seed).scores(expression)
    batch, labels = (np.asarray(adata.obs[key], dtype=np.str_) for key in ("batch", "label"))
    return Task(name, adata, batch, labels, components)


def _drawn(adata: Any, labels: Names, seed: int) -> NDArray[np.int64]:
    """Draw `QUICK_CELLS` cells of each label, in their order."""
    rng, of = np.random.default_rng(seed), np.asarray(adata.obs["label"], dtype=np.str_)
    drawn = [rng.choice(np.flatnonzero(of == label), QUICK_CELLS, replace=False) for label in labels]
    return np.sort(np.concatenate(drawn))


def embed_nothing(task: Task, seed: int) -> NDArray[np.floating]:  # noqa: ARG001  # as the others
    """Return the principal components of the uncorrected expression."""
    return task.components


def embed_linear(task: Task, seed: int) -> NDArray[np.floating]:
    """Return components of what our ComBat gives."""
    return BatchCorrector(method="linear", seed=seed).fit(task.adata).embed(task.adata)


def embed_ours(task: Task, seed: int) -> NDArray[np.floating]:
    """Return codes of the adversarial method with its defaults."""
    return BatchCorrector(method="adversarial", seed=seed).fit(task.adata).embed(task.adata)


def is_hidden(task: Task, seed: int) -> NDArray[np.bool_]:
    """Return which half of the cells keep their labels to themselves in `HALF`."""
    hidden: NDArray[np.bool_] = np.random.default_rng(seed).permutation(len(task.labels)) % 2 == 0
    return hidden


def embed_half_labelled(task: Task, seed: int) -> NDArray[np.floating]:
    """Return codes of the adversarial method that is told the labels of half of the cells."""
    told = np.where(is_hidden(task, seed), UNKNOWN, task.labels)
    return BatchCorrector(method="adversarial", seed=seed).fit(task.adata, labels=told).embed(task.adata)


def embed_harmony(task: Task, seed: int) -> NDArray[np.floating]:
    """Return what harmonypy makes of the components, with its defaults."""
    import logging

    import harmonypy
    import pandas as pd

    logging.getLogger("harmonypy").setLevel(logging.WARNING)
    found = harmonypy.run_harmony(
        task.components, pd.DataFrame({"batch": task.batch}), ["batch"], random_state=seed
    )
    corrected: NDArray[np.floating] = np.asarray(found.Z_corr)
    return corrected if corrected.shape == task.components.shape else corrected.T  # turned in version 2


def embed_scvi(task: Task, seed: int) -> NDArray[np.floating]:
    """Return codes of scVI as its tutorials set it: two layers, 30 latents, default epochs."""
    import scvi

    scvi.settings.seed = seed
    adata = task.adata.copy()
    scvi.model.SCVI.setup_anndata(adata, batch_key="batch")
    model = scvi.model.SCVI(adata, n_layers=2, n_latent=30, gene_likelihood="nb")
    model.train(accelerator="cpu", batch_size=100, enable_progress_bar=False)
    latent: NDArray[np.floating] = model.get_latent_representation()
    return latent


METHODS: dict[str, Embed] = {
    OURS: embed_ours,
    "Harmony": embed_harmony,
    "scVI": embed_scvi,
    "linear (ComBat)": embed_linear,
    "uncorrected": embed_nothing,
    HALF: embed_half_labelled,
    NONE: embed_ours,
}
#: Methods of a quick run: every embedding costs seconds to judge.
_QUICK = (OURS, "Harmony")
_PEERS = {"Harmony": "harmonypy", "scVI": "scvi"}


def measure(task: Task, method: str, seed: int) -> Row:
    """Fit one method with one seed on one thread, and judge its embedding."""
    with one_thread():
        with cpu_seconds() as seconds:
            z = METHODS[method](task, seed)
        padded = np.zeros((len(z), max(N_COORDINATES, z.shape[1])), np.float32)
        padded[:, : z.shape[1]] = z
        judged = is_hidden(task, seed) if method in (HALF, NONE) else np.ones(len(z), bool)
        z, before, batch, labels = (a[judged] for a in (padded, task.components, task.batch, task.labels))
        found = assess({"it": z}, batch, labels, with_scib=False)
        row: Row = {"cpu_seconds": seconds(), **found.numbers["it"]}
        if has_scib():
            row |= scib_scores({"it": z}, before, batch, labels)["it"]
    return row


def run(settings: Settings) -> list[Row]:
    """Measure every method on every set, taking finished parts from the cache; then ComBat on bulk RNA."""
    asked = _QUICK if settings.quick else tuple(METHODS)
    methods = [name for name in asked if name not in _PEERS or _PEERS[name] in settings.peers]
    rows: list[Row] = []
    for name in SETS:
        task = load_task(name, is_quick=settings.quick, seed=settings.seed)
        found = {method: _all_seeds(task, method, settings) for method in methods}
        summaries = {method: summarise(parts) for method, parts in found.items()}
        rows += [
            {"row": f"{name}, {method}", **_judged(task, method), "method": method, **summary}
            for method, summary in summaries.items()
        ]
        ours, harmony = (summaries.get(method, {}).get("total") for method in (OURS, "Harmony"))
        if ours is not None and harmony is not None:
            rows.append({"row": f"{name}, margin", "over_harmony": ours - harmony})
    if "scanpy" in settings.peers:
        settings.report(f"{BULK}: ComBat beside scanpy's")
        rows.append(compare_combat(read_set(BULK)))
    return rows


def _judged(task: Task, method: str) -> Row:
    """Return which cells of a set a method is judged on, in words, and how many."""
    n = len(task.batch)
    is_half = method in (HALF, NONE)
    return {
        "set": f"{task.name}, unlabelled half" if is_half else task.name,
        "n_cells": n // 2 if is_half else n,
    }


def _all_seeds(task: Task, method: str, settings: Settings) -> list[Row]:
    """Measure ours with every seed, the others, which draw next to nothing or cost minutes, with one."""
    n_seeds = N_SEEDS if method == OURS and not settings.quick else 1
    return [_part(task, method, settings.seed + i, settings) for i in range(n_seeds)]


def _part(task: Task, method: str, seed: int, settings: Settings) -> Row:
    """Measure one method with one seed, or take it from the cache."""
    constants = [task.name, len(task.batch), method, seed, settings.seed, N_COORDINATES, has_scib()]
    digest = hashlib.sha256(json.dumps([*constants, repr(AdversarialSettings())]).encode()).hexdigest()[:12]
    name = f"{task.name}-{method.split(maxsplit=1)[0]}-{seed}-{digest}.json"
    part = read_part(settings.cache, name)
    if part is None:
        settings.report(f"{task.name}: {method}, seed {seed}")
        part = measure(task, method, seed)
        keep_part(settings.cache, name, part)
    return part


def summarise(parts: list[Row]) -> Row:
    """Return means over seeds; of the total also the spread, of what has bounds the worst."""
    mean: Row = {key: fmean(part[key] for part in parts) for key in parts[0]}
    if "total" in mean:
        mean["total_sd"] = pstdev(part["total"] for part in parts)
    found = [part["unpredictability"] for part in parts]
    return mean | {
        "n_seeds": len(parts),
        "cpu_seconds_most": max(part["cpu_seconds"] for part in parts),
        "unpredictability_least": min(found),
        "unpredictability_most": max(found),
    }


def compare_combat(adata: Any) -> Row:
    """Return the largest difference between our linear method and scanpy's ComBat."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside scanpy
        from scanpy.preprocessing import combat

        theirs = combat(adata.copy(), key="batch", inplace=False)
    ours = BatchCorrector(method="linear").correct(adata).layers[LAYER]
    return {
        "row": f"{BULK}, linear",
        "difference": float(np.abs(ours - theirs).max()),
        "n_cells": adata.n_obs,
    }


_COLUMNS = {
    "total": "scIB total",
    "batch": "batch",
    "bio": "bio",
    "unpredictability": "unpredictability within label",
    "probe": "probe",
    "chance": "chance",
    "transfer": "label transfer",
}


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown, a table a set."""
    parts = []
    for name in dict.fromkeys(row["set"] for row in rows if "set" in row):
        shown = [row for row in rows if row.get("set") == name]
        lines = [
            [row["method"], *(_cell(row, key) for key in _COLUMNS), f"{row['cpu_seconds']:.1f}"]
            for row in shown
        ]
        head = f"{name}, {shown[0]['n_cells']} cells"
        parts.append(markdown_table([head, *_COLUMNS.values(), "CPU s"], lines))
    parts += [
        f"Largest difference from scanpy's ComBat on {BULK}: {row['difference']:.1e}."
        for row in rows
        if "difference" in row
    ]
    return "\n\n".join(parts)


def _cell(row: Row, key: str) -> str:
    if key not in row:
        return "-"
    spread = f" +- {row['total_sd']:.3f}" if key == "total" and row["n_seeds"] > 1 else ""
    return f"{row[key]:.3f}{spread}"


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the total score, or what else there is, and the unpredictability with its bounds."""
    panels = figure.subplots(2, len(SETS), squeeze=False).T
    for axes, name in zip(panels, SETS, strict=True):
        shown = [row for row in rows if row.get("set") == name][::-1]
        colours = ["C1" if row["method"] == OURS else "C0" for row in shown]
        for axis, key, words in zip(
            axes,
            ("total", "unpredictability"),
            ("scIB total", "batch unpredictability within label"),
            strict=True,
        ):
            bars = axis.barh(
                [row["method"] for row in shown], [row.get(key, 0.0) for row in shown], color=colours
            )
            axis.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
            axis.set_xlabel(words)
            axis.set_xlim(0, 1.3 if key == "unpredictability" else 1.0)
        axes[0].set_title(name)
        axes[1].axvspan(0.85, 1.1, color="0.9", zorder=0)


BENCH = Bench(
    title="Batch correction of PBMCs, unlabelled, beside Harmony, scVI and ComBat",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
    peers=("harmonypy", "scanpy", "scvi"),
)
