"""What batch correction does to SIMULATED cells whose truth is known: ours, Harmony, ComBat and nothing.

Types that some batches lack, shares that differ, depths ten times apart, a gene that a group of people lacks,
batches that do not differ at all, fold changes, and designs in which batch and condition are one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.biology.measures import (
    false_calls,
    fold_changes,
    least_purity,
    overlap,
    slope,
)
from benchmarks.biology.simulations import Simulation, chain, simulate, with_absent_gene
from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table, one_thread
from benchmarks.parts import Part, measure_parts
from sciadv.domains.batch_correction import BatchCorrector, batch_unpredictability
from sciadv.domains.batch_correction.components import Components
from sciadv.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.floating]
Names = NDArray[np.str_]
#: Ours as it comes, its methods, and the rivals.
OURS = "auto"
N_SEEDS = 5
#: Designs that are drawn of either kind.
N_DESIGNS = 40
BATCHES = (2, 3, 5)
EFFECTS = (0.4, 0.6, 0.9)


@dataclass(frozen=True, eq=False)
class Corrected:
    """An embedding ``(cells, n)``, and corrected log expression where the method has some."""

    embedding: Array
    expression: Array | None


Method = Callable[[NDArray[np.float32], Names, int], Corrected]


def log_normalised(counts: NDArray[np.float32]) -> Array:
    """Return ``log(1 + 1e4 counts / total)``."""
    normalised: Array = np.log1p(1e4 * counts / counts.sum(1, keepdims=True))
    return normalised


def uncorrected(counts: NDArray[np.float32], batch: Names, seed: int) -> Corrected:  # noqa: ARG001
    """Return components of the expression as it is."""
    x = log_normalised(counts)
    return Corrected(Components.fit(x, 50, seed=seed).scores(x), x)


def harmony(counts: NDArray[np.float32], batch: Names, seed: int) -> Corrected:
    """Return what harmonypy makes of the components, with its defaults."""
    import logging

    import harmonypy
    import pandas as pd

    logging.getLogger("harmonypy").setLevel(logging.ERROR)
    z = uncorrected(counts, batch, seed).embedding
    frame = pd.DataFrame({"batch": batch})
    found = np.asarray(harmonypy.run_harmony(z, frame, ["batch"], random_state=seed).Z_corr)
    return Corrected(found if found.shape == z.shape else found.T, None)


def ours(counts: NDArray[np.float32], batch: Names, seed: int, *, method: str) -> Corrected:
    """Return what a method of `BatchCorrector` makes of counts."""
    corrector = BatchCorrector(method=method, seed=seed).fit(counts, batch=batch)
    return Corrected(corrector.embed(counts, batch=batch), corrector.transform(counts, batch=batch))


METHODS: dict[str, Method] = {
    "uncorrected": uncorrected,
    "Harmony": harmony,
    "linear (ComBat)": partial(ours, method="linear"),
    "adversarial": partial(ours, method="adversarial"),
    "residual": partial(ours, method="residual"),
    OURS: partial(ours, method="auto"),
}


def unpaired(method: Method, seed: int, *, n_batches: int, effect: float, n_cells: int) -> Row:
    """Measure batches that share one type with the next, and have one that the one before has."""
    cells = simulate(chain(n_batches, n_cells), seed=seed, effect=effect)
    found = method(cells.counts, cells.batch, seed)
    row = _mixed(cells, found, seed)
    if found.expression is not None:
        ends = ("type 1", f"type {n_batches + 1}")
        truth = fold_changes(log_normalised(cells.without), cells.kind, *ends)
        row["slope"] = slope(fold_changes(found.expression, cells.kind, *ends), truth)
    return row


def mixed(method: Method, seed: int, *, table: list[list[int]], depths: tuple[float, ...] | None) -> Row:
    """Measure batches that share all types, in other shares or at other depths."""
    cells = simulate(table, seed=seed, depths=depths)
    return _mixed(cells, method(cells.counts, cells.batch, seed), seed)


def _mixed(cells: Simulation, found: Corrected, seed: int) -> Row:
    before = least_purity(uncorrected(cells.counts, cells.batch, seed).embedding, cells.kind)
    return {
        "purity": least_purity(found.embedding, cells.kind) / before,
        "unpredictability": batch_unpredictability(found.embedding, cells.batch, cells.kind),
    }


def no_effect(method: Method, seed: int, *, table: list[list[int]]) -> Row:
    """Measure one batch that was split at random: overlap with components, and of fits with two seeds."""
    cells = simulate(table, seed=seed, batch_scale=0.0)
    batch = np.random.default_rng(seed).choice(["batch 1", "batch 2"], len(cells.batch))
    one, two = (method(cells.counts, batch, seed + other).embedding for other in (0, 100))
    before = uncorrected(cells.counts, batch, seed).embedding
    return {"overlap": overlap(before, one), "overlap_of_seeds": overlap(one, two)}


def absent_gene(method: Method, seed: int, *, table: list[list[int]]) -> Row:
    """Measure the largest mean expression that those get who have none, and the shift of those who have."""
    cells, lacks = with_absent_gene(simulate(table, seed=seed), shares=(0.8, 0.2), seed=seed)
    found = method(cells.counts, cells.batch, seed).expression
    if found is None:
        return {}
    moved = found[:, 0] - log_normalised(cells.counts)[:, 0]
    of = [cells.batch == name for name in np.unique(cells.batch)]
    return {
        "shift_of_none": max(abs(float(moved[lacks & b].mean())) for b in of),
        "shift_of_some": max(abs(float(moved[~lacks & b].mean())) for b in of),
    }


def expression(method: Method, seed: int, *, table: list[list[int]]) -> Row:
    """Measure fold changes between two types, in batches whose effect is the same for both."""
    cells = simulate(table, seed=seed, effect=0.9, batch_scale=0.3, own_share=0.0, n_genes=1500)
    found = method(cells.counts, cells.batch, seed).expression
    if found is None:
        return {}
    kinds = ("type 1", "type 2")
    truth = fold_changes(log_normalised(cells.without), cells.kind, *kinds)
    return {
        "slope": slope(fold_changes(found, cells.kind, *kinds), truth),
        "false_calls": false_calls(found, cells.kind, *kinds, cells.is_flat),
    }


def flagged(seed: int, *, is_confounded: bool, n_cells: int, n_designs: int) -> Row:
    """Measure how many designs are refused or warned of, whose condition is the batch's, or is not.

    Confounded ones have two to four batches and a condition that is constant in each; in the others each
    batch has each of two conditions, in shares between 0.25 and 0.75.
    """
    rng = np.random.default_rng(seed)
    n_flagged = 0
    for _ in range(n_designs):
        n_batches = int(rng.integers(2, 5))
        cells = simulate(
            [[n_cells // (2 * n_batches)] * 2] * n_batches, seed=int(rng.integers(1 << 30)), n_genes=60
        )
        names, own = np.unique(cells.batch, return_inverse=True)
        share = (
            np.where(rng.permutation(len(names)) % 2, 1.0, 0.0)
            if is_confounded
            else rng.uniform(0.25, 0.75, len(names))
        )
        condition = np.where(rng.random(len(own)) < share[own], "treated", "control")
        n_flagged += _is_flagged(cells, condition)
    return {"flagged": n_flagged / n_designs}


def _is_flagged(cells: Simulation, condition: Names) -> bool:
    corrector = BatchCorrector(method="linear")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            corrector.fit(cells.counts, batch=cells.batch, keep={"condition": condition})
        except InputError:
            return True
    return bool(corrector.card()["notes"])


def cases(*, is_quick: bool) -> dict[str, Callable[[Method, int], Row]]:
    """Return the simulations by name; small ones for a quick run."""
    n = 240 if is_quick else 400
    third = [n // 3] * 3
    found: dict[str, Callable[[Method, int], Row]] = {
        f"unpaired, {b} batches, effect {e:g}": partial(unpaired, n_batches=b, effect=e, n_cells=n)
        for b in (BATCHES[:1] if is_quick else BATCHES)
        for e in (EFFECTS[1:2] if is_quick else EFFECTS)
    }
    uneven = [[4 * n // 5, n // 5], [n // 5, 4 * n // 5]]
    return {
        **found,
        "shares 80:20 and 20:80": partial(mixed, table=uneven, depths=None),
        "depths 10 times apart": partial(mixed, table=[third, third], depths=(1.0, 10.0)),
        "no effect": partial(no_effect, table=[third, third]),
        "absent gene": partial(absent_gene, table=[third[:2], third[:2]]),
        "fold changes": partial(expression, table=[[3 * n // 4, n // 2], [n // 2, 3 * n // 4]]),
    }


def run(settings: Settings) -> list[Row]:
    """Measure every method on every simulation, and designs."""
    n_seeds = 1 if settings.quick else N_SEEDS
    methods = [name for name in METHODS if name != "Harmony" or "harmonypy" in settings.peers]
    if settings.quick:
        methods.remove("adversarial")
    seeds = [settings.seed + i for i in range(n_seeds)]
    parts = [
        Part(
            f"{case}, {name}",
            {"case": case, "method": name},
            (case, name, seeds, settings.quick),
            partial(_over_seeds, measure, METHODS[name], seeds),
        )
        for case, measure in cases(is_quick=settings.quick).items()
        for name in methods
    ]
    n_designs = 5 if settings.quick else N_DESIGNS
    for case, is_confounded in (("condition is the batch", True), ("condition in every batch", False)):
        measure = partial(
            flagged, settings.seed, is_confounded=is_confounded, n_cells=200, n_designs=n_designs
        )
        depends = (case, settings.seed, n_designs)
        parts.append(Part(f"{case}, {OURS}", {"case": case, "method": OURS}, depends, measure))
    with one_thread():
        return measure_parts(parts, settings)


def _over_seeds(measure: Callable[[Method, int], Row], method: Method, seeds: list[int]) -> Row:
    """Return the mean over seeds of what a simulation measures, and the least and the most."""
    rows = [measure(method, seed) for seed in seeds]
    found: Row = {"n_seeds": len(rows)}
    for key in rows[0]:
        values = [row[key] for row in rows]
        found |= {key: float(np.mean(values)), f"{key}_least": min(values), f"{key}_most": max(values)}
    return found


_COLUMNS = {
    "purity": "purity / PCA's",
    "unpredictability": "unpredictability",
    "slope": "slope of fold changes",
    "false_calls": "false calls",
    "overlap": "overlap with PCA",
    "overlap_of_seeds": "of two seeds",
    "shift_of_none": "shift, none",
    "shift_of_some": "shift, some",
    "flagged": "flagged",
}


def table(rows: list[Row]) -> str:
    """Write a Markdown table a simulation: means over seeds."""
    parts = []
    for case in dict.fromkeys(row["case"] for row in rows):
        shown = [row for row in rows if row["case"] == case]
        columns = [key for key in _COLUMNS if any(key in row for row in shown)]
        lines = [[row["method"], *(_cell(row, key) for key in columns)] for row in shown]
        parts.append(markdown_table([case, *(_COLUMNS[key] for key in columns)], lines))
    return "\n\n".join(parts)


def _cell(row: Row, key: str) -> str:
    return f"{row[key]:.3f}" if key in row else "-"


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw purity against unpredictability, a mark a simulation, a colour a method."""
    axes = figure.subplots()
    for name in dict.fromkeys(row["method"] for row in rows):
        shown = [row for row in rows if row["method"] == name and "purity" in row]
        if shown:
            axes.plot([r["unpredictability"] for r in shown], [r["purity"] for r in shown], "o", label=name)
    axes.axvspan(0.85, 1.1, color="0.9", zorder=0)
    axes.set_xlabel("batch unpredictability within types")
    axes.set_ylabel("own-type purity / PCA's")
    axes.legend()


