"""Accuracy against demographic-parity and equalised-odds gaps on mortgage applications: ours and rivals.

Every method is fitted on the same rows at a grid of its settings; the setting is chosen on validation rows,
and measured on test rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.contract import Bench, Row, Settings, Threshold, markdown_table, one_thread
from benchmarks.fairness.fair_methods import METHODS, OURS, Decisions
from benchmarks.fairness.loan_table import Rows, Split, loan_applications, split_of
from benchmarks.parts import PENDING, Part, measure_parts
from sciadv.domains.fairness import FairClassifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_SPLITS = 5
CRITERIA = ("demographic_parity", "equalised_odds")
LEVELS = (0.02, 0.05, 0.1)
#: Ours as a user has it: the gap is stated and all rows but the test's are fitted, without another choice.
STATED = "ours, gap stated"
MEASURES = ("accuracy", "balanced_accuracy", *CRITERIA)
Found = dict[str, float]


def measured(rows: Rows, decisions: Decisions) -> Found:
    """Return what is expected of decisions that are drawn with these probabilities; all in one pass.

    The names are those of `sciadv.domains.fairness.FairnessGaps`, which it equals for decisions of 0 and 1.
    """
    of_label = [decisions[rows.y == label].mean() for label in (0, 1)]
    odds = [_gap(decisions[rows.y == label], rows.group[rows.y == label]) for label in (0, 1)]
    return {
        "accuracy": float(np.where(rows.y == 1, decisions, 1 - decisions).mean()),
        "balanced_accuracy": float((1 - of_label[0] + of_label[1]) / 2),
        "demographic_parity": _gap(decisions, rows.group),
        "equalised_odds": max(odds),
    }


def _gap(decisions: Decisions, group: NDArray[np.int64]) -> float:
    return float(abs(decisions[group == 1].mean() - decisions[group == 0].mean()))


@dataclass(frozen=True)
class Fitted:
    """What one setting of a method does on the validation and the test rows of a split."""

    setting: str
    validation: Found
    test: Found


def on_split(method: str, criterion: str, split: Split, seed: int) -> list[Fitted]:
    """Fit a method at all its settings and measure each."""
    return [
        Fitted(
            setting,
            measured(split.validation, decide(split.validation)),
            measured(split.test, decide(split.test)),
        )
        for setting, decide in METHODS[method].fit(split.fit, criterion, seed).items()
    ]


def stated(criterion: str, split: Split, seed: int) -> list[Found]:
    """Fit ours on all rows but the test's, and measure it there at each level."""
    known, test = split.known, split.test
    model = FairClassifier(criterion=criterion, seed=seed).fit(known.x, known.y, protected=known.group)
    return [measured(test, model.with_gap(level).predict(test.x).astype(float)) for level in LEVELS]


def chosen(fits: list[Fitted], criterion: str, level: float) -> Found:
    """Return the test's measures of the setting that is best on validation rows.

    Of those whose gap is within the level the most accurate one; of none, the one of the least gap.
    """
    within = [fit for fit in fits if fit.validation[criterion] <= level]
    if within:
        return max(within, key=lambda fit: fit.validation["accuracy"]).test
    return min(fits, key=lambda fit: fit.validation[criterion]).test


def of_method(method: str, criterion: str, splits: list[Split], seed: int) -> Row:
    """Return the curve of a method on the test rows, and its choices at each level, by split."""
    if method == STATED:
        by_split = [stated(criterion, split, seed + i) for i, split in enumerate(splits)]
        return {
            "settings": [],
            "curve": [],
            "choices": [list(of_level) for of_level in zip(*by_split, strict=True)],
        }
    fits = [on_split(method, criterion, split, seed + i) for i, split in enumerate(splits)]
    return {
        "settings": [fit.setting for fit in fits[0]],
        "curve": [[fit.test for fit in of_setting] for of_setting in zip(*fits, strict=True)],
        "choices": [[chosen(of_split, criterion, level) for of_split in fits] for level in LEVELS],
    }


def run(settings: Settings) -> list[Row]:
    """Measure every method for both gaps, and compare ours with each rival."""
    n_splits = 2 if settings.quick else N_SPLITS
    table = loan_applications()
    if settings.quick:
        table = split_of(table, settings.seed).fit
    splits = [split_of(table, settings.seed + i) for i in range(n_splits)]
    names = [name for name, method in METHODS.items() if method.peer in ("", *settings.peers)]
    if settings.quick:
        names = [name for name in names if name not in ("plain adversary", "reductions")]
    parts = [
        Part(
            f"{criterion}, {name}",
            {"criterion": criterion, "method": name},
            (criterion, name, settings.seed, n_splits),
            partial(of_method, name, criterion, splits, settings.seed),
        )
        for criterion in CRITERIA
        for name in (*names, *(() if settings.quick else (STATED,)))
    ]
    with one_thread():
        found = measure_parts(parts, settings)
    if any(row.get(PENDING) for row in found):
        return found
    by_criterion = {c: {r["method"]: r for r in found if r["criterion"] == c} for c in CRITERIA}
    return [row for criterion, methods in by_criterion.items() for row in rows_of(criterion, methods)]


