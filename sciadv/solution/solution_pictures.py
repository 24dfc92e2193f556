"""Pictures of a solution alone: what was found, what is left over, how sure that is, how the search went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from sciadv.drawing.panels import (
    BLUE,
    GREY,
    PanelRow,
    as_numbers,
    draw_rows,
    new_figure,
    open_frame,
    short_unit,
)
from sciadv.errors import InputError
from sciadv.solution.solution_rows import SolutionRows
from sciadv.solution.status import SHORT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def status_counts(solution: SolutionRows) -> str:
    """Say how many measurements ended how: ``"4 explained, 1 not explained"``."""
    counts = Counter(SHORT[status] for status in solution.status)
    return ", ".join(f"{count} {words}" for words, count in counts.most_common())


def draw_results(
    solution: SolutionRows,
    *,
    n_examples: int = 10,
    truth: Tensor | None = None,
    name: str = "",
    numbers: Sequence[int] = (),
) -> Figure:
    """Draw the first measurements, a column each: data, answer, spread, prediction and residual.

    Parameters
    ----------
    solution
        What was found.
    n_examples
        Columns at most.
    truth
        The true candidates ``(batch, *in_shape)`` where they are known.
    name
        Of the problem, for the heading.
    numbers
        Of the measurements, for the titles of the columns; none if they are the first.
    """
    n = min(n_examples, len(solution))
    titles = _titles(solution, n)
    if numbers:
        titles = [f"number {row}\n{title}" for row, title in zip(numbers, titles, strict=False)]
    found = [PanelRow("found x", as_numbers(solution.x[:n]), "candidate")]
    if truth is not None:
        found.append(PanelRow("true x", as_numbers(truth[:n]), "candidate"))
    if solution.posterior is not None:
        found.append(PanelRow("spread of x", as_numbers(solution.posterior.standard_deviation[:n]), "spread"))
    data = _data_rows(solution, n)
    rows = [*data[:-2], *found, *data[-2:]] if len(data) > 1 else [*found, *data]
    return draw_rows(rows, titles=titles, heading=_heading(solution, name))


def draw_residuals(solution: SolutionRows, n_examples: int = 10) -> Figure:
    """Draw what was measured, what is predicted, and the difference, of the worst explained measurements.

    Raises
    ------
    InputError
        The solution does not hold the measurements.
    """
    if solution.measurements is None:
        raise InputError(
            "this solution does not hold its measurements, so that there are no residuals to draw; "
            "`sciadv.solve` attaches them: replace(solution, measurements=problem.measurements)"
        )
    worst = solution.misfit.argsort(descending=True)[:n_examples]
    some = solution[worst]
    numbered = zip(worst.tolist(), _titles(some, len(some)), strict=True)
    titles = [f"number {row}\n{title}" for row, title in numbered]
    heading = f"worst first: {_heading(solution, '')}"
    return draw_rows(_data_rows(some, len(some)), titles=titles, heading=heading)


def draw_posterior(solution: SolutionRows, n_examples: int = 10, *, n_draws: int = 3) -> Figure:
    """Draw the posterior's mean, its standard deviation and a few draws, of the first measurements.

    Raises
    ------
    InputError
        The method gives one answer, no draws.
    """
    if solution.posterior is None:
        raise InputError(
            f"method {solution.method!r} gives one answer and no posterior; solve with one that draws, such "
            f"as 'laplace', 'hmc' or 'smc'"
        )
    n = min(n_examples, len(solution))
    draws = as_numbers(solution.posterior.samples[:n])
    rows = [
        PanelRow("mean", as_numbers(solution.posterior.mean[:n]), "candidate"),
        PanelRow("spread", as_numbers(solution.posterior.standard_deviation[:n]), "spread"),
    ]
    places = np.linspace(0, draws.shape[1] - 1, min(n_draws, draws.shape[1])).astype(int)
    rows += [PanelRow(f"draw {place}", draws[:, place], "candidate") for place in places]
    return draw_rows(rows, titles=_titles(solution, n), heading=_heading(solution, ""))


def draw_restarts(solution: SolutionRows) -> Figure:
    """Draw for how many measurements how many restarts agree."""
    figure = new_figure(5.6, 3.4)
    plot_restarts(solution, ax=figure.subplots())
    return figure


def draw_convergence(solution: SolutionRows) -> Figure:
    """Draw the best objective over the iterations; of Markov chains also the latent that mixed worst."""
    is_sampled = solution.posterior is not None and solution.posterior.n_chains > 1
    figure = new_figure(9.6 if is_sampled else 5.6, 3.4)
    if not is_sampled:
        plot_history(solution, ax=figure.subplots())
        return figure
    left, right = figure.subplots(1, 2)
    plot_history(solution, ax=left)
    plot_trace(solution, ax=right)
    return figure


def plot_restarts(solution: SolutionRows, *, ax: Axes | None = None) -> Axes:
    """Draw for how many measurements how many restarts ended at the best objective (`Solution.agreement`)."""
    axis = new_figure(4.6, 3.0).subplots() if ax is None else ax
    if solution.agreement is None or solution.restart_objectives is None:
        return _only_words(axis, f"{solution.method} has no restarts")
    n_restarts = solution.restart_objectives.shape[1]
    agreeing = np.rint(as_numbers(solution.agreement) * n_restarts).astype(int)
    counts = np.bincount(agreeing, minlength=n_restarts + 1)[1:]
    bars = axis.bar(np.arange(1, n_restarts + 1), counts, color=BLUE, width=0.7)
    axis.bar_label(bars, fontsize=8)
    axis.set_xticks(range(1, n_restarts + 1))
    axis.set_xlabel(f"restarts of {n_restarts} that agree (objective within 1 % of the best)")
    axis.set_ylabel("measurements")
    open_frame(axis)
    return axis


def plot_history(solution: SolutionRows, *, ax: Axes | None = None) -> Axes:
    """Draw the mean of the best objective over the iterations."""
    axis = new_figure(4.6, 3.0).subplots() if ax is None else ax
    if not solution.history:
        return _only_words(axis, f"{solution.method} keeps no history")
    axis.plot(np.arange(1, len(solution.history) + 1), solution.history, color=BLUE, marker=".")
    axis.set_xlabel("iteration")
    axis.set_ylabel("best objective, mean [nats]")
    open_frame(axis)
    return axis


def plot_trace(solution: SolutionRows, *, ax: Axes | None = None) -> Axes:
    """Draw each chain of the latent with the largest R-hat of all measurements, draw by draw.

    Raises
    ------
    InputError
        There are no chains.
    """
    if solution.posterior is None or solution.posterior.n_chains == 1:
        raise InputError(f"method {solution.method!r} has no Markov chains to draw; 'hmc' and 'pcn' have")
    axis = new_figure(4.6, 3.0).subplots() if ax is None else ax
    each = as_numbers(solution.posterior.r_hats)
    row, latent = np.unravel_index(int(np.nan_to_num(each, nan=0.0).argmax()), each.shape)
    for number, chain in enumerate(as_numbers(solution.posterior.chains[row, :, :, latent])):
        axis.plot(chain, linewidth=0.7, label=f"chain {number}")
    axis.set_xlabel("draw")
    axis.set_ylabel(f"latent {latent} of measurement {row}")
    axis.set_title(f"largest R-hat: {each[row, latent]:.3f}", fontsize=9)
    axis.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    open_frame(axis)
    return axis


#: Every kind of picture by name, drawn of a solution and of so many examples at most.
PICTURES: dict[str, Callable[[SolutionRows, int], Figure]] = {
    "results": lambda solution, n: draw_results(solution, n_examples=n),
    "residuals": draw_residuals,
    "restarts": lambda solution, _: draw_restarts(solution),
    "posterior": draw_posterior,
    "convergence": lambda solution, _: draw_convergence(solution),
}


def _only_words(axis: Axes, words: str) -> Axes:
    axis.text(0.5, 0.5, words, ha="center", va="center", color=GREY)
    axis.set_axis_off()
    return axis


def _data_rows(solution: SolutionRows, n: int) -> list[PanelRow]:
    """Return what was measured, predicted and left over; without measurements the prediction alone."""
    prediction = as_numbers(solution.prediction[:n])
    predicted = PanelRow("predicted\nF(x)", prediction, "data")
    if solution.measurements is None:
        return [predicted]
    y = as_numbers(solution.measurements[:n])
    return [
        PanelRow("measured y", y, "data"),
        predicted,
        PanelRow("residual\nF(x) - y", prediction - y, "residual"),
    ]


def _titles(solution: SolutionRows, n: int) -> list[str]:
    """Say above each column how well, and how the search ended."""
    unit = short_unit(solution.unit)
    ended = zip(solution.status[:n], solution.misfit[:n].tolist(), strict=True)
    return [f"misfit {misfit:.4g} {unit}\n{SHORT[status]}" for status, misfit in ended]


def _heading(solution: SolutionRows, name: str) -> str:
    of = f"{name}: " if name else ""
    return f"{of}{status_counts(solution)} ({solution.method})"
