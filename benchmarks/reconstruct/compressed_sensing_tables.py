"""The rows, tables and picture of the compressed-sensing bench, from the scores of its cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from benchmarks.contract import Row, markdown_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The name under which methods without a generator stand.
NO_PRIOR = "none"
#: An objective this many times the best of all searches on the same digit is a failure.
FAILURE = 1.01


@dataclass(frozen=True)
class Cell:
    """One method on one set of measurements: what was asked."""

    prior: str
    method: str
    m: int
    seed: int
    n_images: int


@dataclass(frozen=True)
class Score:
    """What came out: one number per digit in the digits' order, and CPU seconds per digit on one thread."""

    mse: list[float]
    objective: list[float] | None
    cpu_seconds: float


Scores = dict[Cell, Score]


def row_name(prior: str, method: str, m: int) -> str:
    """Return the unique name of a row, which a bar of ``problem.toml`` gives."""
    return f"{method}, m = {m}" if prior == NO_PRIOR else f"{prior}, {method}, m = {m}"


def table_rows(scores: Scores) -> list[Row]:
    """Return one row per prior, method and m, over all seeds and digits of that method."""
    groups: dict[tuple[str, str, int], Scores] = defaultdict(dict)
    for cell, score in scores.items():
        groups[cell.prior, cell.method, cell.m][cell] = score
    failures = _failures(scores)
    rows = []
    for (prior, method, m), group in groups.items():
        errors = [error for score in group.values() for error in score.mse]
        objectives = [value for score in group.values() for value in score.objective or ()]
        failed = failures.get((prior, method, m), [])
        rows.append(
            {
                "row": row_name(prior, method, m),
                "prior": prior,
                "method": method,
                "m": m,
                "n_images": len(errors),
                "n_seeds": len({cell.seed for cell in group}),
                "mse_mean": fmean(errors),
                "mse_median": median(errors),
                "csgm_objective": fmean(objectives) if objectives else None,
                "cpu_seconds_per_image": fmean(score.cpu_seconds for score in group.values()),
                "failures": fmean(failed) if failed else None,
                "n_images_failures": len(failed),
            }
        )
    return rows


def _failures(scores: Scores) -> dict[tuple[str, str, int], list[bool]]:
    """Say for each digit that all searches of a prior had whether a search ended above the best of them."""
    failed: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
    problems: dict[tuple[str, int, int], dict[str, list[float]]] = defaultdict(dict)
    for cell, score in scores.items():
        if score.objective is not None:
            problems[cell.prior, cell.m, cell.seed][cell.method] = score.objective
    for (prior, m, _), objectives in problems.items():
        common = list(zip(*objectives.values(), strict=False))  # the digits that every search had
        for method, values in objectives.items():
            failed[prior, method, m] += [
                value > FAILURE * min(every) for value, every in zip(values, common, strict=False)
            ]
    return failed


@dataclass(frozen=True)
class _Pair:
    """Two searches on the same digits and operators: mean objectives and CPU seconds per digit."""

    ours: float
    theirs: float
    cpu_ours: float
    cpu_theirs: float


def _pair(scores: Scores, prior: str, m: int, other: str) -> _Pair | None:
    """Compare Levenberg-Marquardt with another search on the digits that both had."""
    objectives: list[tuple[float, float]] = []
    cpu: list[tuple[float, float]] = []
    for cell, score in scores.items():
        if (cell.prior, cell.method, cell.m) != (prior, "levenberg-marquardt", m):
            continue
        for rival, theirs in scores.items():
            if (rival.prior, rival.method, rival.m, rival.seed) == (prior, other, m, cell.seed):
                objectives += zip(score.objective or (), theirs.objective or (), strict=False)
                cpu.append((score.cpu_seconds, theirs.cpu_seconds))
    if not objectives:
        return None
    ours, theirs_mean = (fmean(column) for column in zip(*objectives, strict=True))
    return _Pair(ours, theirs_mean, *(fmean(column) for column in zip(*cpu, strict=True)))


def summary_rows(scores: Scores) -> list[Row]:
    """Return one row per prior: the ratios of Levenberg-Marquardt to CSGM and Adam on the same digits.

    ``objective_ratio_csgm_max`` is the largest over m of (mean objective of LM / mean objective of CSGM);
    ``speed_csgm_m100`` is CSGM's CPU seconds per digit over LM's at m = 100, ``speed_csgm_min`` its
    smallest over m.
    """
    rows = []
    priors = dict.fromkeys(cell.prior for cell in scores if cell.prior != NO_PRIOR)
    counts = sorted({cell.m for cell in scores})
    for prior in priors:
        row: Row = {"row": f"{prior}, summary", "prior": prior, "method": "summary"}
        for other in ("csgm", "adam"):
            pairs = {m: pair for m in counts if (pair := _pair(scores, prior, m, other)) is not None}
            if pairs:
                row[f"objective_ratio_{other}_max"] = max(pair.ours / pair.theirs for pair in pairs.values())
                speed = {m: pair.cpu_theirs / pair.cpu_ours for m, pair in pairs.items()}
                row[f"speed_{other}_min"] = min(speed.values())
                row[f"speed_{other}_m100"] = speed.get(100)
        rows.append(row)
    return rows


