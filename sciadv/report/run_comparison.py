"""The page that compares runs: folders that `sciadv solve` or `sciadv design` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciadv.drawing.panels import Array, new_figure
from sciadv.errors import InputError
from sciadv.files.arrays import array_names, read_arrays
from sciadv.files.html.page_parts import Table, download, picture
from sciadv.files.html.template import render, shown_value
from sciadv.files.page import csv_text
from sciadv.files.texts import read_json
from sciadv.report.viewer import Panel, View, frames_that_fit
from sciadv.solution import SHORT, Status

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A folder of results.

    Parameters
    ----------
    name
        How the page calls it.
    folder
        Where it is.
    facts
        Its ``summary.json``.
    """

    name: str
    folder: Path
    facts: Mapping[str, Any]

    @cached_property
    def arrays(self) -> Mapping[str, Array]:
        """Candidates, misfits and status of a solve; nothing of other runs."""
        path = self.folder / "solution.npz"
        if not path.is_file():
            return {}
        wanted = {"x", "misfit", "status_code"}
        missing = wanted - set(array_names(path))
        if missing:
            raise InputError(f"{path} has no {', '.join(sorted(missing))}; give a folder of sciadv solve")
        return read_arrays(path, wanted)

    @property
    def status(self) -> list[str]:
        """How each measurement ended, in two words."""
        words = [SHORT[status] for status in Status]
        return [words[code] if code < len(words) else "unknown" for code in self.arrays["status_code"]]

    def flat(self) -> dict[str, object]:
        """Return the summary as plain values by name, those in tables with the table's name before."""
        return dict(_flat(self.facts, ""))


def read_runs(folders: Sequence[Path]) -> list[SavedRun]:
    """Read folders of results; runs of the same name are called by their folders' paths.

    Raises
    ------
    InputError
        Fewer than two folders are given, one twice, or one is no folder of results.
    """
    if len(folders) < 2:
        raise InputError("one run alone cannot be compared; give two folders or more")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("a run cannot be compared with itself; give different folders")
    advice = "give a folder that sciadv solve or sciadv design wrote"
    names = [folder.resolve().name for folder in folders]
    runs = []
    for folder, name in zip(folders, names, strict=True):
        facts = read_json(folder / "summary.json", advice=advice)
        if not isinstance(facts, dict):
            raise InputError(f"{folder / 'summary.json'} holds no table of facts; {advice}")
        runs.append(SavedRun(name if names.count(name) == 1 else str(folder), folder, facts))
    return runs


def comparison_page(
    runs: Sequence[SavedRun],
    *,
    command: str = "",
) -> str:
    """Return a page that compares runs: what differs, and each measurement where all solved the same.

    Parameters
    ----------
    runs
        As `read_runs` gives them; the others are compared with the first.
    command
        The command line that makes it again.

    Raises
    ------
    InputError
        The arrays of a run are broken or missing.
    """
    facts: dict[str, object] = {
        "title": f"Comparison of {' and '.join(run.name for run in runs)}",
        "runs": [(run.name, str(run.folder)) for run in runs],
        "different": _different(runs),
        "command": command,
        "reason": _why_not_paired(runs),
        "pair": None,
    }
    if not facts["reason"]:
        facts |= _paired(runs)
    return render("comparison.html.j2", facts)


def _why_not_paired(runs: Sequence[SavedRun]) -> str:
    """Say why measurements of the runs cannot be compared one by one; empty if they can."""
    first = runs[0]
    for run in runs:
        if not run.arrays or not first.arrays:
            return "Not all runs are solves: their measurements cannot be compared one by one."
        if run.arrays["x"].shape != first.arrays["x"].shape:
            shapes = f"{first.arrays['x'].shape} and {run.arrays['x'].shape}"
            return f"The candidates of the runs have different shapes, {shapes}: they cannot be compared."
        for key in ("problem", "misfit_unit", "measurements_sha256"):
            if run.facts.get(key) != first.facts.get(key):
                return f"The runs differ in {key.replace('_', ' ')}: their measurements cannot be compared."
    return ""


