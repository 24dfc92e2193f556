"""What the viewer of a solution shows of each measurement: data, answer, baselines, errors, spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.drawing.panels import as_numbers
from sciadv.report.baselines import Baselines, beside_columns
from sciadv.report.measurements import worst_first
from sciadv.report.viewer import Panel, View, frames_that_fit

if TYPE_CHECKING:
    from sciadv.problem import Problem
    from sciadv.solution import Solution


def solution_panels(
    problem: Problem,
    solution: Solution,
    beside: Baselines,
    rows: Sequence[int],
    *,
    most_draws: int = 16,
    most_restarts: int = 8,
) -> list[Panel]:
    """Return what a viewer shows of some measurements.

    Parameters
    ----------
    problem
        What was solved.
    solution
        What was found.
    beside
        Baselines of the measurements that `rows` begins with; none where they are not made yet.
    rows
        The measurements.
    most_draws, most_restarts
        Draws of the posterior and restarts that a slider goes through at most, evenly spaced.
    """
    index = torch.tensor(list(rows))
    x, y, prediction = (t.detach()[index] for t in (solution.x, problem.measurements, solution.prediction))
    panels = [_panel("measured y", y, "data"), _panel("found x", x, "candidate")]
    panels += [
        replace(_panel(f"baseline: {one.label}", one.solution.x, "candidate"), sets_scale=False)
        for one in beside.found
    ]
    if problem.truth is not None:
        truth = problem.truth[index]
        panels += [
            _panel("true x", truth, "candidate"),
            _panel("error |x - true x|", (x.reshape(truth.shape) - truth).abs(), "error"),
        ]
        panels += [
            _panel(f"error of the {one.label}", (one.solution.x.reshape(truth.shape) - truth).abs(), "error")
            for one in beside.found
        ]
    panels += [
        _panel("predicted F(x)", prediction, "data"),
        _panel("residual F(x) - y", prediction - y, "residual"),
    ]
    if solution.posterior is not None:
        samples = solution.posterior.samples[index]
        draws = samples[:, _evenly(samples.shape[1], most_draws)]
        panels += [
            _panel("posterior mean", samples.mean(1), "candidate"),
            _panel("spread (standard deviation)", samples.std(1), "spread"),
            Panel("draw of the posterior", as_numbers(draws), "candidate", "draw"),
        ]
    found = solution.restart_latents
    if found is not None and found.shape[1] > 1 and found.shape[-1] == problem.prior.n_latent:
        latents = found[index][:, _evenly(found.shape[1], most_restarts)].to(problem.prior.dtype)
        with torch.no_grad():
            generated = torch.stack([problem.prior(z) for z in latents.transpose(0, 1)], 1)
        panels.append(Panel("restart G(z)", as_numbers(generated), "candidate", "restart"))
    return panels


def solution_view(
    problem: Problem,
    solution: Solution,
    beside: Baselines,
    rows: Sequence[int],
) -> View:
    """Return the viewer of some measurements, see `solution_panels`."""
    panels = solution_panels(problem, solution, beside, rows)
    n = problem.n_problems
    note = (
        ""
        if len(rows) == n
        else f"The {len(rows)} worst of {n} measurements are shown; solution.npz has all."
    )
    columns = beside_columns(problem, solution, beside, rows)
    words = [_words(solution, columns[row], row) for row in rows]
    return View(panels, [f"measurement {row}" for row in rows], words, note)


def shown_rows(
    problem: Problem,
    solution: Solution,
    *,
    n_baselines: int = 2,
) -> list[int]:
    """Return the measurements that a page can hold, the worst first.

    Parameters
    ----------
    problem
        What was solved.
    solution
        What was found.
    n_baselines
        Baselines that will stand beside each answer.
    """
    order = worst_first(solution)
    panels = solution_panels(problem, solution, Baselines(), order[:1])
    more = [panel for panel in panels if panel.label.startswith(("found", "error"))] * n_baselines
    n_bytes = sum(panel.n_bytes for panel in (*panels, *more))
    return order[: frames_that_fit(len(order), n_bytes)]


def _words(
    solution: Solution,
    columns: dict[str, float],
    row: int,
) -> list[str]:
    """Say how well a measurement is explained, what the diagnosis says, and how far the baselines are."""
    lines = [solution.messages[row]]
    if solution.diagnosis is not None:
        lines.append(solution.diagnosis.words[row])
    beside = [f"{name} {value:.4g}" for name, value in columns.items()]
    return [*lines, *([f"Beside it: {', '.join(beside)}."] if beside else [])]


def _panel(
    label: str,
    values: Tensor,
    scale: str,
) -> Panel:
    name = f"|{label}|" if values.is_complex() else label
    return Panel(name, as_numbers(values)[:, None], scale)


def _evenly(
    n: int,
    most: int,
) -> Tensor:
    """Return at most so many of n places, evenly spaced, the first among them."""
    return torch.arange(0, n, max(1, -(-n // most)))