def _methods(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row["prior"], row["method"]) for row in rows if row["method"] != "summary"))


def _cell(rows: Sequence[Row], prior: str, method: str, m: int) -> Row:
    found = [row for row in rows if (row["prior"], row["method"], row.get("m")) == (prior, method, m)]
    return found[0] if found else {}


def table(rows: list[Row]) -> str:
    """Write the tables: error, objective, CPU time and failures by method and m, then the ratios."""
    measured = [row for row in rows if row["method"] != "summary"]
    counts = sorted({row["m"] for row in measured})
    parts = []
    for title, column, factor, digits in (
        ("Mean squared error per pixel, mean", "mse_mean", 1, 4),
        ("Mean squared error per pixel, median", "mse_median", 1, 4),
        ("CSGM's objective, mean", "csgm_objective", 1, 3),
        ("CPU milliseconds per digit, one thread", "cpu_seconds_per_image", 1000, 1),
        (f"Failures: share of digits more than {FAILURE - 1:.0%} above the best search", "failures", 1, 2),
    ):
        lines = []
        for prior, method in _methods(rows):
            cells = [_cell(measured, prior, method, m) for m in counts]
            if all(cell.get(column) is None for cell in cells):
                continue
            n = max(
                cell.get("n_images_failures" if column == "failures" else "n_images", 0) for cell in cells
            )
            values = [cell.get(column) for cell in cells]
            texts = ["-" if value is None else f"{factor * value:.{digits}f}" for value in values]
            lines.append([_label(prior, method), n, *texts])
        parts.append(
            f"**{title}**\n\n"
            + markdown_table(["prior, method", "digits", *(f"m = {m}" for m in counts)], lines)
        )
    return "\n\n".join([*parts, _ratios(rows)])


def _label(prior: str, method: str) -> str:
    return method if prior == NO_PRIOR else f"{prior}, {method}"


def _ratios(rows: list[Row]) -> str:
    header = ["prior", "objective LM / CSGM, worst m", "CSGM's CPU / LM's, m = 100", "least of all m"]
    header += ["objective LM / Adam, worst m", "Adam's CPU / LM's, m = 100", "least of all m"]
    columns = [f"{what}_{other}_{at}" for other in ("csgm", "adam") for what, at in _RATIO_COLUMNS]
    lines = [
        [row["prior"], *("-" if row.get(column) is None else f"{row[column]:.5g}" for column in columns)]
        for row in rows
        if row["method"] == "summary"
    ]
    return "**Levenberg-Marquardt against the others, on the same digits**\n\n" + markdown_table(
        header, lines
    )


_RATIO_COLUMNS = (("objective_ratio", "max"), ("speed", "m100"), ("speed", "min"))


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw error and CPU time against m, a line per method; priors by line style."""
    left, right = figure.subplots(1, 2)
    priors = [prior for prior in dict.fromkeys(prior for prior, _ in _methods(rows)) if prior != NO_PRIOR]
    methods = list(dict.fromkeys(method for _, method in _methods(rows)))
    marks = {method: {"color": f"C{i}", "marker": ".s^"[i // 10 % 3]} for i, method in enumerate(methods)}
    for prior, method in _methods(rows):
        chosen = sorted(
            (row for row in rows if (row["prior"], row["method"]) == (prior, method)), key=lambda r: r["m"]
        )
        style = ":" if prior == NO_PRIOR else ("-", "--", "-.")[priors.index(prior) % 3]
        for axes, column, factor in ((left, "mse_mean", 1), (right, "cpu_seconds_per_image", 1000)):
            x, y = [row["m"] for row in chosen], [factor * row[column] for row in chosen]
            axes.plot(x, y, style, **marks[method], markersize=5, label=_label(prior, method))
    counts = sorted({row["m"] for row in rows if "m" in row})
    _finish(left, counts, "mean squared error per pixel")
    _finish(right, counts, "CPU ms per digit, one thread")
    entries = left.get_legend_handles_labels()
    figure.legend(*entries, loc="outside lower center", ncols=4, fontsize="x-small", handlelength=4)


def _finish(axes: Axes, counts: list[int], label: str) -> None:
    axes.set(xscale="log", yscale="log", xlabel="measurements m", ylabel=label)
    axes.set_xticks(counts, [str(m) for m in counts], fontsize="x-small")
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