def _paired(
    runs: Sequence[SavedRun],
    *,
    most: int = 2000,
) -> dict[str, object]:
    """Return what the page shows of the measurements that all runs solved; of most of them in the table."""
    first, *others = runs
    misfits = np.stack([run.arrays["misfit"] for run in runs]).astype(float)
    unit = first.facts.get("misfit_unit", "sigma")
    columns: dict[str, Sequence[object]] = {"measurement": range(misfits.shape[1])}
    for run, misfit in zip(runs, misfits, strict=True):
        columns[f"misfit of {run.name} [{unit}]"] = misfit.tolist()
        columns[f"status of {run.name}"] = run.status
    for run, misfit in zip(others, misfits[1:], strict=True):
        columns[f"misfit of {run.name} - {first.name}"] = (misfit - misfits[0]).tolist()
        columns[f"difference of x, {run.name} (RMS)"] = _apart(first, run).tolist()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    change = np.nan_to_num(np.abs(misfits[1:] - misfits[0]).max(0), nan=np.inf)
    order = np.argsort(-change, kind="stable").tolist()
    panels = _panels(runs, order[:1])
    shown = order[: frames_that_fit(len(order), sum(panel.n_bytes for panel in panels))]
    links = {row: place for place, row in enumerate(shown)}
    reported = list(columns)[1:]
    words = [[f"{name}: {shown_value(rows[row][name])}" for name in reported] for row in shown]
    listed = order[:most]
    verdicts = _verdicts(runs, misfits)
    return {
        "pair": picture(_draw(runs, misfits, unit), f"Misfits of the runs. {' '.join(verdicts)}"),
        "sentences": verdicts,
        "view": View(_panels(runs, shown), [f"measurement {row}" for row in shown], words),
        "table": Table(
            "All measurements, those first whose misfit differs most",
            list(columns),
            [list(rows[row].values()) for row in listed],
            links=[links.get(row) for row in listed],
        ),
        "downloads": [download("comparison.csv", csv_text(list(columns), rows))],
    }


def _apart(
    first: SavedRun,
    run: SavedRun,
) -> Array:
    """Return the root mean square by which candidates of two runs differ ``(batch,)``."""
    difference = np.abs(run.arrays["x"] - first.arrays["x"]).reshape(len(run.arrays["x"]), -1)
    apart: Array = np.sqrt((difference.astype(float) ** 2).mean(1))
    return apart


def _panels(
    runs: Sequence[SavedRun],
    rows: Sequence[int],
) -> list[Panel]:
    first, *others = runs
    panels = [Panel(f"x of {run.name}", run.arrays["x"][rows][:, None], "candidate") for run in runs]
    for run in others:
        difference = run.arrays["x"][rows] - first.arrays["x"][rows]
        panels.append(Panel(f"{run.name} - {first.name}", difference[:, None], "residual"))
    return panels


def _verdicts(
    runs: Sequence[SavedRun],
    misfits: Array,
    *,
    margin: float = 0.01,
) -> list[str]:
    """Say how many measurements each other run explains better than the first, and worse.

    A misfit that differs by less than `margin` of the first's is the same: searches stop before the last
    digit.
    """
    first, *others = runs
    lines = []
    for run, misfit in zip(others, misfits[1:], strict=True):
        change = misfit - misfits[0]
        least = margin * np.abs(misfits[0])
        lower = int((change < -least).sum())
        higher = int((change > least).sum())
        counts = f"by over {margin:.0%} for {lower} of {len(misfit)} measurements, a higher one for {higher}"
        medians = f"medians {np.median(misfit):.4g} and {np.median(misfits[0]):.4g}"
        lines.append(f"{run.name} has a lower misfit than {first.name} {counts}; {medians}.")
    return lines


def _draw(
    runs: Sequence[SavedRun],
    misfits: Array,
    unit: str,
) -> Figure:
    """Draw the misfits of each other run against those of the first."""
    others = runs[1:]
    figure = new_figure(4.6 * len(others), 4.2)
    axes = figure.subplots(1, len(others), squeeze=False)[0]
    for axis, run, misfit in zip(axes, others, misfits[1:], strict=True):
        both = np.stack([misfits[0], misfit])
        ends = float(np.nanmin(both)), float(np.nanmax(both))
        axis.plot(ends, ends, color="black", linewidth=0.7, linestyle="--")
        axis.scatter(*both, s=16, color="#2f6db3", linewidths=0)
        axis.set(xlabel=f"misfit of {runs[0].name} [{unit}]", ylabel=f"misfit of {run.name} [{unit}]")
        axis.set_title("below the dashed line: less misfit than the first", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _different(runs: Sequence[SavedRun]) -> Table:
    """Return the facts of the runs, those that differ first and marked."""
    flat = [run.flat() for run in runs]
    names = list(dict.fromkeys(name for facts in flat for name in facts))
    found = [[facts.get(name, "") for facts in flat] for name in names]
    differs = [any(value != values[0] for value in values[1:]) for values in found]
    rows = [[name, *map(shown_value, values)] for name, values in zip(names, found, strict=True)]
    order = sorted(range(len(rows)), key=lambda place: not differs[place])
    head = ("fact", *(run.name for run in runs))
    marked = [differs[place] for place in order]
    name = "The facts of the runs, those that differ first"
    return Table(name, head, [rows[place] for place in order], marked=marked)


def _flat(
    value: object,
    name: str,
) -> Iterator[tuple[str, object]]:
    """Go through the values of nested tables, with their names."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            words = str(key).replace("_", " ")
            yield from _flat(item, f"{name}: {words}" if name else words)
    else:
        yield name, value
