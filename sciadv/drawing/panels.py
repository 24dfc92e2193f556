"""Panels: samples drawn as images or lines, rows of them side by side on one scale a role.

Everything is drawn with matplotlib objects alone: no pyplot, no backend, no window. A figure is saved by its
own ``savefig``, or shown by a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

BLUE, ORANGE, GREY = "#2f6db3", "#d9722e", "#8a8a8a"
#: Colours of images by what they are; all others are grey.
_COLOURS = {"residual": "RdBu_r", "spread": "magma"}


class PanelRow(NamedTuple):
    """A row of panels: what it shows, the samples ``(n, *shape)``, and the role that shares one scale."""

    label: str
    values: Array
    role: str


def draw_rows(rows: Sequence[PanelRow], *, titles: Sequence[str], heading: str, few: int = 2) -> Figure:
    """Draw samples, a column each, with the rows below one another and a scale of colours at their end.

    Parameters
    ----------
    rows
        Each with as many samples as there are columns. Vectors and complex data are drawn as lines, complex
        ones by their modulus.
    titles
        Of the columns.
    heading
        Of the figure.
    few
        So many samples or fewer are drawn larger, a row each, with the scales below.
    """
    n = len(titles)
    is_large = n <= few
    if is_large:
        side = 2.3
        height = max(row_height(row.values, side) for row in rows)
        figure = new_figure(side * len(rows) + 0.6, (height + 0.3) * n + 1.2)
        ratios = {"height_ratios": [1.0] * n + [0.05]}
        grid = figure.subplots(n + 1, len(rows), squeeze=False, gridspec_kw=ratios).T
    else:
        heights = [row_height(row.values) for row in rows]
        figure = new_figure(1.25 * max(n, 4) + 2.2, sum(heights) + 1.0)
        ratios = {"height_ratios": heights, "width_ratios": [1.0] * n + [0.07]}
        grid = figure.subplots(len(rows), n + 1, squeeze=False, gridspec_kw=ratios)
    for (*axes, scale), row in zip(grid, rows, strict=True):
        draw_row(axes, scale, row.values, role=row.role, limits=limits_of(rows, row.role))
        label = f"|{row.label}|" if np.iscomplexobj(row.values) else row.label
        _name(axes[0], label, above=is_large)
    for axis, title in zip(grid[0, :n], titles, strict=True):
        _name(axis, title, above=not is_large)
    figure.suptitle(heading, fontsize=11)
    return figure


def _name(axes: Axes, words: str, *, above: bool) -> None:
    """Write words above axes, or level at the left of them."""
    if above:
        axes.set_title(words, fontsize=9)
    else:
        axes.set_ylabel(words, fontsize=9, rotation=0, ha="right", va="center")


def new_figure(
    width: float, height: float, *, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return a figure that belongs to no window and no backend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout, dpi=120)
    FigureCanvasAgg(figure)
    return figure


def as_numbers(values: Tensor) -> Array:
    """Return a tensor as an array; of a type that NumPy lacks, such as bfloat16, in float32."""
    held = values.detach().cpu()
    array: Array = (held.float() if held.dtype == torch.bfloat16 else held).numpy()
    return array


def short_unit(unit: str) -> str:
    """Return a unit as a column's title has room for it."""
    return {"sigma": "\N{GREEK SMALL LETTER SIGMA}", "measurement units": "RMS"}.get(unit, unit)


def as_image(value: Array) -> Array | None:
    """Return one sample as an image ``(height, width)`` or ``(height, width, 3)``; None if it is none.

    Of a volume ``(channels, depth, height, width)`` it is the middle slice, of channels that are no colours
    the first.
    """
    if np.iscomplexobj(value):
        return None
    if value.ndim == 4:
        value = value[:, value.shape[1] // 2]
    if value.ndim == 3 and value.shape[0] not in {1, 3}:
        value = value[:1]
    if value.ndim == 3 and value.shape[0] == 3:
        return np.moveaxis(value, 0, -1)
    if value.ndim == 3 and value.shape[0] == 1:
        value = value[0]
    return value if value.ndim == 2 and min(value.shape) > 1 else None


def row_height(values: Array, width: float = 1.25) -> float:
    """Height of a row of panels that are so wide [inches]: that of the images, within reason."""
    image = as_image(values[0])
    return width if image is None else width * float(np.clip(image.shape[0] / image.shape[1], 0.4, 2.2))


def limits_of(rows: Sequence[PanelRow], role: str) -> tuple[float, float]:
    """Return one scale for all rows of a role, so that measured and predicted can be compared by eye."""
    shown = np.concatenate([real_values(values).ravel() for _, values, its in rows if its == role])
    shown = shown[np.isfinite(shown)]
    if len(shown) == 0:
        return 0.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    if role == "residual" and low < 0:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def real_values(values: Array) -> Array:
    """Return real values, of complex ones their modulus."""
    return np.abs(values) if np.iscomplexobj(values) else values


def draw_row(
    axes: list[Axes],
    scale: Axes,
    values: Array,
    *,
    role: str,
    limits: tuple[float, float],
    few: int = 12,
) -> None:
    """Draw one sample per panel; `scale` at the end of the row gets the colours of images.

    Lines of at most `few` numbers get a mark at each: of one number a line shows nothing.
    """
    low, high = limits
    drawn, has_colours = None, False
    for axis, value in zip(axes, values, strict=True):
        image = as_image(value)
        if image is None:
            line = real_values(value).reshape(-1)
            colour = ORANGE if role == "residual" else BLUE
            axis.plot(line, color=colour, linewidth=0.8, marker="o" if len(line) <= few else "")
            margin = 0.05 * (high - low)
            axis.set_ylim(low - margin, high + margin)
            axis.tick_params(labelsize=6, labelleft=axis is axes[0])
            open_frame(axis)
            continue
        if image.ndim == 3:
            image = (image - low) / (high - low)
        drawn = axis.imshow(
            image,
            cmap=_COLOURS.get(role, "gray"),
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        axis.set(xticks=[], yticks=[])
        has_colours = image.ndim == 3
    if drawn is None or has_colours:
        scale.set_axis_off()
    else:
        where = scale.get_position()
        orientation = "horizontal" if where.width > where.height else "vertical"
        scale.figure.colorbar(drawn, cax=scale, orientation=orientation)
        scale.tick_params(labelsize=7)


def open_frame(axis: Axes) -> None:
    """Leave the frame out above and at the right."""
    axis.spines[["top", "right"]].set_visible(False)
