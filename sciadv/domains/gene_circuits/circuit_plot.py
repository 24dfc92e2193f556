"""Pictures of circuits: networks with activations and repressions, and trajectories of their levels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.domains.gene_circuits.behaviours.behaviour import uneven_levels
from sciadv.domains.gene_circuits.behaviours.states import StateSearch
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.trajectories import simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACTIVATES = "#2a7f62"
_REPRESSES = "#c1443c"
_COLOURS = ["#1f4e79", "#d9722e", "#4f9d69", "#8a5fa8", "#c2a83e", "#5b8fb9", "#a05252", "#777777"]


def gene_name(index: int) -> str:
    """Return the name of a gene: a letter, and from the 27th on a number behind it.

    Names stay apart where they are written one behind the other: each begins with its only letter.

    Examples
    --------
    >>> [gene_name(index) for index in (0, 25, 26, 52)]
    ['A', 'Z', 'A1', 'A2']
    """
    round_, letter = divmod(index, 26)
    return chr(ord("A") + letter) + (str(round_) if round_ else "")


def draw_network(axes: Axes, x: Tensor) -> None:
    """Draw one circuit ``(7, genes, genes)``: arrows activate (green), bars repress (red)."""
    signs, presence = (part[0] for part in signs_and_presence(x[None].detach().cpu()))
    n = int(presence.sum())
    angles = [math.pi / 2 - 2 * math.pi * i / n for i in range(n)]
    places = [(math.cos(a), math.sin(a)) for a in angles]
    for i in range(n):
        for j in range(n):
            sign = float(signs[i, j])
            if sign and i == j:
                _draw_loop(axes, angles[i], sign)
            elif sign:
                _draw_edge(axes, places[i], places[j], sign, is_bent=float(signs[j, i]) != 0)
    part = min(1.0, 8 / max(n, 1))  # of the usual size
    size = max(3.0, 8 * part)
    for i, (px, py) in enumerate(places):
        axes.scatter(px, py, s=190 * part, color=_COLOURS[i % len(_COLOURS)], zorder=3)
        # Not quite white, which pages turn into their own colour: the letters stand on the genes' colours.
        axes.text(px, py, gene_name(i), color="#fffffe", ha="center", va="center", fontsize=size, zorder=4)
    axes.set(xlim=(-1.75, 1.75), ylim=(-1.75, 1.75), aspect="equal")
    axes.set_axis_off()


def _style(sign: float) -> dict[str, object]:
    head = "-|>" if sign > 0 else "|-|,widthA=0,widthB=0.28"
    return {"arrowstyle": head, "color": _ACTIVATES if sign > 0 else _REPRESSES, "lw": 1.3}


def _draw_edge(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], sign: float, *, is_bent: bool
) -> None:
    arrow = {**_style(sign), "shrinkA": 8, "shrinkB": 8, "mutation_scale": 9}
    arrow["connectionstyle"] = f"arc3,rad={0.18 if is_bent else 0.0}"
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow)


def _draw_loop(axes: Axes, angle: float, sign: float) -> None:
    """Draw a self edge as an arc outside of the gene."""
    out, side = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
    near = 1.2
    start = (near * out[0] + 0.16 * side[0], near * out[1] + 0.16 * side[1])
    end = (near * out[0] - 0.16 * side[0], near * out[1] - 0.16 * side[1])
    arrow = {**_style(sign), "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
    arrow["connectionstyle"] = "arc3,rad=-1.7"
    axes.annotate("", xy=end, xytext=start, arrowprops=arrow)


def draw_trajectory(
    axes: Axes,
    x: Tensor,
    initial: Tensor,
    *,
    t_end: float = 150.0,
    style: str = "-",
    model: CircuitModel = RACIPE,
) -> None:
    """Draw the levels of one circuit ``(7, genes, genes)`` from initial levels ``(genes,)``.

    Levels are shown as parts of each gene's largest.

    Parameters
    ----------
    axes
        Where.
    x, initial
        The circuit and where it starts.
    t_end
        Time shown.
    style
        Of the lines, as matplotlib names it.
    model
        What the circuit stands for.
    """
    kinetics = unpack(x[None], model)
    levels = simulate(kinetics, initial[None], t_end=t_end, n_kept=500)[:, 0]
    levels = torch.cat([initial[None], levels]) / kinetics.largest
    times = torch.linspace(0, t_end, len(levels))
    for i in range(int(kinetics.presence.sum())):
        axes.plot(times, levels[:, i].cpu(), color=_COLOURS[i % len(_COLOURS)], lw=1.1, ls=style)
    axes.tick_params(labelsize=7)


def plot_circuits(x: Tensor, *, n_columns: int = 4, model: CircuitModel = RACIPE) -> Figure:
    """Draw networks with their trajectories side by side; ``(n, 7, genes, genes)``."""
    from matplotlib.figure import Figure

    n_rows = -(-len(x) // n_columns)
    figure = Figure(figsize=(3.4 * n_columns, 1.6 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2 * n_columns, squeeze=False, width_ratios=[1, 1.3] * n_columns)
    for panel in axes.flat:
        panel.set_axis_off()
    initial = uneven_levels(x, model=model)
    t_end = 150.0 * model.slowness
    for k, circuit in enumerate(x):
        row, column = divmod(k, n_columns)
        draw_network(axes[row, 2 * column], circuit)
        panel = axes[row, 2 * column + 1]
        panel.set_axis_on()
        draw_trajectory(panel, circuit, initial[k], t_end=t_end, model=model)
        panel.set(ylim=(-0.03, 1.03), yticks=[0, 1])
    return figure


def draw_circuits(
    designs: CandidateSet,
    behaviour: str,
    *,
    model: CircuitModel = RACIPE,
    n_shown: int = 12,
    n_columns: int = 3,
) -> Figure:
    """Draw each network beside its trajectory; of switches two, to the ends farthest apart.

    Parameters
    ----------
    designs
        A set of circuits.
    behaviour
        What they were designed for.
    model
        What they stand for.
    n_shown
        Circuits drawn at most.
    n_columns
        Circuits beside each other.
    """
    from matplotlib.figure import Figure

    circuits = designs.x[:n_shown]
    n = len(circuits)
    n_rows = -(-n // n_columns)
    figure = Figure(figsize=(4.2 * n_columns, 1.9 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, 2 * n_columns, squeeze=False, width_ratios=[1, 1.5] * n_columns)
    is_oscillation = behaviour == "oscillation"
    search = StateSearch(model=model)
    starts = uneven_levels(circuits, model=model)[None] if is_oscillation else search.apart(circuits)
    t_end = (100.0 if is_oscillation else 40.0) * model.slowness
    for panel in axes.flat:
        panel.set_axis_off()
    for k in range(n):
        row, column = divmod(k, n_columns)
        draw_network(axes[row, 2 * column], circuits[k])
        panel = axes[row, 2 * column + 1]
        panel.set_axis_on()
        for start, style in zip(starts[:, k], ("-", "--"), strict=False):
            draw_trajectory(panel, circuits[k], start, t_end=t_end, style=style, model=model)
        panel.set(ylim=(-0.03, 1.03), yticks=[0, 1])
        panel.set_title(f"{k + 1}: robustness {float(designs.values['robustness'][k]):.2f}", fontsize=8)
        if row == n_rows - 1 or k + n_columns >= n:
            panel.set_xlabel(f"time [{model.time_unit}]" if model != RACIPE else "time", fontsize=7)
        if column == 0:
            panel.set_ylabel("part of largest level", fontsize=6)
    return figure
