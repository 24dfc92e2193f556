"""Pictures of a solution: what was measured, what was found, what is left over, and how sure that is.

Every function draws with matplotlib objects alone: no pyplot, no backend, no window. What comes back is saved
by its figure's own ``savefig`` or shown by a notebook.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

from sciadv.solution import Status
from sciadv.solvers.latent.scoring import noise_threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sciadv.prior import Prior
    from sciadv.problem import Problem
    from sciadv.solution import Solution

Array = npt.NDArray[Any]

#: A status in two words, for a column's title.
SHORT = {
    Status.EXPLAINED: "explained",
    Status.CONVERGED: "not explained",
    Status.CONVERGED_UNKNOWN_NOISE: "converged",
    Status.MAX_ITERATIONS: "stopped early",
    Status.INTERRUPTED: "interrupted",
    Status.INFEASIBLE: "infeasible",
    Status.DIRECT: "closed form",
    Status.NOT_FINITE: "not finite",
}
#: Groups that a legend names at most.
_MOST_NAMED = 20
_BLUE, _ORANGE, _GREY = "#2f6db3", "#d9722e", "#8a8a8a"
#: Lines of so few numbers get a mark at each: of one number a line shows nothing.
_FEW = 12


def plot_solution(problem: Problem, solution: Solution, *, n_examples: int = 10) -> Figure:
    """Draw the first measurements of a solved problem, a column each.

    The rows are the measurements, the reconstruction (and the truth where it is known), the prediction and
    the residual. Vectors and complex data are drawn as lines, complex ones by their modulus.

    Parameters
    ----------
    problem
        What was solved.
    solution
        What was found.
    n_examples
        Columns at most.
    """
    n = min(n_examples, problem.n_problems)
    y, prediction = (_numbers(t[:n]) for t in (problem.measurements, solution.prediction))
    rows: list[tuple[str, Array, str]] = [
        ("measured y", y, "data"),
        ("found x", _numbers(solution.x[:n]), "candidate"),
    ]
    if problem.truth is not None:
        rows.append(("true x", _numbers(problem.truth[:n]), "candidate"))
    rows += [("predicted F(x)", prediction, "data"), ("residual F(x) - y", prediction - y, "residual")]
    figure = _figure(1.25 * max(n, 4) + 1.5, sum(_row_height(values) for _, values, _ in rows) + 1.0)
    heights = [_row_height(values) for _, values, _ in rows]
    ratios = {"height_ratios": heights, "width_ratios": [1.0] * n + [0.07]}
    grid = figure.subplots(len(rows), n + 1, squeeze=False, gridspec_kw=ratios)
    for (*axes, scale), (label, values, role) in zip(grid, rows, strict=True):
        _draw_row(axes, scale, values, role=role, limits=_limits(rows, role))
        axes[0].set_ylabel(f"|{label}|" if np.iscomplexobj(values) else label, fontsize=9)
    for axis, status, misfit in zip(grid[0, :n], solution.status, solution.misfit, strict=False):
        axis.set_title(
            f"misfit {float(misfit):.3g} {_short_unit(solution.unit)}\n{SHORT[status]}", fontsize=8
        )
    figure.suptitle(f"{problem.name}: {status_counts(solution)} ({solution.method})", fontsize=11)
    return figure


def plot_samples(prior: Prior, *, n_rows: int = 6, n_columns: int = 12, seed: int = 0) -> Figure:
    """Draw candidates from the prior, side by side on one scale.

    Parameters
    ----------
    prior
        What to draw from.
    n_rows, n_columns
        How many.
    seed
        Seed of the draws.
    """
    samples = _numbers(prior.sample(n_rows * n_columns, seed=seed))
    height = 0.8 * _row_height(samples) / 1.25
    figure = _figure(0.8 * n_columns, height * n_rows, layout=None)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    low, high = _limits([("", samples, "candidate")], "candidate")
    for axis, sample in zip(grid.flat, samples, strict=True):
        image = _image(sample)
        if image is None:
            axis.plot(_real(sample).reshape(-1), color=_BLUE, linewidth=0.8)
            axis.set_ylim(low, high)
        else:
            scaled = (image - low) / (high - low)
            axis.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.04, hspace=0.04)
    return figure


def plot_misfit(problem: Problem, solution: Solution, *, ax: Axes | None = None) -> Axes:
    """Draw the histogram of the misfits, with a line at the largest that counts as explained."""
    axis = _figure(4.6, 3.0).subplots() if ax is None else ax
    misfit = _numbers(solution.misfit)
    misfit = misfit[np.isfinite(misfit)]
    axis.hist(misfit, bins=min(40, max(8, len(misfit) // 8)), color=_BLUE, edgecolor="white", linewidth=0.5)
    if problem.likelihood.has_noise_level:
        level = noise_threshold(problem)
        axis.axvline(level, color=_ORANGE, linestyle="--", label=f"noise level: explained below {level:.3g}")
        axis.legend(frameon=False, fontsize=8)
    axis.set_xlabel(f"misfit [{solution.unit}]")
    axis.set_ylabel("measurements")
    _open_frame(axis)
    return axis


def plot_restarts(solution: Solution, *, ax: Axes | None = None) -> Axes:
    """Draw for how many measurements how many restarts ended at the best objective (`Solution.agreement`)."""
    axis = _figure(4.6, 3.0).subplots() if ax is None else ax
    if solution.agreement is None or solution.restart_objectives is None:
        axis.text(0.5, 0.5, f"{solution.method} has no restarts", ha="center", va="center", color=_GREY)
        axis.set_axis_off()
        return axis
    n_restarts = solution.restart_objectives.shape[1]
    agreeing = np.rint(_numbers(solution.agreement) * n_restarts).astype(int)
    counts = np.bincount(agreeing, minlength=n_restarts + 1)[1:]
    bars = axis.bar(np.arange(1, n_restarts + 1), counts, color=_BLUE, width=0.7)
    axis.bar_label(bars, fontsize=8)
    axis.set_xticks(range(1, n_restarts + 1))
    axis.set_xlabel(f"restarts of {n_restarts} that agree (objective within 1 % of the best)")
    axis.set_ylabel("measurements")
    _open_frame(axis)
    return axis


def plot_history(solution: Solution, *, ax: Axes | None = None) -> Axes:
    """Draw the mean of the best objective over the iterations."""
    axis = _figure(4.6, 3.0).subplots() if ax is None else ax
    axis.plot(np.arange(1, len(solution.history) + 1), solution.history, color=_BLUE, marker=".")
    axis.set_xlabel("iteration")
    axis.set_ylabel("best objective, mean")
    _open_frame(axis)
    return axis


def plot_maps(maps: Mapping[str, Array], groups: Mapping[str, Array], *, what: str) -> Figure:
    """Draw flat maps of the same cells side by side, coloured by each grouping, a row of panels each.

    Parameters
    ----------
    maps
        ``(cells, 2)`` by title.
    groups
        Names ``(cells,)`` by what they name.
    what
        What the axes are, for the first panel.
    """
    n_cells = len(next(iter(groups.values())))
    figure = _figure(4.2 * len(maps) + 2.2, 3.8 * len(groups) + 0.2)
    grid = figure.subplots(len(groups), len(maps), squeeze=False)
    order = np.random.default_rng(0).permutation(n_cells)  # so that no group hides another
    size = float(np.clip(6000 / n_cells, 1.0, 14.0))
    for axes, (words, names) in zip(grid, groups.items(), strict=True):
        known, numbers = np.unique(names, return_inverse=True)
        colours = _palette(len(known))
        for axis, points in zip(axes, maps.values(), strict=True):
            axis.scatter(*points[order].T, s=size, color=colours[numbers[order]], linewidths=0)
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(words)
        if len(known) <= _MOST_NAMED:
            for name, colour in zip(known, colours, strict=True):
                axes[-1].scatter([], [], color=[colour], s=24, label=name or "(unknown)")
            axes[-1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis, title in zip(grid[0], maps, strict=True):
        axis.set_title(title, fontsize=11)
    grid[-1, 0].set_xlabel(what, fontsize=8)
    return figure


def _palette(n: int) -> Array:
    """Return `n` colours ``(n, 4)`` that set groups apart."""
    from matplotlib import colormaps

    colours: Array = colormaps["tab10" if n <= 10 else "tab20"](np.arange(n) % (10 if n <= 10 else 20))
    return colours


def status_counts(solution: Solution) -> str:
    """Say how many measurements ended how: ``"4 explained, 1 not explained"``."""
    counts = Counter(SHORT[status] for status in solution.status)
    return ", ".join(f"{count} {words}" for words, count in counts.most_common())


def _figure(width: float, height: float, *, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return a figure that belongs to no window and no backend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout, dpi=120)
    FigureCanvasAgg(figure)
    return figure


def _numbers(values: Tensor) -> Array:
    array: Array = values.detach().cpu().numpy()
    return array


def _short_unit(unit: str) -> str:
    return {"sigma": "\N{GREEK SMALL LETTER SIGMA}", "measurement units": "RMS"}.get(unit, unit)


def _image(value: Array) -> Array | None:
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


def _row_height(values: Array) -> float:
    """Height of a row of panels that are 1.25 wide [inches]: that of the images, within reason."""
    image = _image(values[0])
    return 1.25 if image is None else 1.25 * float(np.clip(image.shape[0] / image.shape[1], 0.4, 2.2))


def _limits(rows: list[tuple[str, Array, str]], role: str) -> tuple[float, float]:
    """Return one scale for all rows of a role, so that measured and predicted can be compared by eye."""
    shown = np.concatenate([_real(values).ravel() for _, values, r in rows if r == role])
    shown = shown[np.isfinite(shown)]
    if len(shown) == 0:
        return 0.0, 1.0
    low, high = float(shown.min()), float(shown.max())
    if role == "residual" and low < 0:
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _real(values: Array) -> Array:
    return np.abs(values) if np.iscomplexobj(values) else values


def _draw_row(
    axes: list[Axes], scale: Axes, values: Array, *, role: str, limits: tuple[float, float]
) -> None:
    """Draw one sample per panel; `scale` at the end of the row gets the colours of images."""
    low, high = limits
    drawn, has_colours = None, False
    for axis, value in zip(axes, values, strict=True):
        image = _image(value)
        if image is None:
            line = _real(value).reshape(-1)
            colour = _ORANGE if role == "residual" else _BLUE
            axis.plot(line, color=colour, linewidth=0.8, marker="o" if len(line) <= _FEW else "")
            margin = 0.05 * (high - low)
            axis.set_ylim(low - margin, high + margin)
            axis.tick_params(labelsize=6, labelleft=axis is axes[0])
            _open_frame(axis)
            continue
        if image.ndim == 3:
            image = (image - low) / (high - low)
        drawn = axis.imshow(
            image,
            cmap="RdBu_r" if role == "residual" else "gray",
            vmin=low,
            vmax=high,
            interpolation="nearest",
        )
        axis.set(xticks=[], yticks=[])
        has_colours = image.ndim == 3
    if drawn is None or has_colours:
        scale.set_axis_off()
    else:
        scale.figure.colorbar(drawn, cax=scale)
        scale.tick_params(labelsize=7)


def _open_frame(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
