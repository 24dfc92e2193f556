"""What methods without a generator make of the same measurements, to stand beside each answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.solvers.automatic.duration import check_size
from sciadv.solvers.classical.fbp import FBP
from sciadv.solvers.classical.hio import HIO
from sciadv.solvers.classical.lmmse import LMMSE
from sciadv.solvers.classical.tv import TV

if TYPE_CHECKING:
    from sciadv.problem import Problem
    from sciadv.solution import Solution
    from sciadv.solvers import Progress, Solver


@dataclass(frozen=True, eq=False)
class Baseline:
    """What a method without a generator made of some measurements.

    Parameters
    ----------
    label
        In words, such as "linear estimate".
    solution
        Its answer.
    """

    label: str
    solution: Solution


@dataclass(frozen=True, eq=False)
class Baselines:
    """The baselines that a problem allows, and why it has no others.

    Parameters
    ----------
    found
        Baselines of the same measurements.
    refused
        A sentence for each that cannot be had.
    """

    found: tuple[Baseline, ...] = ()
    refused: tuple[str, ...] = ()


def baselines(
    problem: Problem,
    solution: Solution,
    *,
    longest: float = 10.0,
    n_images: int = 64,
) -> Baselines:
    """Solve the measurements by the best linear estimate and by total variation, where they can be.

    Where neither can be had, filtered back-projection or hybrid input-output stand in. The weight of the
    total variation is that under which samples of the prior have gradients of their mean length.

    Parameters
    ----------
    problem
        What was solved.
    solution
        Its answer, which needs no baseline that is its own method.
    longest
        After this time [s] an iteration is stopped, with the best until then: a page should not take longer
        than a search.
    n_images
        Samples of the prior for the weight of the total variation.
    """

    def total_variation() -> Solver:
        return TV.of_images(problem.prior.sample(n_images, seed=0), 1.0, n_iterations=TV.n_iterations)

    first: dict[str, Callable[[], Solver]] = {"linear estimate": LMMSE, "total variation": total_variation}
    others: dict[str, Callable[[], Solver]] = {"filtered back-projection": FBP, "hybrid input-output": HIO}
    found, refused = _solved(problem, solution, first, longest=longest)
    if not found:
        found, _ = _solved(problem, solution, others, longest=longest)
    return Baselines(found, refused)


def _solved(
    problem: Problem,
    solution: Solution,
    makers: Mapping[str, Callable[[], Solver]],
    *,
    longest: float,
) -> tuple[tuple[Baseline, ...], tuple[str, ...]]:
    """Return the baselines of these solvers, and a sentence for each that refuses the problem."""

    def monitor(progress: Progress) -> None:
        if progress.seconds > longest:
            raise KeyboardInterrupt

    found: list[Baseline] = []
    refused: list[str] = []
    for label, make in makers.items():
        try:
            solver = make()
            check_size(problem, solver)
            answer = solver.solve(problem, seed=0, monitor=monitor)
        except InputError as error:
            refused.append(f"There is no {label} of this problem: {error}.")
            continue
        if solver.name != solution.method and bool(torch.isfinite(answer.x).all()):
            found.append(Baseline(label, answer))
    return tuple(found), tuple(refused)


def root_mean_square(x: Tensor, truth: Tensor) -> Tensor:
    """Return the root mean square of what is wrong with each candidate ``(batch,)``.

    Examples
    --------
    >>> import torch
    >>> root_mean_square(torch.tensor([[3.0, 1.0]]), torch.tensor([[0.0, 1.0]])).square()
    tensor([4.5000])
    """
    error: Tensor = (x.reshape(truth.shape) - truth).abs().square().flatten(1).mean(1).sqrt()
    return error


def beside_columns(
    problem: Problem,
    solution: Solution,
    beside: Baselines,
    rows: Sequence[int],
) -> dict[int, dict[str, float]]:
    """Return further columns of some measurements, by their numbers: baselines' misfits, errors where known.

    Parameters
    ----------
    problem, solution
        What was solved, and the answer.
    beside
        Baselines of the measurements `rows`.
    rows
        Numbers of measurements.
    """
    index = torch.tensor(list(rows))
    columns: dict[str, Tensor] = {}
    for one in beside.found:
        columns[f"misfit of the {one.label}"] = one.solution.misfit
    if problem.truth is not None:
        truth = problem.truth[index]
        columns["error (RMS)"] = root_mean_square(solution.x[index], truth)
        for one in beside.found:
            columns[f"error of the {one.label}"] = root_mean_square(one.solution.x, truth)
    return {
        row: {name: float(values[place]) for name, values in columns.items()}
        for place, row in enumerate(rows)
    }


def comparison_rows(
    problem: Problem,
    solution: Solution,
    beside: Baselines,
    rows: Sequence[int],
) -> list[list[object]]:
    """Return a row for the answer and each baseline: name, median misfit, mean error where known, time."""
    index = torch.tensor(list(rows))
    truth = None if problem.truth is None else problem.truth[index]
    methods = {f"the answer: {solution.method}": solution.rows(index)}
    methods |= {f"baseline: {one.label}": one.solution for one in beside.found}
    found: list[list[object]] = []
    for label, answer in methods.items():
        error = [] if truth is None else [float(root_mean_square(answer.x, truth).mean())]
        found.append([label, answer.median_misfit, *error, answer.seconds])
    return found
