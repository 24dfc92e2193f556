"""`CircuitSet`: designed circuits, what they do, how robustly, and everything to show and to take along."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from sciadv.domains.gene_circuits import antimony, graphs
from sciadv.domains.gene_circuits.behaviour_test import JUDGES, Ends, Robustness, robustness
from sciadv.domains.gene_circuits.circuit_plot import draw_network, draw_trajectory, gene_name, start_levels
from sciadv.errors import InputError
from sciadv.files.page import escape, html_page, html_table, image, png, to_json, versions, write_page
from sciadv.metrics.graph import canonical_keys
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.kinetics import Kinetics, check_circuits, unpack
from sciadv.solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from networkx import DiGraph

#: Fresh parameter sets of the two robustness measures: near the design, and anywhere in the ranges.
NEAR, ANYWHERE = 0.2, 1.0
_SHOWN = 12


@dataclass(frozen=True, eq=False)
class CircuitSet:
    """Designed circuits, one row each.

    Parameters
    ----------
    circuits
        ``(n, 7, genes, genes)``, see `sciadv.nets.graph`.
    behaviour
        What they were designed for: "oscillation", "bistability" or "stability".
    solution
        The search that found them; None for circuits from elsewhere.
    name
        In reports.
    n_sets
        Fresh parameter sets per circuit and robustness measure.

    Raises
    ------
    InputError
        They are not circuits, there are none, or the behaviour is not known.
    """

    circuits: Tensor
    behaviour: str
    solution: Solution | None = None
    name: str = "gene circuits"
    n_sets: int = 64

    def __post_init__(self) -> None:
        check_circuits(self.circuits)
        if len(self.circuits) == 0:
            raise InputError("there are no circuits in this set")
        if self.behaviour not in JUDGES:
            raise InputError(f"behaviour must be one of {', '.join(JUDGES)}, but it is {self.behaviour!r}")

    def __len__(self) -> int:
        return len(self.circuits)

    @property
    def topology(self) -> Tensor:
        """Signs ``(n, genes, genes)``: the effect of gene i on gene j."""
        return self.circuits[:, 0]

    @property
    def parameters(self) -> Kinetics:
        """All parameters in physical units."""
        return unpack(self.circuits)

    @cached_property
    def shown(self) -> Tensor:
        """Whether each circuit shows the behaviour at its own parameters ``(n,)``, by its trajectory."""
        return JUDGES[self.behaviour](self.circuits)

    @cached_property
    def robustness(self) -> Robustness:
        """Share of fresh parameter sets within a fifth of the ranges around the design that show it."""
        return robustness(self.circuits, self.behaviour, n_sets=self.n_sets, spread=NEAR)

    @cached_property
    def robustness_anywhere(self) -> Robustness:
        """Share of parameter sets anywhere in the ranges: a property of the topology alone."""
        return robustness(self.circuits, self.behaviour, n_sets=self.n_sets, spread=ANYWHERE, seed=2000)

    @property
    def n_different(self) -> int:
        """Number of topologies that are different up to relabelling."""
        return len(set(canonical_keys(*signs_and_presence(self.circuits))))

    @property
    def messages(self) -> list[str]:
        """What was found, in sentences."""
        near, anywhere = float(self.robustness.share.mean()), float(self.robustness_anywhere.share.mean())
        return [
            f"{int(self.shown.sum())} of {len(self)} circuits show {self.behaviour} at their own parameters, "
            f"by their trajectories; {self.n_different} topologies are different",
            f"with fresh parameters within a fifth of their ranges {near:.0%} do, anywhere in the ranges "
            f"{anywhere:.0%} ({self.n_sets} sets each)",
        ]

    def summary(self) -> dict[str, object]:
        """Return what a report states, as plain values."""
        facts: dict[str, object] = {
            "name": self.name,
            "behaviour": self.behaviour,
            "n_circuits": len(self),
            "n_showing": int(self.shown.sum()),
            "n_different_topologies": self.n_different,
            "robustness_mean": float(self.robustness.share.mean()),
            "robustness_spread": NEAR,
            "robustness_anywhere_mean": float(self.robustness_anywhere.share.mean()),
            "n_parameter_sets": self.n_sets,
            "versions": versions(),
        }
        return facts if self.solution is None else {**facts, "search": self.solution.summary()}

    def rows(self) -> list[dict[str, Any]]:
        """Return one row of plain values per circuit."""
        near, anywhere = self.robustness, self.robustness_anywhere
        return [
            {
                "circuit": k,
                "genes": int(self.parameters.n_genes[k]),
                "edges": int(self.topology[k].abs().sum()),
                "topology": topology_text(self.topology[k]),
                self.behaviour: bool(self.shown[k]),
                "robustness": float(near.share[k]),
                "robustness_low": float(near.low[k]),
                "robustness_high": float(near.high[k]),
                "robustness_anywhere": float(anywhere.share[k]),
                "antimony": f"circuit-{k:02d}.ant",
            }
            for k in range(len(self))
        ]

    def plot(self) -> Figure:
        """Draw each network beside its trajectory; of switches two, to the ends farthest apart."""
        from matplotlib.figure import Figure

        n, n_columns = min(len(self), _SHOWN), 3
        n_rows = -(-n // n_columns)
        figure = Figure(figsize=(4.2 * n_columns, 1.9 * n_rows), layout="constrained")
        axes = figure.subplots(n_rows, 2 * n_columns, squeeze=False, width_ratios=[1, 1.5] * n_columns)
        starts = self._starts()
        for panel in axes.flat:
            panel.set_axis_off()
        for k in range(n):
            row, column = divmod(k, n_columns)
            draw_network(axes[row, 2 * column], self.circuits[k])
            panel = axes[row, 2 * column + 1]
            panel.set_axis_on()
            t_end = 100.0 if self.behaviour == "oscillation" else 40.0
            for start, style in zip(starts[:, k], ("-", "--"), strict=False):
                draw_trajectory(panel, self.circuits[k], start, t_end=t_end, style=style)
            panel.set(ylim=(-0.03, 1.03), yticks=[0, 1])
            panel.set_title(f"{k}: robustness {float(self.robustness.share[k]):.2f}", fontsize=8)
            if row == n_rows - 1 or k + n_columns >= n:
                panel.set_xlabel("time", fontsize=7)
            if column == 0:
                panel.set_ylabel("part of largest level", fontsize=6)
        return figure

    def _starts(self) -> Tensor:
        """Return initial levels of the trajectories shown ``(trajectories, n, genes)``."""
        if self.behaviour == "oscillation":
            return start_levels(self.circuits)[None]
        return Ends.of(self.circuits).farthest()

    def to_antimony(self, index: int = 0) -> str:
        """Return one circuit as an Antimony model."""
        return antimony.to_antimony(self._one(index), name=f"circuit_{index}")

    def to_networkx(self, index: int = 0) -> DiGraph[str]:
        """Return one circuit as a directed graph with its parameters."""
        return graphs.to_networkx(self._one(index))

    def _one(self, index: int) -> Tensor:
        if not -len(self) <= index < len(self):
            raise InputError(f"there are circuits 0 to {len(self) - 1}, but index is {index}")
        return self.circuits[index]

    def save(self, folder: Path) -> Path:
        """Write designs.csv, summary.json, figure.png, report.html, and each circuit as Antimony."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = self.rows()
        with (folder / "designs.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        for k, row in enumerate(rows):
            (folder / row["antimony"]).write_text(self.to_antimony(k), encoding="utf-8")
        picture = png(self.plot())
        write_page(folder, self.summary(), picture, self._page(rows, picture))
        return folder

    def _page(self, rows: list[dict[str, Any]], picture: bytes) -> str:
        head = [key for key in rows[0] if key != "antimony"]
        cells = [[_cell(row[key]) for key in head] for row in rows]
        sections = [
            f"<h1>{escape(self.name)}</h1>",
            *(f"<p>{escape(sentence)}</p>" for sentence in self.messages),
            image(picture, "networks and trajectories of the designed circuits"),
            "<p>Green arrows activate, red bars repress; levels as parts of each gene's largest. "
            "Of switches two trajectories are drawn, one dashed.</p>",
            html_table(cells, head=head),
            f"<pre>{escape(to_json(self.summary()))}</pre>",
        ]
        return html_page(self.name, sections)


def topology_text(signs: Tensor) -> str:
    """Write a topology as CircuiTree does: ``ABi_BCi_CAi`` for a ring of three repressions.

    Examples
    --------
    >>> import torch
    >>> topology_text(-torch.eye(3).roll(1, 1))
    'ABi_BCi_CAi'
    """
    edges = signs.nonzero().tolist()
    return "_".join(f"{gene_name(i)}{gene_name(j)}{'a' if float(signs[i, j]) > 0 else 'i'}" for i, j in edges)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
