"""Designs found for a target: their values, margins and words, as a table, a picture and a report."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from sciadv.designs.picture import plot_designs
from sciadv.files.page import escape, html_page, html_table, image, png, to_json, versions, write_page
from sciadv.forward import Quantity
from sciadv.likelihood import Tolerance
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, eq=False)
class DesignSet:
    """Designs for a target, one row each, evaluated in double precision.

    Parameters
    ----------
    problem
        What was solved.
    target
        What was asked for, by property.
    x
        Designs ``(n, variables)``, float64, in the units of `variables`.
    values
        Every property the model predicts, by name ``(n,)``.
    hit
        Whether a design has the target within the tolerance ``(n,)``.
    feasible
        Whether it keeps every constraint ``(n,)``.
    margins
        How far each constraint is below its limit, in parts of it ``(n, constraints)``.
    variables, properties
        Names and units of what x and `values` hold.
    reachable
        The value nearest to the target that a feasible design has, by property; the target itself where it
        is reached.
    reason
        Why the target cannot be reached, in words; empty where it is.
    seconds
        Wall time of the search.
    settings
        The search's settings, its seed among them.
    """

    problem: Problem
    target: dict[str, float]
    x: Tensor
    values: dict[str, Tensor]
    hit: Tensor
    feasible: Tensor
    margins: Tensor
    variables: tuple[Quantity, ...]
    properties: tuple[Quantity, ...]
    reachable: dict[str, float]
    reason: str = ""
    seconds: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def n_good(self) -> int:
        """Designs that hit the target and are feasible."""
        return int((self.hit & self.feasible).sum())

    @property
    def spread(self) -> float:
        """Mean distance of two designs in natural logarithms of their variables; 0 for one design."""
        return float(torch.pdist(self.x.log()).mean()) if len(self.x) > 1 else 0.0

    @property
    def _tolerance(self) -> str:
        likelihood = self.problem.likelihood
        if isinstance(likelihood, Tolerance) and likelihood.is_relative and likelihood.width.numel() == 1:
            return f"{100 * float(likelihood.width):.2g} %"
        return repr(likelihood)

    @property
    def messages(self) -> list[str]:
        """How many designs hit the target, and where there are none, why."""
        asked = _words(self.target)
        lines = [
            f"{self.n_good} of {len(self.x)} designs have {asked} within {self._tolerance} and keep every "
            f"constraint"
        ]
        if self.reason:
            lines = [
                f"no design has {asked}: {self.reason}",
                f"the nearest that can be reached is {_words(self.reachable)}; the designs are for that",
            ]
        tightest = self.margins.amin(0).tolist()
        names = [constraint.name for constraint in self.problem.constraints]
        lines += [
            f"{name}: at least {m:.1%} below the limit"
            for name, m in zip(names, tightest, strict=True)
            if m >= 0
        ]
        lines += [
            f"{name}: broken by up to {-m:.1%}" for name, m in zip(names, tightest, strict=True) if m < 0
        ]
        return lines

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        return {
            "problem": self.problem.name,
            "target": self.target,
            "status": "unreachable" if self.reason else ("reached" if self.n_good else "missed"),
            "reason": self.reason,
            "nearest_reachable": self.reachable,
            "n_designs": len(self.x),
            "n_hit": int(self.hit.sum()),
            "n_feasible": int(self.feasible.sum()),
            "n_hit_and_feasible": self.n_good,
            "smallest_margins": {
                constraint.name: float(self.margins[:, i].min())
                for i, constraint in enumerate(self.problem.constraints)
            },
            "spread_of_log_variables": self.spread,
            "likelihood": repr(self.problem.likelihood),
            "forward": repr(self.problem.forward),
            "prior": self.problem.prior.name,
            "weights_sha256": self.problem.prior.card.get("weights_sha256", ""),
            "seconds": self.seconds,
            "settings": dict(self.settings),
            "versions": versions(),
        }

    def rows(self) -> list[dict[str, object]]:
        """Return a row per design: variables, properties, hit, feasible, margins; units in the names."""
        rows = []
        for i in range(len(self.x)):
            row: dict[str, object] = {
                _column(quantity): float(self.x[i, j]) for j, quantity in enumerate(self.variables)
            }
            row |= {_column(quantity): float(self.values[quantity.name][i]) for quantity in self.properties}
            row |= {"hit": bool(self.hit[i]), "feasible": bool(self.feasible[i])}
            row |= {
                f"margin: {constraint.name}": float(self.margins[i, j])
                for j, constraint in enumerate(self.problem.constraints)
            }
            rows.append(row)
        return rows

    def to_csv(self, path: Path | str) -> Path:
        """Write the rows to a CSV file and return its path."""
        rows, file_path = self.rows(), Path(path)
        with file_path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return file_path

    def plot(self) -> Figure:
        """Draw the designs over the map of the property, and their values beside the target."""
        good = self.hit & self.feasible
        return plot_designs(self.problem, self.x, self.values, good, target=self.target, reason=self.reason)

    def save(self, folder: Path) -> Path:
        """Write ``designs.csv``, ``summary.json``, ``figure.png`` and ``report.html``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.to_csv(folder / "designs.csv")
        picture = png(self.plot())
        write_page(folder, self.summary(), picture, self._page(picture))
        return folder

    def _page(self, picture: bytes) -> str:
        rows = self.rows()
        numbers = [
            tuple(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()) for row in rows
        ]
        facts = [
            (key.replace("_", " "), value if isinstance(value, str) else to_json(value))
            for key, value in self.summary().items()
        ]
        return html_page(
            f"Designs: {self.problem.name}",
            [
                f"<h1>Designs of {self.problem.name} for {_words(self.target)}</h1>",
                *(f"<p>{escape(sentence)}</p>" for sentence in self.messages),
                image(picture, "the designs over the map of the property, and their values"),
                "<h2>Designs</h2>" + html_table(numbers, head=list(rows[0])),
                "<h2>To do it again</h2>" + html_table(facts),
            ],
        )

    def __len__(self) -> int:
        """Return how many designs there are."""
        return len(self.x)

    def __repr__(self) -> str:
        """Show the target and how many designs hit it."""
        return (
            f"DesignSet({self.problem.name}, {_words(self.target)}: {self.n_good} of {len(self.x)} hit and "
            f"feasible{'; unreachable' if self.reason else ''})"
        )


def _words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.4g}" for name, value in values.items())


def _column(quantity: Quantity) -> str:
    return f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name
