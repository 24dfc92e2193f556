"""Intervals of corrected values on held-out counts, and batches that a saved reference has not seen.

Real cells: counts are split in two for the intervals; for the queries each batch is left out in turn, laid
onto the reference that was fitted to the others, and compared with no adaptation, the shift of its mean, and
a fit of all batches. Labels are read by the measures and by `predict_labels` only.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.biology.held_out_counts import by_gene, by_own_count, by_rates, coverage
from benchmarks.biology.omics_sets import read_set
from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table, one_thread
from benchmarks.parts import Part, measure_parts
from sciadv.domains.batch_correction import BatchCorrector, batch_unpredictability
from sciadv.domains.batch_correction.matched.matched_correction import ResidualCorrection
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.domains.batch_correction.reading.matrices import dense

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.floating]
Names = NDArray[np.str_]
COUNTED = ("pbmc_symphony", "kang_ifnb", "pbmc_atlas")
#: Sets with more than two batches: without one of them there is still something to fit.
QUERIED = ("pbmc_symphony", "pbmc_atlas")
#: Ours, and the rivals.
OURS = "intervals"
HIDDEN = "intervals, genes not measured"
ADAPT = "adapt"
N_SEEDS = 5
PREDICTED = {
    OURS: by_rates,
    HIDDEN: by_rates,
    "Poisson, gene's mean": by_gene,
    "Poisson, own count": by_own_count,
}


def names_of(adata: Any, key: str) -> Names:
    """Return a column of ``obs`` as text."""
    return np.asarray(adata.obs[key], dtype=np.str_)


def fitted(adata: Any, seed: int, method: str = "residual") -> BatchCorrector:
    """Fit on cells, their labels kept for `predict_labels` alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is constant in every batch
        return BatchCorrector(method=method, seed=seed).fit(adata, reference_labels=names_of(adata, "label"))


def seconds(do: Callable[[], object], *, n: int = 1) -> float:
    """Return the CPU seconds of doing something, the mean of n times."""
    began = time.process_time()
    for _ in range(n):
        do()
    return (time.process_time() - began) / n


def transfer(z: Array, out: NDArray[np.bool_], labels: Names, *, n: int = 15) -> float:
    """Return the accuracy of labels of the cells that are out, by their neighbours among the others."""
    from sklearn.neighbors import KNeighborsClassifier

    guess = KNeighborsClassifier(n).fit(z[~out], labels[~out]).predict(z[out])
    return float((guess == labels[out]).mean())


def calibration_error(probability: Array, right: NDArray[np.bool_], *, n_bins: int = 10) -> float:
    """Return the mean over cells of how far a bin's probabilities are from the share that is right in it."""
    of = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    gaps = [
        (of == b).mean() * abs(probability[of == b].mean() - right[of == b].mean()) for b in np.unique(of)
    ]
    return float(np.sum(gaps))


def query(adata: Any, name: str, seed: int) -> dict[str, Row]:
    """Measure one batch as a query, by method."""
    labels = names_of(adata, "label")
    out = names_of(adata, "batch") == name
    sides = np.where(out, "query", "reference")
    cells = adata[out].copy()
    reference = fitted(adata[~out].copy(), seed)
    learnt = reference.learnt()
    known = reference.embed(adata[~out].copy())
    assert isinstance(learnt.correction, ResidualCorrection)  # as it was asked for
    raw = learnt.correction.components.scores(learnt.prepare(cells, Given(), needs_batch=False)[1])
    adapted = reference.adapt(cells)
    full = fitted(adata, seed)
    placed = {
        "no adaptation": raw,
        "mean shift": raw - raw.mean(0) + known.mean(0),
        ADAPT: adapted.embed(cells),
    }
    rows: dict[str, Row] = {}
    for method, z in placed.items():
        both = np.empty((len(out), z.shape[1]))
        both[~out] = known
        both[out] = z
        rows[method] = _measured(both, sides, out, labels, seed)
    rows["refit"] = _measured(full.embed(adata), sides, out, labels, seed)
    took = seconds(lambda: reference.adapt(cells), n=5)
    rows["refit"]["seconds"] = seconds(lambda: fitted(adata, seed))
    rows["refit, auto"] = {"seconds": seconds(lambda: fitted(adata, seed, "auto"))}
    rows[ADAPT] |= {
        "seconds": took,
        "quicker": rows["refit"]["seconds"] / took,
        "quicker_than_auto": rows["refit, auto"]["seconds"] / took,
        "gain_in_transfer": rows[ADAPT]["transfer"] - rows["refit"]["transfer"],
        **_labels(adapted, cells, learnt.reference.names),
    }
    return rows


