"""Images of a stranger by the two commands of the README: a prior by the default recipe, a solve, a report.

Every row is one source: its images go through ``sciadv train --data`` and ``sciadv solve`` in processes of
their own, and the answers for held-out images are compared with the best linear estimate on the same data.
Rows of other tables (image sets by operators) come from the functions in `TABLES`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import sciadv
from benchmarks.contract import Bench, Row, Settings, markdown_table
from benchmarks.own import image_sets, verdicts
from benchmarks.own.sources import SOURCES, Source
from benchmarks.parts import PENDING, Part, measure_parts
from sciadv.errors import InputError
from sciadv.files.arrays import read_arrays
from sciadv.metrics import mse
from sciadv.prior import read_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Images of a source at most, minutes of a training; of a quick run.
_FULL, _QUICK = (4000, 15.0), (120, 0.05)


def data_rows(settings: Settings) -> list[Row]:
    """Return a row for each source."""
    most, minutes = _QUICK if settings.quick else _FULL
    parts = [
        Part(
            source.name,
            {"images": most},
            (source.name, most, minutes, settings.seed),
            lambda source=source: _measured(source, most, minutes),  # type: ignore[misc]  # of this turn
        )
        for source in SOURCES
    ]
    return measure_parts(parts, settings)


def _measured(source: Source, most: int, minutes: float) -> Row:
    """Train and solve by commands, and compare the answers with the linear estimate."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        data = source.write(place, most)
        limits = ("--minutes", f"{minutes:g}")
        seconds = _command("train", "--data", str(data), *source.options, *limits, "-o", str(place / "mine"))
        seconds_solve = _command("solve", str(place / "mine"), "-o", str(place / "answer"))
        problem = sciadv.load_problem(place / "mine")
        found = read_arrays(place / "answer" / "solution.npz", ("x",))["x"]
        assert problem.truth is not None  # its measurements are simulated
        errors = {
            "mse": mse(problem.truth.new_tensor(found), problem.truth),
            "lmmse": mse(sciadv.solve(problem, "lmmse", diagnose=None).x, problem.truth),
        }
        card = read_card(place / "mine")
        return {
            "shape": card["image_shape"],
            "split": card["split"],
            "train_seconds": seconds,
            "training_cpu_seconds": float(card["training_cpu_seconds"]),
            "solve_seconds": seconds_solve,
            "has_report": int((place / "answer" / "report.html").is_file()),
            **{name: float(values.mean()) for name, values in errors.items()},
            "usefulness": card.get("usefulness", ""),
        }


def _command(*arguments: str) -> float:
    """Run a command of ours and return the seconds that it took."""
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "sciadv", *arguments], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise InputError(f"sciadv {' '.join(arguments[:2])} failed: {run.stderr.strip()[-500:]}")
    return time.perf_counter() - began


#: What gives the rows of each table.
TABLES: tuple[Callable[[Settings], list[Row]], ...] = (data_rows, image_sets.rows, verdicts.rows)


def run(settings: Settings) -> list[Row]:
    """Return the rows of every table."""
    return [row for rows in TABLES for row in rows(settings)]


def table(rows: list[Row]) -> str:
    """Write the rows of sources as Markdown."""
    done = [row for row in rows if "mse" in row and "usefulness" in row and not row.get(PENDING)]
    header = ["what is brought", "shape", "training CPU s", "solve s", "auto", "LMMSE", "report"]
    lines = [
        [
            row["row"],
            row["shape"],
            f"{row['training_cpu_seconds']:.0f}",
            f"{row['solve_seconds']:.0f}",
            f"{row['mse']:.3g}",
            f"{row['lmmse']:.3g}",
            "yes" if row["has_report"] else "no",
        ]
        for row in done
    ]
    useful = "\n".join(f"- {row['row']}: {row['usefulness']}" for row in done if row["usefulness"])
    tables = [markdown_table(header, lines), useful, image_sets.table(rows), verdicts.table(rows)]
    return "\n\n".join(tables)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the errors of both, a pair of bars for each source."""
    done = [row for row in rows if "mse" in row and "lmmse" in row]
    axes = figure.subplots()
    places = range(len(done))
    for shift, name in ((-0.2, "mse"), (0.2, "lmmse")):
        label = "auto" if name == "mse" else "LMMSE"
        axes.bar([place + shift for place in places], [row[name] for row in done], 0.4, label=label)
    axes.set_xticks(list(places), [row["row"] for row in done], rotation=20)
    axes.set_yscale("log")
    axes.set_ylabel("mean squared error, units of the data")
    axes.legend(frameon=False)


BENCH = Bench(
    "a stranger's images: files to prior, solve and report; image sets through operators; verdicts",
    None,
    run,
    draw,
    table,
    thresholds=(*image_sets.THRESHOLDS, *verdicts.THRESHOLDS),
)
