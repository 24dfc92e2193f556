"""The verb `correct`: take out of the expression of cells what belongs to the batch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sciadv.arguments.values import as_seed, shown
from sciadv.catalogue import entry_spec
from sciadv.domains.batch_correction.batch_problem import OwnBatch, expression_in
from sciadv.domains.batch_correction.corrector import BatchCorrector
from sciadv.domains.batch_correction.reading.cells import give_back
from sciadv.domains.batch_correction.reading.columns import Given
from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.schema import CorrectionSpec
from sciadv.trainings.protocol import TrainingMonitor
from sciadv.types import as_device
from sciadv.verbs.solve import solve


def correct(  # noqa: PLR0913  # one keyword a choice of the user
    problem: Problem | str | Path,
    cells: Any,
    *,
    batch: Iterable[object] | None = None,
    labels: Iterable[object] | None = None,
    method: str = "auto",
    seed: int = 0,
    device: str | None = None,
    monitor: TrainingMonitor | None = None,
) -> Any:
    """Correct the batch effects of cells.

    Parameters
    ----------
    problem
        A batch correction of the catalogue by its name, or the path of one's own: a corrector is fitted to
        the cells. Or the `Problem` of a fitted corrector
        (`sciadv.domains.batch_correction.batch_problem.cell_problem`), which is solved for these cells of its
        batch.
    cells
        AnnData; or a data frame, array, tensor or sparse matrix of cells by genes.
    batch, labels
        ``(cells,)``; the batch is read from ``obs`` if left out and `cells` is an AnnData, labels are not.
        A `Problem` has one batch, and takes neither.
    method
        "residual", "linear", "adversarial" or "auto"; of a fit.
    seed
        Seed of everything random.
    device
        "auto", "cpu", "cuda", …; where the problem is, or the CPU, if left out.
    monitor
        Called after each step of a training.

    Returns
    -------
    The corrected log-normalised expression in the kind of `cells`; see `BatchCorrector.transform`.

    Raises
    ------
    UnknownNameError
        There is no such problem, method or column.
    InputError
        The problem is no batch correction, or the cells are no expression of several batches.

    Examples
    --------
    >>> from sciadv.domains.batch_correction import simulate_counts
    >>> cells = simulate_counts(90, 20)
    >>> correct("pbmc-correction", cells.counts, batch=cells.batch).shape
    (90, 20)
    """
    start = as_seed(seed)
    if isinstance(problem, Problem):
        if batch is not None or labels is not None:
            raise InputError(
                "a Problem says the batch and label of its cells itself; leave batch and labels out"
            )
        return _solved(problem if device is None else problem.to(device), cells, seed=start)
    if not isinstance(problem, str | Path):
        raise InputError(f"problem must be a Problem, a name or a path, but it is {shown(problem)}")
    where = as_device("cpu" if device is None else device)
    spec = entry_spec(problem)
    if not isinstance(spec, CorrectionSpec):
        raise InputError(
            f"{problem} is no batch correction but a problem to solve; use sciadv solve {problem}"
        )
    corrector = BatchCorrector(spec.batch, method=method, seed=start, device=str(where))
    return corrector.correct(cells, batch=batch, labels=labels, monitor=monitor)


def _solved(problem: Problem, cells: Any, *, seed: int) -> Any:
    """Solve the problem of a fitted corrector for cells of its batch, and give them back in kind."""
    forward = problem.forward
    if not isinstance(forward, OwnBatch):
        raise InputError(
            f"{problem.name} is no problem of a batch corrector: its forward is {forward}; make one by "
            f"sciadv.domains.batch_correction.batch_problem.cell_problem"
        )
    corrector = forward.corrector
    read, expression, groups = corrector.learnt().prepare(cells, Given(), needs_batch=False)
    correction = corrector.fitted()
    solution = solve(problem.with_measurements(correction.measure(expression)), seed=seed)
    return give_back(
        corrector.learnt().own(cells),
        expression_in(corrector, cells, solution.x),
        correction.embed(expression, forward.groups(groups)),
        genes=read.genes,
        facts=corrector.learnt().facts(),
    )
