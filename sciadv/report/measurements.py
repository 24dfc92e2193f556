"""The measurements of a solution as rows of a table, the worst first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sciadv.files.html.page_parts import Table
from sciadv.files.page import csv_text
from sciadv.solution import SHORT, Status

if TYPE_CHECKING:
    from sciadv.solution import Solution

#: Columns of sentences, which a page shows one by one.
SENTENCES = ("why it stopped", "diagnosis")
#: What a search did not achieve, the worst first; what is not here is fine.
_BAD = (
    Status.NOT_FINITE,
    Status.INFEASIBLE,
    Status.INTERRUPTED,
    Status.MAX_ITERATIONS,
    Status.CONVERGED,
)


def worst_first(solution: Solution) -> list[int]:
    """Return the numbers of the measurements, the one to look at first at the front.

    Those that a search did not explain come first, by how it ended; then those with more flags of the
    diagnosis; then those of larger misfit, NaN as the largest.

    Examples
    --------
    >>> import torch
    >>> from sciadv.solution import Solution, Status
    >>> x = torch.zeros(3, 1)
    >>> status = [Status.EXPLAINED, Status.CONVERGED, Status.EXPLAINED]
    >>> worst_first(Solution(x, None, x, torch.tensor([0.9, 2.0, 1.0]), status, "adam"))
    [1, 2, 0]
    """
    n_flags = [len(names) for names in raised_flags(solution)]

    def rank(number: int) -> tuple[int, int, float]:
        status = solution.status[number]
        misfit = float(solution.misfit[number])
        place = _BAD.index(status) if status in _BAD else len(_BAD)
        return place, -n_flags[number], -misfit if math.isfinite(misfit) else -math.inf

    return sorted(range(len(solution.status)), key=rank)


def needs_a_look(solution: Solution) -> list[bool]:
    """Whether a measurement is not explained, or flagged by the diagnosis, in their order.

    That few restarts agree is no flag that counts here: an explained measurement needs one good restart.
    """
    raised = raised_flags(solution)
    return [
        status in _BAD or bool(set(names) - {"hard_to_search"})
        for status, names in zip(solution.status, raised, strict=True)
    ]


def raised_flags(solution: Solution) -> list[list[str]]:
    """Return the names of the flags that the diagnosis raises for each measurement."""
    if solution.diagnosis is None:
        return [[] for _ in solution.status]
    masks = {name: mask.tolist() for name, (mask, _) in solution.diagnosis.flags.items()}
    return [[name for name, mask in masks.items() if mask[row]] for row in range(len(solution.status))]


def measurement_rows(solution: Solution) -> list[dict[str, object]]:
    """Return a row of plain values for each measurement, in their order; numbers count from 0.

    A diagnosis adds chi-square per datum and p-value (NaN without Gaussian noise of known sigma) and its
    sentences, constraints whether they are kept.
    """
    raised = raised_flags(solution)
    agreeing = _agreeing_restarts(solution)
    diagnosis = solution.diagnosis
    rows: list[dict[str, object]] = []
    for number, status in enumerate(solution.status):
        row: dict[str, object] = {
            "measurement": number,
            f"misfit [{solution.unit}]": float(solution.misfit[number]),
            "status": SHORT[status],
            "flags": ", ".join(name.replace("_", " ") for name in raised[number]),
        }
        if solution.feasible is not None:
            row["feasible"] = bool(solution.feasible[number])
        row["restarts that agree"] = agreeing[number]
        if diagnosis is not None:
            row["chi-square per datum"] = float(diagnosis.chi_square[number])
            row["p value"] = float(diagnosis.p_value[number])
        rows.append(row)
    sentences = {SENTENCES[0]: solution.messages}
    if diagnosis is not None:
        sentences[SENTENCES[1]] = diagnosis.words
    for name, column in sentences.items():
        rows = [row | {name: sentence} for row, sentence in zip(rows, column, strict=True)]
    return rows


def _agreeing_restarts(solution: Solution) -> list[str]:
    """Say per measurement which restarts agree with the best, in the sense of `Solution.agreement`."""
    if solution.restart_objectives is None:
        return ["no restarts"] * len(solution.status)
    objectives = solution.restart_objectives
    best = objectives.amin(1, keepdim=True)
    agrees = objectives <= best + 0.5 + 0.01 * best.abs()
    n_restarts = objectives.shape[1]
    return [
        f"{', '.join(str(i + 1) for i in row.nonzero().flatten().tolist())} of {n_restarts}" for row in agrees
    ]


def measurements_csv(rows: list[dict[str, object]]) -> str:
    """Return rows of `measurement_rows` as the text of a CSV file."""
    return csv_text(list(rows[0]), rows)


def measurements_table(
    solution: Solution,
    rows: list[dict[str, object]],
    *,
    links: dict[int, int],
    most: int = 2000,
) -> Table:
    """Return the table of a page, the worst first, without the columns of sentences.

    Parameters
    ----------
    solution
        What was found.
    rows
        Its `measurement_rows`, with further columns.
    links
        The viewer's frame of a measurement, where it has one.
    most
        Rows at most: browsers sort that many at once; the CSV file has all.
    """
    order = worst_first(solution)[:most]
    marked = needs_a_look(solution)
    head = [name for name in rows[0] if name not in SENTENCES]
    return Table(
        "All measurements, the worst first",
        head,
        [[rows[number][name] for name in head] for number in order],
        marked=[marked[number] for number in order],
        links=[links.get(number) for number in order],
    )