def _measured(z: Array, sides: Names, out: NDArray[np.bool_], labels: Names, seed: int) -> Row:
    return {
        "unpredictability": batch_unpredictability(z, sides, labels, seed=seed),
        "transfer": transfer(z, out, labels),
    }


def _labels(adapted: BatchCorrector, cells: Any, names: tuple[str, ...]) -> Row:
    """Measure predicted labels of cells whose type the reference has, and how many are called unlike it."""
    labels = names_of(cells, "label")
    found = adapted.predict_labels(cells)
    known = np.isin(labels, names)
    right = (found.labels == labels)[known]
    return {
        "predicted": float(right.mean()),
        "calibration_error": calibration_error(found.probability[known], right),
        "false_alarms": float(found.is_unlike(0.05)[known].mean()),
    }


def unseen_type(adata: Any, kind: str, seed: int, *, least: int = 10) -> Row:
    """Measure how many cells of a type are called unlike a reference that lacks it, over all queries."""
    labels = names_of(adata, "label")
    batch = names_of(adata, "batch")
    found, alarms = [], []
    for name in np.unique(batch):
        out = batch == name
        if (out & (labels == kind)).sum() < least:
            continue
        cells = adata[out].copy()
        adapted = fitted(adata[~out & (labels != kind)].copy(), seed).adapt(cells)
        unlike = adapted.predict_labels(cells).is_unlike(0.05)
        found.append(unlike[labels[out] == kind])
        alarms.append(unlike[labels[out] != kind])
    return {
        "found": float(np.concatenate(found).mean()),
        "false_alarms": float(np.concatenate(alarms).mean()),
    }


def run(settings: Settings) -> list[Row]:
    """Measure intervals, queries and unseen types on every set."""
    seeds = [settings.seed + i for i in range(1 if settings.quick else N_SEEDS)]
    with one_thread():
        rows = measure_parts(_parts(settings, seeds), settings)
    return [*_flat(rows), *_worst(rows)]


def _parts(settings: Settings, seeds: list[int]) -> list[Part]:
    n_predicted = 60 if settings.quick else 500
    parts = []
    for name in COUNTED[:1] if settings.quick else COUNTED:
        for method, predict in PREDICTED.items():
            measure = partial(_covered, name, method, predict, seeds, n_predicted)
            parts.append(
                _part(f"{name}, {method}", {"set": name, "method": method}, seeds, n_predicted, measure)
            )
    for name in QUERIED[:1] if settings.quick else QUERIED:
        adata = read_set(name)
        batches, counts = np.unique(names_of(adata, "batch"), return_counts=True)
        chosen = batches[[counts.argmin()]] if settings.quick else batches
        for batch in chosen.tolist():
            facts = {"set": name, "query": batch}
            measure = partial(_queried, adata, batch, seeds)
            parts.append(_part(f"{name}, query {batch}", facts, seeds, 0, measure))
        kinds, n_cells = np.unique(names_of(adata, "label"), return_counts=True)
        for kind in [] if settings.quick else kinds[n_cells >= 50].tolist():
            measure = partial(_unseen, adata, kind, seeds)
            parts.append(_part(f"{name}, unseen {kind}", {"set": name, "unseen": kind}, seeds, 0, measure))
    return parts


def _part(row: str, facts: Row, seeds: list[int], n: int, measure: Callable[[], Row]) -> Part:
    return Part(row, facts, (row, seeds, n), measure)


def _covered(name: str, method: str, predict: Callable[..., Any], seeds: list[int], n_predicted: int) -> Row:
    adata = read_set(name)
    counts = np.asarray(dense(adata.X), np.float32)
    batch = names_of(adata, "batch")
    rows = [
        coverage(predict, counts, batch, seed=seed, n_predicted=n_predicted, is_hidden=method == HIDDEN)
        for seed in seeds
    ]
    return _mean(rows)


def _queried(adata: Any, batch: str, seeds: list[int]) -> Row:
    found = [query(adata, batch, seed) for seed in seeds]
    return {"methods": {method: _mean([one[method] for one in found]) for method in found[0]}}


