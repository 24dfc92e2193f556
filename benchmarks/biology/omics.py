"""Batch correction of real cells, unlabelled, beside Harmony, Scanorama, scVI and ComBat, all in one run.

Labels are read for the evaluation only: no method sees them, but ours in a row of its own, which gets those
of half of the cells and is scored on the other half. Every embedding is scored alike.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.biology.measures import largest_transfer, overlap, overlap_within
from benchmarks.biology.omics_conditions import BULK, condition_tables, conditions
from benchmarks.biology.omics_margins import MARGINS, margins, thresholds
from benchmarks.biology.omics_methods import (
    ADVERSARIAL,
    HALF,
    HARMONY,
    METHODS,
    NEEDS,
    NONE,
    OURS,
    PEERS,
    SEEDED,
    SOME_LABELS,
    is_hidden,
)
from benchmarks.biology.omics_sets import N_COORDINATES, PROBLEM, Task, as_null, load_tasks, read_set
from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.parts import keep_part, read_part
from sciadv.domains.batch_correction import (
    AdversarialSettings,
    BatchCorrector,
    has_scib,
)
from sciadv.domains.batch_correction.assessment.assess import assess
from sciadv.domains.batch_correction.assessment.scib import scib_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SETS = ("pbmc_symphony", "kang_ifnb", "splatter_sim1", "pbmc_atlas")
N_SEEDS = 5
#: Methods of a quick run: every embedding costs seconds to score.
_QUICK = (OURS, ADVERSARIAL, HARMONY)


def measure(task: Task, method: str, seed: int, cache: Path | None = None) -> Row:
    """Fit one method with one seed on one thread, and score its embedding.

    Scores are kept by the embedding, too: those of `auto` and of the method that it takes are the same.
    """
    with one_thread():
        with cpu_seconds() as seconds:
            z = np.asarray(METHODS[method](task, seed), np.float32)
        scored = is_hidden(task, seed) if method in (HALF, NONE) else np.ones(len(z), bool)
        of = z.tobytes() + scored.tobytes() + bytes([has_scib()])
        digest = hashlib.sha256(of).hexdigest()[:16]
        row = read_part(cache, f"scores-{digest}.json")
        if row is None:
            row = scores(task, z, scored)
            keep_part(cache, f"scores-{digest}.json", row)
    return {"cpu_seconds": seconds(), **row}


def scores(task: Task, z: NDArray[np.float32], scored: NDArray[np.bool_]) -> Row:
    """Score the embedding of some of the cells."""
    padded = np.zeros((len(z), max(N_COORDINATES, z.shape[1])), np.float32)
    padded[:, : z.shape[1]] = z
    z = padded[scored]
    before = task.components[scored]
    batch = task.batch[scored]
    labels = task.labels[scored]
    found = assess({"it": z}, batch, labels, with_scib=False)
    row: Row = {
        **found.numbers["it"],
        "largest_transfer": largest_transfer(z, batch, labels),
        "kept": overlap_within(before, z, batch),
    }
    if has_scib():
        row |= scib_scores({"it": z}, before, batch, labels)["it"]
    return row


def measure_null(task: Task, method: str, seed: int, cache: Path | None = None) -> Row:  # noqa: ARG001
    """Return the overlap of neighbours with the components, where one batch was split at random."""
    null = as_null(task, seed=seed)
    with one_thread():
        return {"null_overlap": overlap(null.components, METHODS[method](null, seed))}


def run(settings: Settings) -> list[Row]:
    """Measure every method on every set, taking finished parts from the cache; then bulk RNA and a drug."""
    methods = [
        name
        for name in (_QUICK if settings.quick else METHODS)
        if name not in NEEDS or NEEDS[name] in settings.peers
    ]
    rows: list[Row] = []
    for name in SETS[::3] if settings.quick else SETS:
        for task in load_tasks(name, is_quick=settings.quick, seed=settings.seed):
            asked = [m for m in methods if m not in SOME_LABELS or task.name in SOME_LABELS[m][0]]
            found = {m: summarise(_all_seeds(task, m, settings)) for m in asked}
            rows += [{"row": f"{task.name}, {m}", **_scored(task, m), "method": m, **found[m]} for m in asked]
            rows += margins(task.name, _shares(task), found)
    if not settings.quick:
        rows += conditions(settings, n_seeds=N_SEEDS)
    if "scanpy" in settings.peers:
        settings.report(f"{BULK}: ComBat beside scanpy's")
        rows.append(compare_combat(read_set(BULK)))
    return rows


def _shares(task: Task) -> tuple[int, int]:
    """Return how many cells labels are carried over to, from all other batches and from the largest."""
    counts = np.unique(task.batch, return_counts=True)[1]
    return len(task.batch), int(counts.sum() - counts.max())


def _scored(task: Task, method: str) -> Row:
    """Return which cells of a set a method is scored on, in words, and how many."""
    n = len(task.batch)
    if method not in SOME_LABELS:
        return {"set": task.name, "n_cells": n}
    return {
        "set": f"{task.name}, {SOME_LABELS[method][1]}",
        "n_cells": n // 2 if method in (HALF, NONE) else n,
    }


def _all_seeds(task: Task, method: str, settings: Settings) -> list[Row]:
    """Measure ours and Harmony with every seed; the others, which draw nothing or cost minutes, with one."""
    n_seeds = N_SEEDS if method in SEEDED and not settings.quick else 1
    parts = [_part(task, method, settings.seed + i, settings, measure) for i in range(n_seeds)]
    if method in SOME_LABELS or method.startswith("scVI"):
        return parts
    null = _part(task, method, settings.seed, settings, measure_null)
    return [{**part, **null} for part in parts]


def _part(
    task: Task,
    method: str,
    seed: int,
    settings: Settings,
    measured: Callable[[Task, str, int, Path | None], Row],
) -> Row:
    """Measure one method with one seed, or take it from the cache."""
    constants = [task.name, len(task.batch), method, seed, settings.seed, N_COORDINATES, has_scib()]
    digest = hashlib.sha256(json.dumps([*constants, repr(AdversarialSettings())]).encode()).hexdigest()[:12]
    words = f"{task.name} {method}".replace(",", "").replace("(", "").replace(")", "").split()
    name = f"{measured.__name__}-{'-'.join(words)}-{seed}-{digest}.json"
    part = read_part(settings.cache, name)
    if part is None:
        settings.report(f"{task.name}: {method}, seed {seed}, {measured.__name__}")
        part = measured(task, method, seed, settings.cache)
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

    from sciadv.domains.batch_correction.reading.cells import LAYER

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside scanpy
        from scanpy.preprocessing import combat

        theirs = combat(adata.copy(), key="batch", inplace=False)
    corrected = BatchCorrector(method="linear").correct(adata).layers[LAYER]
    return {
        "row": f"{BULK}, linear",
        "difference": float(np.abs(corrected - theirs).max()),
        "n_cells": adata.n_obs,
    }


_COLUMNS = {
    "total": "scIB total",
    "batch": "batch",
    "bio": "bio",
    "transfer": "label transfer",
    "largest_transfer": "from the largest batch",
    "unpredictability": "unpredictability within label",
    "kept": "neighbours kept within batch",
    "null_overlap": "null overlap",
    "probe": "probe",
    "chance": "chance",
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
        lines += [
            [method, *(["not installed"] + [""] * len(_COLUMNS))]
            for method in PEERS
            if method in NEEDS and "labelled" not in name and method not in [row["method"] for row in shown]
        ]
        head = f"{name}, {shown[0]['n_cells']} cells"
        parts.append(markdown_table([head, *_COLUMNS.values(), "CPU s"], lines))
    shown = [row for row in rows if "total_margin" in row]
    if shown:
        lines = [[row["margin"], *(f"{row[key]:+.3f}" for key in MARGINS)] for row in shown]
        parts.append(markdown_table([f"{OURS}, margins", *MARGINS.values()], lines))
    parts += condition_tables(rows)
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
    names = [name for name in SETS if any(row.get("set") == name for row in rows)]
    panels = figure.subplots(2, len(names), squeeze=False).T
    for axes, name in zip(panels, names, strict=True):
        shown = [row for row in rows if row.get("set") == name][::-1]
        colours = ["C1" if row["method"] == OURS else "C0" for row in shown]
        for axis, key, words in zip(
            axes,
            ("total", "unpredictability"),
            ("scIB total", "unpredictability within label"),
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
    title="Batch correction of cells, unlabelled, beside Harmony, Scanorama, scVI and ComBat",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
    peers=("harmonypy", "scanorama", "scanpy", "scvi"),
    thresholds=thresholds(),
)
