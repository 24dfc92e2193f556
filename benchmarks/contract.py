"""What every bench has in common: rows in, bars judged, a CSV, a Markdown table and a picture out."""

from __future__ import annotations

import operator
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

from sciadv.errors import InputError, UnknownNameError
from sciadv.files import page
from sciadv.files.publishing import publish
from sciadv.files.writing import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: One line of a bench's table: plain values by column; every row has its unique name under "row".
Row = dict[str, Any]
#: Column that is true in the rows of parts that are not measured yet.
PENDING = "is_pending"
Report = Callable[[str], None]

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
#: Packages whose versions a result states, where they are installed.
_PACKAGES = ("sciadv", "torch", "numpy", "scipy", "scikit-learn")


@runtime_checkable
class Bar(Protocol):
    """What a bench must reach, as a ``[[bench.bars]]`` table of a problem says it."""

    @property
    def name(self) -> str:
        """Words for the user."""
        ...

    @property
    def metric(self) -> str:
        """Column of the rows."""
        ...

    @property
    def row(self) -> str:
        """Name of the row."""
        ...

    @property
    def op(self) -> str:
        """One of `OPERATORS`."""
        ...

    @property
    def bound(self) -> float:
        """Right-hand side."""
        ...


@dataclass(frozen=True)
class Threshold:
    """A `Bar` of a bench that has no problem to state it: ``<metric of row> <op> <bound>``."""

    name: str
    metric: str
    row: str
    op: str
    bound: float


@dataclass(frozen=True)
class BarResult:
    """A bar with the value that was measured (None: the bench has no such value) and whether it holds."""

    name: str
    value: float | None
    op: str
    bound: float
    holds: bool

    @property
    def measured(self) -> str:
        """The value with four digits, or as many as tell it from a bound that it misses; "-" without one."""
        if self.value is None:
            return "-"
        told = [f"{self.value:.{digits}g}" for digits in range(4, 17)]
        return next((said for said in told if self.holds or said != f"{self.bound:g}"), told[0])

    @property
    def sentence(self) -> str:
        """Say it: ``held: ratio <= 1, measured 0.99``."""
        measured = "not measured" if self.value is None else f"measured {self.measured}"
        return f"{'held' if self.holds else 'MISSED'}: {self.name} {self.op} {self.bound:g}, {measured}"


@dataclass(frozen=True)
class Settings:
    """What a bench is run with.

    Parameters
    ----------
    quick
        The same work on fewer samples.
    seed
        Seed of everything that is drawn.
    peers
        Other libraries to measure beside ours.
    cache
        Folder for finished parts, from which an interrupted run goes on; None for none.
    report
        Told what is being done.
    """

    quick: bool = False
    seed: int = 0
    peers: tuple[str, ...] = ()
    cache: Path | None = None
    report: Report = field(default=lambda _: None)


@dataclass(frozen=True)
class Bench:
    """A bench: what it is about, what computes its rows, and what draws and tabulates them.

    Parameters
    ----------
    title
        One line.
    problem
        The catalogue's problem whose ``[[bench.bars]]`` it must hold; None for a bench without a problem.
    run
        Computes the rows.
    draw
        Draws the rows into an empty figure.
    table
        Writes the rows as Markdown, for people.
    peers
        Importable names of the libraries it can measure beside ours.
    thresholds
        What it must hold beside the problem's.
    """

    title: str
    problem: str | None
    run: Callable[[Settings], list[Row]]
    draw: Callable[[Figure, list[Row]], None]
    table: Callable[[list[Row]], str]
    peers: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True)
class BenchResult:
    """Rows, bars and what is needed to run the bench again."""

    name: str
    rows: list[Row]
    bars: list[BarResult]
    machine: dict[str, str | int]
    versions: dict[str, str]
    seed: int
    markdown: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether every row was measured: an interrupted run has rows that are not."""
        return not any(row.get(PENDING) or row.get("pending") for row in self.rows)

    @property
    def holds(self) -> bool:
        """Whether all bars hold."""
        return all(bar.holds for bar in self.bars)

    def payload(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        names = ("name", "value", "op", "bound", "holds")
        return {
            "rows": self.rows,
            "bars": [{name: getattr(bar, name) for name in names} for bar in self.bars],
            "machine": self.machine,
            "versions": self.versions,
            "seed": self.seed,
        }


def judge_bars(bars: Sequence[Bar], rows: list[Row]) -> list[BarResult]:
    """Hold each bar against the row it names; a bar whose row or metric is not there is missed."""
    by_name = {row["row"]: row for row in rows}
    judged = []
    for bar in bars:
        value = by_name.get(bar.row, {}).get(bar.metric)
        value = None if value is None else float(value)
        holds = value is not None and OPERATORS[bar.op](value, bar.bound)
        judged.append(BarResult(bar.name, value, bar.op, float(bar.bound), holds))
    return judged


def choose_peers(known: Sequence[str], asked: Sequence[str] | None) -> tuple[str, ...]:
    """Return the peers to measure: those asked for, or all that are installed.

    Raises
    ------
    UnknownNameError
        The bench knows no such peer.
    InputError
        A peer that was asked for is not installed.
    """
    if asked is None:
        return tuple(name for name in known if find_spec(name) is not None)
    for name in asked:
        if name not in known:
            raise UnknownNameError("peer", name, known)
        if find_spec(name) is None:
            raise InputError(f"peer {name!r} is not installed; pip install {name}, or leave it out")
    return tuple(asked)


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Compute on so many threads; restore what they were afterwards: sums depend on their number."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Compute on one thread, so that CPU seconds compare."""
    return threads(1)


@contextmanager
def cpu_seconds() -> Iterator[Callable[[], float]]:
    """Give a function that returns the CPU seconds of this process since the block began, until its end."""
    began, ended = time.process_time(), [float("nan")]
    yield lambda: ended[0]
    ended[0] = time.process_time() - began


def machine() -> dict[str, str | int]:
    """Describe the machine: processor, cores, operating system, Python, accelerator."""
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
    }


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()


def versions(peers: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions of what a bench ran on."""
    return page.versions((*_PACKAGES, *peers))


def write_outputs(result: BenchResult, bench: Bench, out: Path) -> None:
    """Write ``<name>.csv`` (all rows), ``<name>.md`` (tables and bars) and ``<name>.png`` to a folder."""
    from matplotlib.figure import Figure

    columns = list(dict.fromkeys(column for row in result.rows for column in row))
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    bench.draw(figure, result.rows)

    def build(new: Path) -> None:
        write_file(new / f"{result.name}.csv", page.csv_text(columns, result.rows))
        write_file(new / f"{result.name}.md", result.markdown)
        write_file(new / f"{result.name}.png", page.png(figure, dpi=130))

    publish(out, build)


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """Write a Markdown table; the first column to the left, the others to the right.

    Examples
    --------
    >>> print(markdown_table(["method", "mse"], [["ours", 0.25]]))
    | method | mse |
    |---|--:|
    | ours | 0.25 |
    """
    rule = "|" + "|".join(["---"] + ["--:"] * (len(header) - 1)) + "|"
    return "\n".join([_line(header), rule, *(_line(line) for line in lines)])


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def bars_table(bars: Sequence[BarResult]) -> str:
    """Write the bars as Markdown."""
    lines = [
        [
            bar.name,
            bar.measured,
            f"{bar.op} {bar.bound:g}",
            "held" if bar.holds else "**missed**",
        ]
        for bar in bars
    ]
    return markdown_table(["bar", "measured", "bound", ""], lines)
