"""The picture of a set of designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet
from sciadv.designs.aim import Aim
from sciadv.designs.distinct import places
from sciadv.designs.evaluated import Evaluated, evaluate
from sciadv.designs.wishes import Wish
from sciadv.forward import Variable
from sciadv.forward.design.quantity import box_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE = "#2f6db3"
_ORANGE = "#d9722e"
_GREY = "#8a8a8a"


def draw_designs(designs: CandidateSet, aim: Aim, *, n_map: int = 160, most_lines: int = 24) -> Figure:
    """Draw the designs beside the values that were asked for, or the objectives against each other.

    Designs of two variables are drawn over the map of the first property asked for; those of more as lines
    over the variables (parallel coordinates), those of images as they are.

    Parameters
    ----------
    designs
        The designs.
    aim
        What was asked for.
    n_map
        Points of the map along each variable.
    most_lines
        Variables that parallel coordinates show at most.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    good = (designs.hit & designs.feasible).numpy()
    if len(aim.model.variables) == 2:
        _draw_map(left, aim, n_map=n_map)
        _draw_places(left, designs, aim, good)
    elif aim.model.variables:
        _draw_lines(left, designs, aim, good, most=most_lines)
    else:
        _draw_images(left, designs.x)
    if len(aim.objectives) > 1:
        _draw_front(right, designs, aim, good)
    else:
        _draw_values(right, designs, (*aim.objectives, *aim.wishes)[0], good)
    if any(axes.get_legend_handles_labels()[0] for axes in (left, right)):
        figure.legend(loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return figure


def _label(variable: Variable) -> str:
    return f"{variable.name} [{variable.unit}]" if variable.unit else variable.name


def _draw_places(axes: Axes, designs: CandidateSet, aim: Aim, good: np.ndarray) -> None:
    """Draw both variables of each design."""
    from matplotlib.ticker import NullFormatter

    first, second = designs.x[:, 0].numpy(), designs.x[:, 1].numpy()
    other = "nearest that can be reached" if designs.reason else "off the target or infeasible"
    for mask, colour, label in ((good, _ORANGE, "hit and feasible"), (~good, "black", other)):
        if mask.any():
            axes.scatter(
                first[mask],
                second[mask],
                s=26,
                color=colour,
                edgecolor="white",
                label=label,
                zorder=3,
            )
    across, along = aim.model.variables
    axes.set(xlabel=_label(across), ylabel=_label(along))
    for variable, axis, scale in (
        (across, axes.xaxis, axes.set_xscale),
        (along, axes.yaxis, axes.set_yscale),
    ):
        if variable.is_log:
            scale("log")
            axis.set_minor_formatter(NullFormatter())
        if variable.choices:
            axis.set_ticks(range(len(variable.choices)), variable.choices)


def _grid(aim: Aim, n: int) -> Evaluated:
    """Evaluate ``n x n`` designs on a grid over two variables' bounds."""
    line = torch.linspace(0, 1, n, dtype=torch.float64)
    return evaluate(aim.problem, box_of(aim.model).from_unit(torch.cartesian_prod(line, line)))


def _draw_map(axes: Axes, aim: Aim, *, n_map: int) -> None:
    """Draw contours of the property over the bounds, the infeasible part in grey."""
    if any(one.is_discrete for one in aim.model.variables):
        return
    wish = (*aim.wishes, *aim.objectives)[0]
    grid = _grid(aim, n_map)
    shape = (n_map, n_map)
    x, y = (grid.x[:, i].reshape(shape).numpy() for i in (0, 1))
    values = grid.value(wish.name).reshape(shape).numpy()
    feasible = grid.feasible.reshape(shape).numpy()
    shown = values[feasible] if feasible.any() else values
    if not np.ptp(shown) > 0:
        return
    space = np.geomspace if shown.min() > 0 else np.linspace
    levels = space(shown.min(), shown.max() * (1 + 1e-6), 13)
    filled = axes.contourf(x, y, values, levels=levels, cmap="Blues", extend="both")
    colorbar = axes.figure.colorbar(filled, ax=axes, label=_named(wish), format="%.2g")
    colorbar.ax.minorticks_off()
    axes.contourf(x, y, feasible, levels=[-0.5, 0.5], colors=["#777777"], alpha=0.55)
    known = {end for end in (wish.value, wish.low, wish.high) if end is not None}
    ends = sorted(end for end in known if np.isfinite(end))
    if ends and not wish.direction:
        axes.contour(x, y, values, levels=ends, colors=_ORANGE, linewidths=0.8)
    axes.set_title("designs; grey: a constraint is broken", fontsize=10)


def _named(wish: Wish) -> str:
    unit = f" [{wish.unit}]" if wish.unit else ""
    return wish.name.replace("_", " ") + unit


def _draw_lines(axes: Axes, designs: CandidateSet, aim: Aim, good: np.ndarray, *, most: int) -> None:
    """Draw each design as a line over its variables' places between their bounds."""
    where = places(aim.model, designs.x)[:, :most].numpy()
    variables = aim.model.variables[:most]
    for row, is_good in zip(where, good, strict=True):
        axes.plot(row, color=_ORANGE if is_good else "black", linewidth=0.8, alpha=0.7)
    shown = variables if len(variables) <= 8 else ()
    axes.set_xticks(range(len(shown)), [_label(one) for one in shown], rotation=30, ha="right", fontsize=8)
    hidden = len(aim.model.variables) - len(variables)
    rest = f"; {hidden} more are not shown" if hidden else ""
    axes.set(ylim=(-0.03, 1.03), ylabel="place between the bounds")
    axes.set_title(f"designs over their {len(aim.model.variables)} variables{rest}", fontsize=10)
    if not shown:
        axes.set_xlabel("variable")


def _draw_images(axes: Axes, x: Tensor, *, columns: int = 4) -> None:
    """Draw the first designs as a sheet of images."""
    images = x[: columns * columns, 0] if x.ndim == 4 else x[: columns * columns]
    n_rows = -(-len(images) // columns)
    blank = images.new_ones(columns * n_rows - len(images), *images.shape[1:])
    framed = torch.nn.functional.pad(torch.cat([images, blank]), (2, 2, 2, 2), value=1.0)
    rows = torch.split(framed, columns)
    axes.imshow(torch.cat([torch.cat(list(row), 1) for row in rows]).numpy(), cmap="gray")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"the first {len(images)} designs", fontsize=10)


def _draw_front(axes: Axes, designs: CandidateSet, aim: Aim, good: np.ndarray) -> None:
    """Draw the first two objectives against each other."""
    first, second = aim.objectives[:2]
    x, y = designs.values[first.name].numpy(), designs.values[second.name].numpy()
    kinds = ((good, _ORANGE, "good"), (~good, "black", "a demand or limit is broken"))
    for mask, colour, label in kinds:
        if mask.any():
            axes.scatter(x[mask], y[mask], s=24, color=colour, label=label)
    axes.set(xlabel=f"{_named(first)} ({first.direction})", ylabel=f"{_named(second)} ({second.direction})")


def _draw_values(axes: Axes, designs: CandidateSet, wish: Wish, good: np.ndarray) -> None:
    """Draw each design's value of a property, and what was asked for."""
    values = designs.values[wish.name].numpy()
    order = np.arange(1, len(values) + 1)
    bottom, top = _ends(values, wish)
    if not wish.direction:
        axes.axhspan(max(wish.low, bottom), min(wish.high, top), color=_BLUE, alpha=0.15, label="asked for")
    axes.scatter(order[good], values[good], s=22, color=_ORANGE, zorder=3)
    axes.scatter(order[~good], values[~good], s=22, color="black", zorder=3)
    axes.set(xlabel="design", ylabel=_named(wish), ylim=(bottom, top))
    axes.locator_params(axis="x", integer=True)
    axes.set_title(f"{int(good.sum())} of {len(good)} hit and feasible", fontsize=10)


def _ends(values: np.ndarray, wish: Wish) -> tuple[float, float]:
    """Return the ends of the axis of a property: the values and what was asked for, with room around."""
    known = [*values.tolist(), *(end for end in (wish.low, wish.high) if np.isfinite(end))]
    low, high = min(known), max(known)
    room = 0.6 * (high - low) or abs(high) or 1.0
    return low - room, high + room