def rows_of(criterion: str, methods: dict[str, Row]) -> list[Row]:
    """Return a row a setting, and a row a level with what ours is ahead of the method by."""
    rows = []
    for name, found in methods.items():
        facts = {"criterion": criterion, "method": name}
        for setting, tests in zip(found["settings"], found["curve"], strict=True):
            rows.append(
                {"row": f"{criterion}, {name}, {setting}", **facts, "setting": setting, **_means(tests)}
            )
        for place, level in enumerate(LEVELS):
            tests = found["choices"][place]
            ahead = _ahead(methods[OURS]["choices"][place], tests, criterion)
            row = {"row": _at(criterion, name, level), **facts, "level": level, **_means(tests), **ahead}
            rows.append(row | {"least_gap": row[criterion] - row[f"{criterion}_error"]})
    return rows


def _at(criterion: str, method: str, level: float) -> str:
    return f"{criterion} <= {level:g}, {method}"


def _means(tests: list[Found]) -> Row:
    """Return means over splits, and their standard errors."""
    found: dict[str, Any] = {"n_splits": len(tests)}
    for key in MEASURES:
        found[key], found[f"{key}_error"] = _mean_and_error([test[key] for test in tests])
    return found


def _ahead(ours: list[Found], theirs: list[Found], criterion: str) -> Row:
    """Return by how much ours is more accurate and has the smaller gap, plus a standard error, by split."""
    found: Row = {}
    for key, sign in (("accuracy", 1), (criterion, -1)):
        name = "accuracy" if key == "accuracy" else "gap"
        mean, error = _mean_and_error([sign * (a[key] - b[key]) for a, b in zip(ours, theirs, strict=True)])
        found |= {
            f"ahead_in_{name}": mean,
            f"ahead_in_{name}_error": error,
            f"{name}_within_error": mean + error,
        }
    return found


def _mean_and_error(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)


def table(rows: list[Row]) -> str:
    """Write what each method reaches at each level, and where ours is ahead of it."""
    parts = []
    for criterion in CRITERIA:
        for level in LEVELS:
            shown = [r for r in rows if r.get("level") == level and r["criterion"] == criterion]
            lines = [
                [
                    row["method"],
                    *(f"{row[key]:.3f} ± {row[f'{key}_error']:.3f}" for key in MEASURES),
                    _verdict(row),
                ]
                for row in shown
            ]
            words = (
                f"{criterion.replace('_', ' ')} at most {level:g} on validation rows; measured on test rows"
            )
            header = [words, "accuracy", "balanced", "parity gap", "odds gap", "ours against it"]
            parts.append(markdown_table(header, lines))
    return "\n\n".join(parts)


def _verdict(row: Row) -> str:
    """Say whether ours is ahead, behind, or neither by more than a standard error, in both columns."""
    if row["method"] == OURS:
        return "-"
    said = []
    for name, words in (("accuracy", "accuracy"), ("gap", "gap")):
        mean, error = row[f"ahead_in_{name}"], row[f"ahead_in_{name}_error"]
        verdict = "as good" if abs(mean) <= error else ("better" if mean > 0 else "WORSE")
        said.append(f"{words} {verdict} ({mean:+.3f} ± {error:.3f})")
    return ", ".join(said)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw accuracy against the gap that a method was fitted for, a curve a method, a panel a gap."""
    panels = figure.subplots(1, len(CRITERIA), sharey=True)
    for axes, criterion in zip(panels, CRITERIA, strict=True):
        curves = [r for r in rows if r["criterion"] == criterion and "setting" in r]
        for number, name in enumerate(dict.fromkeys(r["method"] for r in curves)):
            shown = [r for r in curves if r["method"] == name]
            axes.errorbar(
                [r[criterion] for r in shown],
                [r["accuracy"] for r in shown],
                [r["accuracy_error"] for r in shown],
                color="black" if name == OURS else f"C{number}",
                marker="o" if len(shown) > 1 else "s",
                markersize=4 if len(shown) > 1 else 8,
                linewidth=2 if name == OURS else 1,
                elinewidth=0.5,
                label=name,
            )
        axes.set_xlabel(f"gap of {criterion.replace('_', ' ')}, test rows")
    panels[0].set_ylabel("accuracy, test rows")
    panels[-1].legend(fontsize="small")


def _thresholds() -> tuple[Threshold, ...]:
    bars = []
    for criterion in CRITERIA:
        for level in LEVELS:
            bars += [
                Threshold(
                    f"{criterion} <= {level:g}: accuracy at least {rival}'s less a standard error",
                    "accuracy_within_error",
                    _at(criterion, rival, level),
                    ">=",
                    0.0,
                )
                for rival in METHODS
                if rival != OURS
            ]
            row = _at(criterion, OURS, level)
            name = f"{criterion} <= {level:g}: gap on test rows less a standard error"
            bars.append(Threshold(name, "least_gap", row, "<=", level))
    return tuple(bars)


BENCH = Bench(
    title="Accuracy against fairness gaps on mortgage applications, beside fairlearn and trivial rivals",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("fairlearn",),
    thresholds=_thresholds(),
)
