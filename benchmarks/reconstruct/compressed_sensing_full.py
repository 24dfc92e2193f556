"""Compressed sensing of MNIST digits past the generator's range: `auto` beside every published way and LMMSE.

Digits, matrices, noise and seeds are those of the bench `compressed-sensing`, on its prior `mnist-vae`. Slow
peers are measured on the first digits of each seed at four numbers of measurements; `auto` is compared with
each on the digits that both had. It is also measured on the prior `mnist`, and with 1,000 digits in one call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev

from benchmarks.contract import Bench, Row, Settings, markdown_table
from benchmarks.parts import Part, measure_parts
from benchmarks.reconstruct import thousand_digits
from benchmarks.reconstruct.compressed_sensing import BASELINES, Plan, held_out_digits, measure
from benchmarks.reconstruct.compressed_sensing_tables import NO_PRIOR, Cell, Score, draw, table_rows
from sciadv.prior import Prior
from sciadv.solvers import (
    CSGM,
    Adam,
    DeepImagePrior,
    ImageAdaptive,
    IntermediateLayer,
    MultiCode,
    Solver,
    SparseDeviation,
    TangentKernel,
)

PRIOR, SECOND_PRIOR = "mnist-vae", "mnist"
FAST: dict[str, Solver] = {**thousand_digits.SOLVERS, "tangent-kernel": TangentKernel()}
SEARCHES: dict[str, Solver | None] = {"csgm": CSGM(), "adam": Adam(restarts=10, stop_at_noise=False)}
#: None stands for the peer.
SLOW: dict[str, Solver | None] = {
    "deepinv": None,
    "sparse-deviation": SparseDeviation(),
    "intermediate-layer": IntermediateLayer(),
    "image-adaptive": ImageAdaptive(),
    "multi-code": MultiCode(),
}
#: A network for each digit.
SLOWEST: dict[str, Solver | None] = {"deep-image-prior": DeepImagePrior()}
METHODS: dict[str, Solver | None] = {**FAST, **SEARCHES, **SLOW, **SLOWEST, **BASELINES}
AT_ONCE_ROW = "at once"


@dataclass(frozen=True)
class FullPlan:
    """How much is measured.

    Parameters
    ----------
    plan
        Of the fast methods, those without a generator, csgm and adam.
    n_second
        Digits a seed of auto on the second prior.
    n_slow, n_slowest
        Digits a seed of the slow and of the slowest, at `slow_measurements`.
    slow_measurements
        Theirs.
    n_at_once
        Digits that are solved in one call.
    """

    plan: Plan
    n_second: int
    n_slow: int
    n_slowest: int
    slow_measurements: tuple[int, ...]
    n_at_once: int


FULL = FullPlan(Plan(), 34, 7, 2, (50, 100, 200, 400), 1000)
QUICK = FullPlan(Plan((25, 100), 1, 8, (), 0), 0, 0, 0, (), 41)


def plan_cells(full: FullPlan, peers: Iterable[str], seed: int) -> list[Cell]:
    """List what is to be measured."""
    plan, seeds = full.plan, range(seed, seed + full.plan.n_seeds)
    turns = [(m, s) for m in plan.measurements for s in seeds]
    cells = [Cell(PRIOR, method, m, s, plan.n_images) for m, s in turns for method in FAST]
    cells += [Cell(NO_PRIOR, method, m, s, plan.n_images) for m, s in turns for method in BASELINES]
    if full.n_second:
        cells += [Cell(PRIOR, method, m, s, plan.n_images) for m, s in turns for method in SEARCHES]
        cells += [Cell(SECOND_PRIOR, "auto", m, s, full.n_second) for m, s in turns]
    slow = [(m, s) for m in full.slow_measurements for s in seeds]
    measured = [method for method, solver in SLOW.items() if solver is not None or method in peers]
    for methods, n in ((measured, full.n_slow), (SLOWEST, full.n_slowest)):
        cells += [Cell(PRIOR, method, m, s, n) for m, s in slow for method in methods]
    return cells


def at_once(full: FullPlan, prior: Prior) -> list[Part]:
    """List the calls of many digits at once."""
    sha, n = prior.card.get("weights_sha256", ""), full.n_at_once
    return [
        Part(
            f"{method}, {n} digits at once",
            {"method": AT_ONCE_ROW},
            (method, n, sha, repr(solver)),
            partial(thousand_digits.measure, method, n),
        )
        for method, solver in thousand_digits.SOLVERS.items()
    ]


def summary_row(scores: dict[Cell, Score]) -> Row:
    """Return `auto` against all others on the digits that both had.

    ``excess_max`` is the largest over m and methods of (mean error of auto - that of the method) in standard
    errors of the method's mean; ``speed_NAME_min`` the smallest over m of the method's CPU seconds a digit
    over auto's.
    """
    row: Row = {"row": f"{PRIOR}, summary", "prior": PRIOR, "method": "summary"}
    scores = {cell: score for cell, score in scores.items() if cell.prior != SECOND_PRIOR}
    excess, speed = [], defaultdict(list)
    for method, m in sorted({(cell.method, cell.m) for cell in scores if cell.method != "auto"}):
        ours, theirs = _paired(scores, method, m)
        if len(theirs.mse) > 1:
            error = stdev(theirs.mse) / len(theirs.mse) ** 0.5
            excess.append((fmean(ours.mse) - fmean(theirs.mse)) / error)
            speed[method].append(theirs.cpu_seconds / ours.cpu_seconds)
    row["excess_max"] = max(excess, default=None)
    return row | {f"speed_{method.replace('-', '_')}_min": min(ratios) for method, ratios in speed.items()}


def _paired(scores: dict[Cell, Score], method: str, m: int) -> tuple[Score, Score]:
    """Return the scores of auto and of a method on the digits that both had, over all seeds."""
    ours, theirs = Score([], None, 0.0), Score([], None, 0.0)
    pairs = [
        (scores[mine], scores[cell])
        for cell in scores
        for mine in scores
        if (cell.method, cell.m) == (method, m) and (mine.method, mine.m, mine.seed) == ("auto", m, cell.seed)
    ]
    if not pairs:
        return ours, theirs
    for a, b in pairs:
        n = min(len(a.mse), len(b.mse))
        ours.mse.extend(a.mse[:n])
        theirs.mse.extend(b.mse[:n])
    cpu = [fmean(side) for side in zip(*((a.cpu_seconds, b.cpu_seconds) for a, b in pairs), strict=True)]
    return Score(ours.mse, None, cpu[0]), Score(theirs.mse, None, cpu[1])


def run(settings: Settings) -> list[Row]:
    """Measure all methods and return the table's rows, then the summary."""
    full = QUICK if settings.quick else FULL
    cells = plan_cells(full, settings.peers, settings.seed)
    digits = held_out_digits(full.plan)
    priors = {name: Prior.load(name) for name in (SECOND_PRIOR, PRIOR)}
    scores = measure(cells, priors, digits, settings, METHODS)
    many = measure_parts(at_once(full, priors[PRIOR]), settings)
    return [*table_rows(scores), *many, summary_row(scores)]


