"""The picture of a set of designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciadv.designs.library import grid_library
from sciadv.forward import PropertyModel
from sciadv.problem import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#2f6db3", "#d9722e", "#8a8a8a"
_N_MAP = 160


def plot_designs(
    problem: Problem,
    x: Tensor,
    values: dict[str, Tensor],
    is_good: Tensor,
    *,
    target: dict[str, float],
    reason: str,
) -> Figure:
    """Draw designs over the map of the first target's property, and their values beside the target.

    The map needs two design variables with bounds; without them the variables are drawn against each other
    on white.

    Parameters
    ----------
    problem
        What was designed.
    x
        Designs ``(n, variables)``.
    values
        Their properties ``(n,)`` by name.
    is_good
        Which hit the target and are feasible ``(n,)``.
    target
        What was asked for, by property.
    reason
        Why it cannot be reached; empty where it can.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(10, 4.4), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    _draw_map(left, problem, target)
    assert isinstance(problem.forward, PropertyModel)
    good = is_good.numpy()
    first, second = x[:, 0].numpy(), x[:, min(1, x.shape[1] - 1)].numpy()
    other = "nearest that can be reached" if reason else "off the target or infeasible"
    for mask, colour, label in ((good, _ORANGE, "hit and feasible"), (~good, "black", other)):
        if mask.any():
            left.scatter(
                first[mask],
                second[mask],
                s=26,
                color=colour,
                edgecolor="white",
                linewidth=0.6,
                label=label,
                zorder=3,
            )
    names = [f"{q.name} [{q.unit}]" if q.unit else q.name for q in problem.forward.VARIABLES]
    left.set(xscale="log", yscale="log", xlabel=names[0], ylabel=names[min(1, len(names) - 1)])
    for axis in (left.xaxis, left.yaxis):
        axis.set_minor_formatter(NullFormatter())
    left.legend(loc="lower right", fontsize=8)
    name, goal = next(iter(target.items()))
    _draw_values(right, name, 100 * (values[name] / goal - 1), is_good, goal)
    return figure


def _draw_map(axes: Axes, problem: Problem, target: dict[str, float]) -> None:
    """Draw contours of the property over the bounds, the infeasible part in grey."""
    library = grid_library(problem, _N_MAP)
    if library is None:
        return
    name = next(iter(target))
    shape = (_N_MAP, _N_MAP)
    x, y = (library.x[:, i].reshape(shape).numpy() for i in (0, 1))
    values = library.values[name].reshape(shape).numpy()
    feasible = library.feasible.reshape(shape).numpy()
    shown = values[feasible] if feasible.any() else values
    space = np.geomspace if shown.min() > 0 else np.linspace
    levels = space(shown.min(), shown.max() * (1 + 1e-6), 13)
    filled = axes.contourf(x, y, values, levels=levels, cmap="Blues", extend="both")
    colorbar = axes.figure.colorbar(filled, ax=axes, label=name.replace("_", " "), format="%.2g")
    colorbar.ax.minorticks_off()
    axes.contourf(x, y, feasible, levels=[-0.5, 0.5], colors=["#777777"], alpha=0.55)
    axes.contour(x, y, values, levels=[target[name]], colors=_ORANGE, linewidths=1)
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
