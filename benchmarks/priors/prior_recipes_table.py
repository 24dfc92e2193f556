"""The rows, table and picture of the bench of prior recipes, from the rows of its trainings."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from benchmarks.contract import Row, markdown_table
from benchmarks.parts import PENDING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Columns of the table with their headings and formats; those of a data set without a judge stay empty.
COLUMNS = {
    "frechet": ("feature-FID", ".1f"),
    "frechet_floor": ("its floor", ".1f"),
    "precision": ("precision", ".2f"),
    "recall": ("recall", ".2f"),
    "coverage": ("coverage", ".2f"),
    "modes": ("modes", "g"),
    "representation_error_mean": ("representation error", ".4f"),
    "sensing_error_25": ("sensing, m = 25", ".4f"),
    "search_failures_25": ("search failed", ".2f"),
    "wrong_minima_25": ("wrong minimum", ".2f"),
    "sensing_error_100": ("sensing, m = 100", ".4f"),
}
#: What a recipe is ranked by; smaller is better.
_RANKED_BY = ("frechet", "representation_error_mean", "sensing_error_25", "sensing_error_100")


def summary_rows(rows: Sequence[Row]) -> list[Row]:
    """Return one row for each recipe and data set: means over seeds, and spreads ``<column>_sd``.

    A seed that is not measured yet is in ``pending``; a recipe without any other has no numbers.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["data"], row["recipe"]), []).append(row)
    return [_summary(data, recipe, group) for (data, recipe), group in groups.items()]


def _summary(data: str, recipe: str, group: list[Row]) -> Row:
    pending = [str(one["seed"]) for one in group if one.get(PENDING)]
    group = [one for one in group if not one.get(PENDING)]
    row: Row = {
        "row": f"{recipe}, {data}",
        "data": data,
        "recipe": recipe,
        "seeds": " ".join(str(one["seed"]) for one in group),
        "pending": " ".join(pending),
    }
    if not group:
        return row
    row |= {
        "n_steps": round(fmean(one["n_steps"] for one in group)),
        "cpu_seconds": fmean(one["cpu_seconds"] for one in group),
        "n_diverged": sum(bool(one["trouble"]) for one in group),
    }
    for column in COLUMNS:
        values = [one[column] for one in group if one.get(column) is not None]
        if values:
            row[column] = fmean(values)
        if len(values) > 1:
            row[f"{column}_sd"] = stdev(values)
    return row


def ranked(summaries: Sequence[Row]) -> list[str]:
    """Return the recipes from best to worst: by the sum of their ranks in `_RANKED_BY`, equal weight each.

    Those that are not measured yet come last.
    """
    places = {row["recipe"]: 0 if row["seeds"] else len(_RANKED_BY) * len(summaries) for row in summaries}
    for column in _RANKED_BY:
        shown = [row for row in summaries if column in row]
        for place, row in enumerate(sorted(shown, key=lambda row: float(row[column]))):
            places[row["recipe"]] += place
    return sorted(places, key=lambda recipe: places[recipe])


def table(rows: list[Row]) -> str:
    """Write the summary rows as Markdown, a table a data set, best recipe first."""
    summaries = [row for row in rows if "seeds" in row]
    parts = []
    for data in dict.fromkeys(row["data"] for row in summaries):
        of_data = {row["recipe"]: row for row in summaries if row["data"] == data}
        lines = [_line(of_data[recipe]) for recipe in ranked(list(of_data.values()))]
        header = ["recipe", "seeds", "steps", "CPU s", *(heading for heading, _ in COLUMNS.values())]
        parts.append(f"**{data}**\n\n{markdown_table(header, lines)}")
    diverged = [row for row in rows if row.get("trouble")]
    parts += ["\n".join(f"- {row['row']}: {row['trouble']}" for row in diverged)] if diverged else []
    if any(row["pending"] for row in summaries):
        parts.append("Not all are measured yet; the best recipes are then trained on the other data.")
    return "\n\n".join(parts)


def _line(row: Row) -> list[str]:
    if not row["seeds"]:
        return [row["recipe"], "not measured yet", *["-"] * (2 + len(COLUMNS))]
    seeds = row["seeds"] + (f" (not yet: {row['pending']})" if row["pending"] else "")
    cells = [row["recipe"], seeds, str(row["n_steps"]), f"{row['cpu_seconds']:.0f}"]
    for column, (_, form) in COLUMNS.items():
        text = "-" if column not in row else format(row[column], form)
        spread = row.get(f"{column}_sd") if column in _RANKED_BY else None
        cells.append(text if spread is None else f"{text} ± {spread:{form}}")
    return cells


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw feature-FID, representation error and the sensing errors on MNIST, a bar a recipe."""
    summaries = {row["recipe"]: row for row in rows if row.get("seeds") and row["data"] == "mnist"}
    names = ranked(list(summaries.values()))[::-1]
    panels = figure.subplots(1, len(_RANKED_BY), sharey=True)
    for axes, column in zip(panels, _RANKED_BY, strict=True):
        values = [summaries[name].get(column, float("nan")) for name in names]
        spreads = [summaries[name].get(f"{column}_sd", 0.0) for name in names]
        axes.barh(names, values, xerr=spreads)
        axes.set_xlabel(COLUMNS[column][0])
