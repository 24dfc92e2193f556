"""Pictures of problems and priors beside their solutions, and flat maps of cells.

Every function draws with matplotlib objects alone: no pyplot, no backend, no window. What comes back is saved
by its figure's own ``savefig`` or shown by a notebook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from sciadv.drawing.panels import (
    BLUE,
    ORANGE,
    Array,
    PanelRow,
    as_image,
    as_numbers,
    limits_of,
    new_figure,
    open_frame,
    real_values,
    row_height,
)
from sciadv.report.measurements import worst_first
from sciadv.report.palettes import BATCHES, LABELS, group_colours
from sciadv.solution import SHORT
from sciadv.solution.solution_pictures import draw_results, plot_history, plot_restarts, status_counts
from sciadv.solvers.latent.scoring import noise_threshold

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sciadv.prior import Prior
    from sciadv.problem import Problem
    from sciadv.solution import Solution
    from sciadv.trainings.protocol import TrainingProgress

__all__ = [
    "SHORT",
    "plot_history",
    "plot_maps",
    "plot_misfit",
    "plot_restarts",
    "plot_samples",
    "plot_solution",
    "plot_variance_by_batch",
    "status_counts",
]

#: Groups that a legend names at most.
_MOST_NAMED = 20


def plot_solution(problem: Problem, solution: Solution, *, n_examples: int = 10) -> Figure:
    """Draw the worst measurements of a solved problem, a column each.

    The rows are the measurements, the reconstruction (and the truth where it is known), the prediction and
    the residual. Vectors and complex data are drawn as lines, complex ones by their modulus.

    Parameters
    ----------
    problem
        What was solved.
    solution
        What was found.
    n_examples
        Columns at most; measurements that were not explained come first (`measurements.worst_first`).
    """
    shown = worst_first(solution)[:n_examples]
    some = replace(solution, measurements=problem.measurements)[shown]
    truth = None if problem.truth is None else problem.truth[shown]
    n, n_all = len(shown), problem.n_problems
    name = problem.name if n == n_all else f"{problem.name}, {status_counts(solution)}; the {n} worst"
    return draw_results(some, n_examples=n, truth=truth, name=name, numbers=shown)


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
    samples = as_numbers(prior.sample(n_rows * n_columns, seed=seed))
    height = 0.8 * row_height(samples) / 1.25
    figure = new_figure(0.8 * n_columns, height * n_rows, layout=None)
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    low, high = limits_of([PanelRow("", samples, "candidate")], "candidate")
    for axis, sample in zip(grid.flat, samples, strict=True):
        image = as_image(sample)
        if image is None:
            axis.plot(real_values(sample).reshape(-1), color=BLUE, linewidth=0.8)
            axis.set_ylim(low, high)
        else:
            scaled = (image - low) / (high - low)
            axis.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axis.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1, wspace=0.04, hspace=0.04)
    return figure


def plot_misfit(problem: Problem, solution: Solution, *, ax: Axes | None = None) -> Axes:
    """Draw the histogram of the misfits, with a line at the largest that counts as explained."""
    axis = new_figure(4.6, 3.0).subplots() if ax is None else ax
    misfit = as_numbers(solution.misfit)
    misfit = misfit[np.isfinite(misfit)]
    axis.hist(misfit, bins=min(40, max(8, len(misfit) // 8)), color=BLUE, edgecolor="white", linewidth=0.5)
    if problem.likelihood.has_noise_level:
        level = noise_threshold(problem)
        axis.axvline(level, color=ORANGE, linestyle="--")
        axis.set_title(f"dashed: the noise level, explained below {level:.4g}", fontsize=9)
    axis.set_xlabel(f"misfit [{solution.unit}]")
    axis.set_ylabel("measurements")
    open_frame(axis)
    return axis


def plot_maps(maps: Mapping[str, Array], groups: Mapping[str, Array], *, what: str) -> Figure:
    """Draw flat maps of the same cells side by side, coloured by each grouping, a row of panels each.

    Parameters
    ----------
    maps
        ``(cells, 2)`` by title.
    groups
        Names ``(cells,)`` by what they name; the first, batches, in other colours than the second, labels.
    what
        What the axes are, for the first panel.
    """
    n_cells = len(next(iter(groups.values())))
    figure = new_figure(4.2 * len(maps) + 2.2, 3.8 * len(groups) + 0.2)
    grid = figure.subplots(len(groups), len(maps), squeeze=False)
    order = np.random.default_rng(0).permutation(n_cells)  # so that no group hides another
    size = float(np.clip(6000 / n_cells, 1.0, 14.0))
    palettes = cycle((BATCHES, LABELS))
    for axes, (words, names), palette in zip(grid, groups.items(), palettes, strict=False):
        known, numbers = np.unique(names, return_inverse=True)
        colours = group_colours(len(known), palette)
        for axis, points in zip(axes, maps.values(), strict=True):
            axis.scatter(
                *points[order].T,
                s=size,
                color=colours[numbers[order]],
                linewidths=0,
                rasterized=True,
            )
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


def plot_variance_by_batch(shares: Mapping[str, Array]) -> Figure:
    """Draw the share of variance between batches of each principal component, a line a title.

    Parameters
    ----------
    shares
        ``(components,)`` by title, as `variance_by_batch` returns them.
    """
    figure = new_figure(6.4, 2.8)
    axes = figure.subplots()
    for (title, values), colour in zip(shares.items(), cycle((ORANGE, BLUE)), strict=False):
        number = np.arange(1, len(values) + 1)
        axes.plot(number, values, "o-", color=colour, label=title)
    axes.set(
        xlabel="principal component",
        ylabel="share between batches",
        ylim=(-0.03, 1.03),
    )
    axes.legend(frameon=False)
    open_frame(axes)
    return figure


def plot_training(steps: Sequence[TrainingProgress]) -> Figure:
    """Draw the losses of a training over its steps, a panel a loss.

    Parameters
    ----------
    steps
        What a monitor was given, one or more.
    """
    names = list(steps[0].losses)
    figure = new_figure(2.6 * len(names), 2.4)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.plot([one.step for one in steps], [one.losses[name] for one in steps], color=BLUE)
        axes.set(xlabel="step", ylabel=name.replace("_", " "))
        open_frame(axes)
    return figure