def _thresholds() -> tuple[Threshold, ...]:
    bars = []
    for case in cases(is_quick=False):
        row = f"{case}, {OURS}"
        if case.startswith(("unpaired", "shares", "depths")):
            bars += [
                Threshold(f"{case}: purity", "purity", row, ">=", 0.97),
                Threshold(f"{case}: unpredictability", "unpredictability", row, ">=", 0.85),
                Threshold(f"{case}: no over-correction", "unpredictability", row, "<=", 1.1),
            ]
    return (
        *bars,
        Threshold("no effect: overlap with PCA", "overlap", f"no effect, {OURS}", ">=", 0.9),
        Threshold("no effect: overlap of seeds", "overlap_of_seeds", f"no effect, {OURS}", ">=", 0.9),
        Threshold(
            "absent gene: shift of those without", "shift_of_none_most", f"absent gene, {OURS}", "<", 0.1
        ),
        Threshold("fold changes: slope", "slope", f"fold changes, {OURS}", ">=", 0.95),
        Threshold("fold changes: slope not above", "slope", f"fold changes, {OURS}", "<=", 1.05),
        Threshold("fold changes: false calls", "false_calls", f"fold changes, {OURS}", "<=", 0.05),
        Threshold("condition is the batch: flagged", "flagged", f"condition is the batch, {OURS}", ">=", 1.0),
        Threshold(
            "condition in every batch: flagged", "flagged", f"condition in every batch, {OURS}", "<=", 0.05
        ),
    )


BENCH = Bench(
    title="Batch correction of SIMULATED cells whose truth is known, beside Harmony, ComBat and nothing",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("harmonypy",),
    thresholds=_thresholds(),
)
