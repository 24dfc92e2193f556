"""The candidate set: what a design found, with predicted values and margins, as table, picture and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.files.folders import as_path
from sciadv.files.html.page_parts import Table, downloads, picture
from sciadv.files.html.template import render, shown_value
from sciadv.files.page import csv_text, png, to_json, write_page
from sciadv.files.publishing import publish
from sciadv.files.writing import write_file
from sciadv.solution import Solution

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

#: What `CandidateSet.save` writes beside the set's own files.
RESULTS = ("designs.csv", "summary.json", "figure.png", "report.html")

#: One row of a table: plain values by column.
Row = Mapping[str, object]


@final
@dataclass(frozen=True)
class Presentation:
    """What only a domain knows of how its candidates are shown.

    Parameters
    ----------
    draw
        Draws the figure of a set.
    title
        Heading of the report.
    picture_words
        What the figure shows, in words.
    note
        A paragraph below the figure; empty for none.
    hidden
        Columns of the table that the report leaves out.
    """

    draw: Callable[[CandidateSet], Figure]
    title: str
    picture_words: str
    note: str = ""
    hidden: tuple[str, ...] = ()


@final
@dataclass(frozen=True, eq=False)
class CandidateSet:
    """Designed candidates, one row each; everything in it is computed when it is made.

    Parameters
    ----------
    name
        Of the problem.
    x
        Candidates ``(n, *shape)``, as the problem's forward takes them.
    values
        What a model that takes no part in the search predicts of each, by name ``(n,)``.
    hit
        Whether a candidate does what was asked for ``(n,)``.
    feasible
        Whether it keeps every constraint ``(n,)``.
    margins
        How far each constraint is below its limit, in parts of it ``(n, constraints)``.
    messages
        Sentences for the user: how many candidates do what was asked, and why others do not.
    table
        One row of plain values per candidate; units in the names of the columns.
    facts
        What the report states, as plain values.
    presentation
        How the set is shown.
    beside
        What the search and its baselines do, a row each of plain values; empty for none.
    target
        What was asked for, by property; empty where the problem itself is the target.
    reachable
        The value nearest to the target that a feasible candidate has, by property.
    objectives
        "minimise" or "maximise" by the property that was to be optimised.
    reason
        Why the target cannot be reached, in words; empty where it is.
    files
        Content of further files, by name.
    was_interrupted
        Whether the search was stopped before its end.
    solution
        The solution that the candidates are of, with their latents; None where they come from elsewhere.

    Raises
    ------
    InputError
        The set has no candidates, or something in it has not one row per candidate.
    """

    name: str
    x: Tensor
    values: Mapping[str, Tensor]
    hit: Tensor
    feasible: Tensor
    margins: Tensor
    messages: tuple[str, ...]
    table: tuple[Row, ...]
    facts: Mapping[str, object]
    presentation: Presentation
    beside: tuple[Row, ...] = ()
    target: Mapping[str, float] = field(default_factory=dict)
    reachable: Mapping[str, float] = field(default_factory=dict)
    objectives: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    was_interrupted: bool = False
    solution: Solution | None = None

    def __post_init__(self) -> None:
        if len(self.x) == 0:
            raise InputError("there are no candidates in this set")
        lengths = {name: len(values) for name, values in self.values.items()}
        lengths |= {"hit": len(self.hit), "feasible": len(self.feasible)}
        lengths |= {"margins": len(self.margins), "table": len(self.table)}
        for name, n in lengths.items():
            if n != len(self.x):
                raise InputError(f"{name} has {n} rows for {len(self.x)} candidates")

    @property
    def n_good(self) -> int:
        """Candidates that do what was asked for and are feasible."""
        return int((self.hit & self.feasible).sum())

    def pareto(self) -> CandidateSet:
        """Return the good candidates that no other one beats in one objective without losing in another.

        Raises
        ------
        InputError
            Nothing was to be optimised, or no candidate does what was asked.
        """
        if not self.objectives:
            raise InputError('nothing was to be optimised: design with a target such as {"mass": "minimise"}')
        signs = {name: 1 if direction == "minimise" else -1 for name, direction in self.objectives.items()}
        costs = torch.stack([sign * self.values[name] for name, sign in signs.items()], 1)
        good = self.hit & self.feasible
        beaten = ((costs[:, None] >= costs[None]).all(2) & (costs[:, None] > costs[None]).any(2))[
            :, good
        ].any(1)
        front = self.take((good & ~beaten).nonzero().squeeze(1))
        words = [f"{len(front)} of {len(self)} designs are on the front of {' and '.join(self.objectives)}"]
        for name in self.objectives:
            values = front.values[name]
            words.append(f"{name}: from {float(values.min()):.4g} to {float(values.max()):.4g}")
        return replace(front, messages=tuple(words))

    def take(self, rows: Tensor) -> CandidateSet:
        """Return some of the candidates ``(k,)``, in that order; files and the solution are left out.

        What is counted in `facts` is counted again; `messages` stay those of the whole set.

        Raises
        ------
        InputError
            No rows are taken.
        """
        good = self.hit[rows] & self.feasible[rows]
        counts = {
            "n_designs": len(rows),
            "n_hit": int(self.hit[rows].sum()),
            "n_feasible": int(self.feasible[rows].sum()),
            "n_hit_and_feasible": int(good.sum()),
        }
        known = {key: count for key, count in counts.items() if key in self.facts}
        return replace(
            self,
            facts={**self.facts, **known},
            x=self.x[rows],
            values={name: value[rows] for name, value in self.values.items()},
            hit=self.hit[rows],
            feasible=self.feasible[rows],
            margins=self.margins[rows],
            table=tuple(self.table[int(row)] for row in rows),
            files={},
            solution=None,
        )

    def summary(self) -> dict[str, object]:
        """Return what the report states, as plain values."""
        return dict(self.facts)

    def rows(self) -> list[dict[str, object]]:
        """Return the table as dictionaries."""
        return [dict(row) for row in self.table]

    def to_csv(self, path: Path | str) -> Path:
        """Write the table to a CSV file and return its path."""
        return write_file(as_path(path), self._csv())

    def plot(self) -> Figure:
        """Draw the figure of the set."""
        return self.presentation.draw(self)

    def save(self, folder: Path | str) -> Path:
        """Write `RESULTS` and the set's own files to a folder, all of them or none."""
        target = as_path(folder, "folder")
        figure = self.plot()
        drawn = png(figure)

        def build(place: Path) -> None:
            write_file(place / "designs.csv", self._csv())
            for name, content in self.files.items():
                write_file(place / name, content)
            write_page(place, self.summary(), drawn, self._page(figure, drawn))

        return publish(target, build)

    def _csv(self) -> str:
        """Return the table as CSV."""
        return csv_text(list(self.table[0]), self.table)

    def _page(self, figure: Figure, drawn: bytes) -> str:
        """Return the report; `drawn` is the figure as a PNG file."""
        shown = self.presentation
        head = [key for key in self.table[0] if key not in shown.hidden]
        rows = [(number, *(row[key] for key in head)) for number, row in enumerate(self.table, 1)]
        misses = (~(self.hit & self.feasible)).tolist()
        held: dict[str, str | bytes] = {
            "designs.csv": self._csv(),
            "summary.json": to_json(self.summary()),
            "figure.png": drawn,
        }
        facts = {
            "title": shown.title,
            "sentences": self.messages,
            "cards": self._cards(),
            "picture": picture(figure, self._seen()),
            "note": shown.note,
            "designs": Table("The designs", ("design", *head), rows, marked=misses),
            "beside": self._beside(),
            "downloads": downloads(held | dict(self.files)),
            "facts": [(key.replace("_", " "), value) for key, value in self.facts.items()],
        }
        return render("designs.html.j2", facts)

    def _beside(self) -> Table | None:
        """Return the table of the search and its baselines; a dash where a method has no such number."""
        if not self.beside:
            return None
        head = tuple(dict.fromkeys(key for row in self.beside for key in row))
        return Table("Beside a baseline", head, [[row.get(key, "-") for key in head] for row in self.beside])

    def _cards(self) -> list[tuple[str, object]]:
        """Return the numbers that head the report."""
        n = len(self)
        cards: list[tuple[str, object]] = [
            ("do what was asked and keep every limit", f"{self.n_good} of {n}"),
            ("do what was asked", f"{int(self.hit.sum())} of {n}"),
            ("keep every limit", f"{int(self.feasible.sum())} of {n}"),
        ]
        seconds = self.facts.get("seconds")
        return cards if seconds is None else [*cards, ("time of the search [s]", seconds)]

    def _seen(self) -> str:
        """Say what the figure shows, with its numbers."""
        ranges = [
            f"{name} from {float(values.min()):.4g} to {float(values.max()):.4g}"
            for name, values in self.values.items()
        ]
        done = f"{self.n_good} of {len(self)} do what was asked and keep every limit"
        return f"{self.presentation.picture_words}: {done}; {', '.join(ranges)}"

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a data frame; units are in the names of its columns."""
        import pandas

        return pandas.DataFrame(self.rows())

    def _repr_html_(self) -> str:
        from sciadv.drawing.notebook import html_card

        words = [("", sentence) for sentence in self.messages]
        shown = [key for key in self.table[0] if key not in self.presentation.hidden][:6]
        first = [
            (f"design {i}", ", ".join(f"{key} {shown_value(row[key])}" for key in shown))
            for i, row in enumerate(self.table[:5], 1)
        ]
        good = f"{self.n_good} of {len(self)} hit and feasible"
        return html_card(f"Designs of {self.name}", [("designs", good), *words, *first])

    def __len__(self) -> int:
        """Return how many candidates there are."""
        return len(self.x)

    def __repr__(self) -> str:
        """Show the problem and how many candidates do what was asked."""
        unreachable = "; the target cannot be reached" if self.reason else ""
        return f"CandidateSet({self.name}: {self.n_good} of {len(self)} hit and feasible{unreachable})"