def _unseen(adata: Any, kind: str, seeds: list[int]) -> Row:
    return _mean([unseen_type(adata, kind, seed) for seed in seeds[:2]])


def _mean(rows: list[Row]) -> Row:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def _flat(rows: list[Row]) -> list[Row]:
    """Return a row for each method of a query."""
    flat: list[Row] = []
    for row in rows:
        methods = row.get("methods")
        if methods is None:
            flat.append(row)
            continue
        facts = {key: value for key, value in row.items() if key != "methods"}
        flat += [facts | {"row": f"{row['row']}, {m}", "method": m} | found for m, found in methods.items()]
    return flat


def _worst(rows: list[Row]) -> list[Row]:
    """Return for each set the worst of its queries."""
    worst: list[Row] = []
    for name in QUERIED:
        found = [row["methods"][ADAPT] for row in rows if row.get("set") == name and "methods" in row]
        if found:
            keys = ("unpredictability", "gain_in_transfer", "quicker", "quicker_than_auto")
            least = {key: min(one[key] for one in found) for key in keys}
            worst.append({"row": f"{name}, worst query", "set": name, **least})
    return worst


_INTERVALS = {
    "covered": "covered, of 0.9",
    "covered_1": "expected >= 1",
    "covered_5": "expected >= 5",
    "score": "log score a cell",
}
_QUERIES = {
    "unpredictability": "unpredictability",
    "transfer": "label kNN",
    "seconds": "CPU s",
    "quicker": "quicker than refit",
    "quicker_than_auto": "than auto's",
    "predicted": "predicted labels",
    "calibration_error": "calibration error",
    "false_alarms": "called unlike, known types",
}


def table(rows: list[Row]) -> str:
    """Write Markdown tables: intervals, then queries, then types that the reference lacks."""
    covered = [row for row in rows if "covered" in row]
    queries = [row for row in rows if "query" in row]
    unseen = [row for row in rows if "unseen" in row]
    parts = [
        _table("intervals", covered, _INTERVALS),
        _table("query", queries, _QUERIES),
        _table(
            "type that the reference lacks",
            unseen,
            {"found": "called unlike", "false_alarms": "called unlike, known types"},
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(title: str, rows: list[Row], columns: dict[str, str]) -> str:
    lines = [[row["row"], *(_cell(row, key) for key in columns)] for row in rows]
    return markdown_table([title, *columns.values()], lines) if rows else ""


def _cell(row: Row, key: str) -> str:
    return f"{row[key]:.3f}" if key in row else "-"


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw coverage by method, and unpredictability against label transfer of the queries."""
    left, right = figure.subplots(1, 2)
    covered = [row for row in rows if "covered_1" in row]
    left.barh([row["row"] for row in covered], [row["covered_1"] for row in covered])
    left.axvspan(0.88, 0.92, alpha=0.3)
    left.set_xlabel("held-out counts in 90 % intervals, expected >= 1")
    for method in dict.fromkeys(row["method"] for row in rows if "query" in row):
        shown = [r for r in rows if "query" in r and r["method"] == method and "transfer" in r]
        right.plot([r["unpredictability"] for r in shown], [r["transfer"] for r in shown], "o", label=method)
    right.set_xlabel("unpredictability of query and reference within labels")
    right.set_ylabel("label kNN")
    right.legend()


def _thresholds() -> tuple[Threshold, ...]:
    bars = []
    for name in COUNTED:
        for metric, words in (
            ("covered", "all counts"),
            ("covered_1", "expected >= 1"),
            ("covered_5", "expected >= 5"),
        ):
            row = f"{name}, {OURS}"
            bars.append(Threshold(f"{name}: 90 % intervals cover, {words}", metric, row, ">=", 0.88))
            bars.append(Threshold(f"{name}: 90 % intervals cover no more, {words}", metric, row, "<=", 0.92))
    for name in QUERIED:
        row = f"{name}, worst query"
        bars += [
            Threshold(f"{name}: unpredictability after adapt", "unpredictability", row, ">=", 0.9),
            Threshold(f"{name}: label kNN minus a refit's", "gain_in_transfer", row, ">=", -0.01),
            Threshold(f"{name}: times quicker than a refit", "quicker", row, ">=", 20.0),
        ]
    return tuple(bars)


BENCH = Bench(
    title="Intervals of corrected values on held-out counts, and batches that a reference has not seen",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    thresholds=_thresholds(),
)
