"""Reconstructed images against known ones: scores, kept in parts, their table and their picture.

A bench says what is measured (`Cell`), how a case is posed and which methods there are; all methods of a case
have the same images, operator and noise.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from torch import Tensor

from benchmarks.contract import Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.parts import keep_part, read_part
from sciadv.metrics import mse, psnr, ssim
from sciadv.problem import Problem
from sciadv.solvers import Solver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Ours, with which the summary compares the others.
OURS = "auto"
#: A method: a solver, or what returns images ``(batch, *in_shape)`` of a problem's measurements.
Method = Solver | Callable[[Problem], Tensor]


@dataclass(frozen=True)
class Cell:
    """One method on the first `n_images` images of one seed of a case: what is asked."""

    case: str
    method: str
    seed: int
    n_images: int


@dataclass(frozen=True)
class Score:
    """What came out: one number per image in the images' order, and CPU seconds per image on one thread.

    `chi_square` is the mean square of the residual in units of the noise, 1 for the truth.
    """

    mse: list[float]
    psnr: list[float]
    ssim: list[float]
    chi_square: list[float]
    cpu_seconds: float


Scores = dict[Cell, Score]


def plan_cells(cases: Sequence[str], methods: Mapping[str, int], seeds: Sequence[int]) -> list[Cell]:
    """List every method, with its number of images a seed, on every case; methods take turns."""
    return [
        Cell(case, method, seed, n_images)
        for case in cases
        for seed in seeds
        for method, n_images in methods.items()
    ]


def reconstruct(method: Method, problem: Problem) -> Tensor:
    """Return a method's images ``(batch, *in_shape)``."""
    return method.solve(problem).x if isinstance(method, Solver) else method(problem)


def score(method: Method, problem: Problem) -> Score:
    """Reconstruct on one thread and compare with the problem's truth."""
    assert problem.truth is not None  # a bench of images knows them
    with one_thread(), cpu_seconds() as seconds:
        x = reconstruct(method, problem)
    misfit = problem.likelihood.misfit(problem.forward(x), problem.measurements)
    return Score(
        mse=mse(x, problem.truth).tolist(),
        psnr=psnr(x, problem.truth).tolist(),
        ssim=ssim(x, problem.truth).tolist(),
        chi_square=misfit.square().tolist(),
        cpu_seconds=seconds() / len(x),
    )


def measure(
    cells: Sequence[Cell],
    pose: Callable[[str, int], Problem],
    methods: Mapping[str, Method],
    settings: Settings,
) -> Scores:
    """Score all cells, taking from the cache what is there.

    Parameters
    ----------
    cells
        What to measure.
    pose
        Gives the problem of a case and a seed, with its truth.
    methods
        By the names that the cells use.
    settings
        Cache and report.
    """
    scores: Scores = {}
    for i, cell in enumerate(cells):
        problem = pose(cell.case, cell.seed).subset(slice(cell.n_images))
        name = _name(cell, problem, methods)
        kept = read_part(settings.cache, name)
        if kept is not None:
            scores[cell] = Score(**kept)
            continue
        settings.report(f"{i + 1} of {len(cells)}: {cell.method} on {cell.case}, seed {cell.seed}")
        scores[cell] = score(methods[cell.method], problem)
        keep_part(settings.cache, name, vars(scores[cell]))
    return scores


def _name(cell: Cell, problem: Problem, methods: Mapping[str, Method]) -> str:
    """Name a result by all it depends on but the code: measurements, weights, the method's settings."""
    digest = hashlib.sha256(problem.measurements.cpu().numpy().tobytes())
    method = methods[cell.method]
    told = repr(method) if isinstance(method, Solver) else cell.method
    digest.update((problem.prior.card.get("weights_sha256", "") + told).encode())
    name = "-".join((cell.case, cell.method, str(cell.seed))).replace(", ", "-").replace(" ", "-")
    return f"{name}-{digest.hexdigest()[:12]}.json"


