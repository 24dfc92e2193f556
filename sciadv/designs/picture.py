"""The picture of a set of designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.designs.evaluated import grid_library
from sciadv.forward import PropertyModel
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE = "#2f6db3"
_ORANGE = "#d9722e"
_GREY = "#8a8a8a"


def draw_designs(designs: CandidateSet, problem: Problem, *, n_map: int = 160) -> Figure:
    """Draw designs over the map of the first target's property, and their values beside the target.

    The map needs two design variables with bounds; without them the variables are drawn against each other
    on white.

    Parameters
    ----------
    designs
        The designs.
    problem
        What was designed.
    n_map
        Points of the map along each variable.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    name, goal = next(iter(designs.target.items()))
    _draw_map(left, problem, name, goal, n_map=n_map)
    good = designs.hit & designs.feasible
    _draw_places(left, designs, problem, good)
    _draw_values(right, name, 100 * (designs.values[name] / goal - 1), good, goal)
    return figure


def _draw_places(axes: Axes, designs: CandidateSet, problem: Problem, good: Tensor) -> None:
    """Draw the first two variables of each design."""
    from matplotlib.ticker import NullFormatter

    model = problem.forward
    assert isinstance(model, PropertyModel)
    first = designs.x[:, 0].numpy()
    second = designs.x[:, min(1, designs.x.shape[1] - 1)].numpy()
    other = "nearest that can be reached" if designs.reason else "off the target or infeasible"
    is_good = good.numpy()
    for mask, colour, label in ((is_good, _ORANGE, "hit and feasible"), (~is_good, "black", other)):
        if mask.any():
            axes.scatter(
                first[mask],
                second[mask],
                s=26,
                color=colour,
                edgecolor="white",
                linewidth=0.6,
                label=label,
                zorder=3,
            )
    names = [f"{q.name} [{q.unit}]" if q.unit else q.name for q in model.variables]
    axes.set(xscale="log", yscale="log", xlabel=names[0], ylabel=names[min(1, len(names) - 1)])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.legend(loc="lower right", fontsize=8)


def _draw_map(axes: Axes, problem: Problem, name: str, goal: float, *, n_map: int) -> None:
    """Draw contours of the property over the bounds, the infeasible part in grey."""
    library = grid_library(problem, n_map)
    if library is None:
        return
    shape = (n_map, n_map)
    x, y = (library.x[:, i].reshape(shape).numpy() for i in (0, 1))
    values = library.value(name).reshape(shape).numpy()
    feasible = library.feasible.reshape(shape).numpy()
    shown = values[feasible] if feasible.any() else values
    space = np.geomspace if shown.min() > 0 else np.linspace
    levels = space(shown.min(), shown.max() * (1 + 1e-6), 13)
    filled = axes.contourf(x, y, values, levels=levels, cmap="Blues", extend="both")
    colorbar = axes.figure.colorbar(filled, ax=axes, label=name.replace("_", " "), format="%.2g")
    colorbar.ax.minorticks_off()
    axes.contourf(x, y, feasible, levels=[-0.5, 0.5], colors=["#777777"], alpha=0.55)
    axes.contour(x, y, values, levels=[goal], colors=_ORANGE, linewidths=1)
    axes.set_title("designs; grey: a constraint is broken", fontsize=10)


def _draw_values(axes: Axes, name: str, deviation: Tensor, good: Tensor, goal: float) -> None:
    """Draw each design's deviation [%] from the goal of a property, beside 1 %."""
    order = torch.arange(1, len(deviation) + 1)
    axes.axhspan(-1, 1, color=_BLUE, alpha=0.15, label="within 1 %")
    axes.scatter(order[good], deviation[good], s=22, color=_ORANGE, zorder=3)
    axes.scatter(order[~good], deviation[~good], s=22, color="black", zorder=3)
    axes.axhline(0, color=_GREY, linewidth=0.8)
    largest = max(2.0, 1.3 * float(deviation.abs().max()))
    axes.set(ylim=(-largest, largest), xlabel="design", ylabel=f"deviation from {goal:.4g} [%]")
    axes.set_title(
        f"{name.replace('_', ' ')}: {int(good.sum())} of {len(good)} hit and feasible", fontsize=10
    )
    axes.legend(loc="upper right", fontsize=8)