def table(rows: list[Row]) -> str:
    """Write mean squared error, its median and CPU time by method and m, and the comparison of `auto`."""
    body = sensed(rows)
    counts = sorted({row["m"] for row in body})
    methods = dict.fromkeys((row["prior"], row["method"]) for row in body)
    parts = []
    for title, column, factor, digits in (
        ("Mean squared error x 1000", "mse_mean", 1e3, 3),
        ("Median squared error x 1000", "mse_median", 1e3, 3),
        ("CPU ms per digit, one thread", "cpu_seconds_per_image", 1e3, 1),
    ):
        lines = []
        for prior, method in methods:
            by_m = {row["m"]: row for row in body if (row["prior"], row["method"]) == (prior, method)}
            texts = [f"{factor * by_m[m][column]:.{digits}f}" if m in by_m else "-" for m in counts]
            label = f"{method}, prior {prior}" if prior == SECOND_PRIOR else method
            lines.append([label, max(row["n_images"] for row in by_m.values()), *texts])
        header = ["method", "digits", *(f"m = {m}" for m in counts)]
        parts.append(f"**{title}**\n\n" + markdown_table(header, lines))
    summary = rows[-1]
    lines = [[key, f"{value:.3g}"] for key, value in summary.items() if isinstance(value, float)]
    parts.append("**auto against the others, on the same digits**\n\n" + markdown_table(["", "value"], lines))
    parts.append(f"**Many digits in one call, m = {thousand_digits.M}, two threads**\n\n" + _many(rows))
    return "\n\n".join(parts)


def _many(rows: list[Row]) -> str:
    """Write the calls of many digits at once; a call that was not reached has dashes."""
    columns = (
        ("digits", "n_images", 1.0, 0),
        ("wall s", "wall_seconds", 1.0, 1),
        ("CPU s", "cpu_seconds", 1.0, 1),
        ("peak GiB", "peak_bytes", 2.0**-30, 2),
        ("MSE x 1000", "mse_mean", 1e3, 3),
        ("largest difference to smaller batches", "batch_difference", 1.0, 8),
    )
    lines = []
    for row in (row for row in rows if row["method"] == AT_ONCE_ROW):
        values = [(row.get(key), factor, digits) for _, key, factor, digits in columns]
        texts = ["-" if value is None else f"{factor * value:.{digits}f}" for value, factor, digits in values]
        lines.append([row["row"], *texts])
    return markdown_table(["", *(title for title, *_ in columns)], lines)


def sensed(rows: list[Row]) -> list[Row]:
    """Return the rows that have a method's error at a number of measurements."""
    return [row for row in rows if row["method"] not in ("summary", AT_ONCE_ROW)]


BENCH = Bench(
    title="Compressed sensing of MNIST digits past the generator's range, beside the published ways",
    problem="compressed-sensing",
    run=run,
    draw=lambda figure, rows: draw(figure, sensed(rows)),
    table=table,
    peers=("deepinv",),
)