def image_rows(scores: Scores) -> list[Row]:
    """Return one row per case and method over all seeds, named ``case, method``, and a summary per case.

    ``*_error`` are standard errors of means. In ``case, summary``, ``excess_max`` is the largest over the
    other methods of (mean squared error of auto - that of the method) in standard errors of the latter, on
    the images that both had: at most 1 says that auto is the best or within the standard error of the best.
    ``gain_min`` is the smallest difference of mean PSNR [dB], auto's less the method's.
    """
    groups: dict[tuple[str, str], Scores] = defaultdict(dict)
    for cell, result in scores.items():
        groups[cell.case, cell.method][cell] = result
    rows = [_row(case, method, group) for (case, method), group in groups.items()]
    for case in dict.fromkeys(case for case, _ in groups):
        others = [name for at, name in groups if at == case and name != OURS]
        pairs = [_paired(groups[case, OURS], groups[case, name]) for name in others]
        rows.append(
            {
                "row": f"{case}, summary",
                "case": case,
                "method": "summary",
                "excess_max": max((_excess(ours.mse, theirs.mse) for ours, theirs in pairs), default=None),
                "gain_min": min(
                    (fmean(ours.psnr) - fmean(theirs.psnr) for ours, theirs in pairs), default=None
                ),
            }
        )
    return rows


def _row(case: str, method: str, group: Scores) -> Row:
    row: Row = {"row": f"{case}, {method}", "case": case, "method": method}
    row["n_images"] = sum(len(result.mse) for result in group.values())
    row["n_seeds"] = len({cell.seed for cell in group})
    for name in ("mse", "psnr", "ssim", "chi_square"):
        values = [value for result in group.values() for value in getattr(result, name)]
        row[f"{name}_mean"] = fmean(values)
        row[f"{name}_error"] = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    row["cpu_seconds_per_image"] = fmean(result.cpu_seconds for result in group.values())
    return row


def _paired(ours: Scores, theirs: Scores) -> tuple[Score, Score]:
    """Return the scores of two methods of a case on the images that both had, over all seeds."""
    mine, other = Score([], [], [], [], 0.0), Score([], [], [], [], 0.0)
    for cell, result in theirs.items():
        same = next(value for key, value in ours.items() if key.seed == cell.seed)
        n = min(len(same.mse), len(result.mse))
        for name in ("mse", "psnr", "ssim", "chi_square"):
            getattr(mine, name).extend(getattr(same, name)[:n])
            getattr(other, name).extend(getattr(result, name)[:n])
    return mine, other


def _excess(ours: list[float], theirs: list[float]) -> float:
    """Return the difference of the means in standard errors of `theirs`."""
    error = stdev(theirs) / len(theirs) ** 0.5 if len(theirs) > 1 else float("inf")
    return (fmean(ours) - fmean(theirs)) / max(error, 1e-30)


def image_table(rows: list[Row]) -> str:
    """Write the rows as Markdown: error, PSNR, SSIM, chi-square and CPU time by case and method."""
    header = ["case, method", "images", "MSE x 1000", "PSNR [dB]", "SSIM", "chi-square", "CPU ms per image"]
    lines = [
        [
            row["row"],
            row["n_images"],
            f"{1e3 * row['mse_mean']:.2f} ± {1e3 * row['mse_error']:.2f}",
            f"{row['psnr_mean']:.2f} ± {row['psnr_error']:.2f}",
            f"{row['ssim_mean']:.3f}",
            f"{row['chi_square_mean']:.3g}",
            f"{1e3 * row['cpu_seconds_per_image']:.1f}",
        ]
        for row in rows
        if row["method"] != "summary"
    ]
    return markdown_table(header, lines)


def draw_images_table(figure: Figure, rows: list[Row]) -> None:
    """Draw PSNR and SSIM with their standard errors as bars, one group per case."""
    body = [row for row in rows if row["method"] != "summary"]
    cases = list(dict.fromkeys(row["case"] for row in body))
    methods = list(dict.fromkeys(row["method"] for row in body))
    for axes, column, label in zip(
        figure.subplots(1, 2), ("psnr", "ssim"), ("PSNR [dB]", "SSIM"), strict=True
    ):
        for j, method in enumerate(methods):
            mine = {row["case"]: row for row in body if row["method"] == method}
            places = [
                i + 0.8 * (j + 0.5) / len(methods) - 0.4 for i, case in enumerate(cases) if case in mine
            ]
            values = [row[f"{column}_mean"] for row in mine.values()]
            errors = [row[f"{column}_error"] for row in mine.values()]
            axes.bar(places, values, 0.8 / len(methods), yerr=errors, label=method)
        axes.set_xticks(range(len(cases)), cases)
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(methods))
