"""Super-resolution of the 1,797 UCI handwritten digits, real measurements without a ground truth.

Two judges: the misfit of the block counts, which an image made without them could not have, and the
accuracy of a classifier that was trained on MNIST only, on our 32 x 32 images and on those of the usual
ways to enlarge an image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from sciadv.catalogue import load_problem, problem_spec
from sciadv.errors import InputError
from sciadv.files.folders import find_entry
from sciadv.metrics import Classifier, accuracy, load_classifier
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import LMMSE, Solver, make_solver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: On-pixels of a full 4 x 4 block.
FULL_BLOCK = 16.0
PROBLEM = "digits-superresolution"
#: Ways to enlarge an image without knowing what it shows.
ENLARGEMENTS = ("bicubic", "bicubic, thresholded", "nearest")
Method = Callable[[], Tensor | Solution]


def enlarge(counts: Tensor, size: int, mode: str) -> Tensor:
    """Enlarge block counts ``(n, 1, h, w)`` to images ``(n, 1, size, size)`` in [0, 1] by interpolation.

    Parameters
    ----------
    counts
        On-pixels per block, 0 to 16.
    size
        Height and width of the images.
    mode
        "nearest", "bicubic", or "bicubic, thresholded": 1 where bicubic is above 1/2, else 0.
    """
    grey = counts / FULL_BLOCK
    if mode == "nearest":
        return functional.interpolate(grey, size=(size, size), mode="nearest")
    smooth = functional.interpolate(grey, size=(size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    return (smooth > 0.5).to(smooth.dtype) if mode == "bicubic, thresholded" else smooth


def compare(problem: Problem, classifier: Classifier, solver: Solver, *, seed: int = 0) -> list[Row]:
    """Reconstruct by each method and judge; one row per method, then a summary.

    Raises
    ------
    InputError
        The problem has no labels to judge by.
    """
    if problem.labels is None:
        raise InputError("digits-superresolution needs labels to judge by; scikit-learn's digits have them")
    size = problem.forward.in_shape[-1]
    methods: dict[str, Method] = {"ours": lambda: solver.solve(problem, seed=seed)}
    if problem.prior.moments is not None:
        methods["lmmse"] = lambda: LMMSE(clip=(0.0, 1.0)).solve(problem)
    for mode in ENLARGEMENTS:
        methods[mode] = partial(enlarge, problem.measurements, size, mode)
    ours, *others = (_judge(name, method, problem, classifier) for name, method in methods.items())
    best = max(row["accuracy"] for row in others if row["row"] in ENLARGEMENTS)
    summary: Row = {
        "row": "summary",
        "best_enlargement": best,
        "margin": ours["accuracy"] - best,
        "error_ratio": (1 - ours["accuracy"]) / max(1 - best, 1e-9),
    }
    return [ours, *others, summary]


def _judge(name: str, method: Method, problem: Problem, classifier: Classifier) -> Row:
    """Score a method's images; a search's row has the name of the solver that ran."""
    assert problem.labels is not None
    with one_thread(), cpu_seconds() as seconds:
        result = method()
    x = result.x if isinstance(result, Solution) else result
    with torch.no_grad():
        residual = problem.forward(x) - problem.measurements
    return {
        "row": result.method if isinstance(result, Solution) else name,
        "is_ours": name == "ours",
        "n_images": len(x),
        "accuracy": accuracy(classifier, x, problem.labels),
        "misfit_counts": float(residual.square().mean().sqrt()),
        "cpu_seconds_per_image": seconds() / len(x),
    }


def run(settings: Settings) -> list[Row]:
    """Solve all 1,797 digits (quick: every twelfth) with the solver that the problem names."""
    settings.report("loading the problem and the classifier")
    problem, spec = load_problem(PROBLEM), problem_spec(PROBLEM)
    classifier = load_classifier(find_entry("priors", problem.prior.name))
    if settings.quick:
        problem = problem.subset(slice(None, None, 12))
    settings.report(f"reconstructing {problem.n_problems} digits by every method")
    return compare(
        problem, classifier, make_solver(spec.solver.kind, restarts=spec.solver.restarts), seed=settings.seed
    )


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [
        [
            row["row"],
            row["n_images"],
            f"{row['accuracy']:.3f}",
            f"{row['misfit_counts']:.2f}",
            f"{1000 * row['cpu_seconds_per_image']:.1f}",
        ]
        for row in rows
        if row["row"] != "summary"
    ]
    header = [
        "method",
        "digits",
        "accuracy of the MNIST classifier",
        "misfit RMS [counts]",
        "CPU ms per digit",
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw accuracy and misfit as bars, one per method."""
    left, right = figure.subplots(1, 2)
    shown = [row for row in rows if row["row"] != "summary"][::-1]
    for axes, column, label in (
        (left, "accuracy", "accuracy"),
        (right, "misfit_counts", "misfit RMS [counts]"),
    ):
        colours = ["C1" if row["is_ours"] else "C0" for row in shown]
        bars = axes.barh([row["row"] for row in shown], [row[column] for row in shown], color=colours)
        axes.bar_label(bars, fmt="%.3f", padding=3)
        axes.set_xlabel(label)
    left.set_xlim(min(0.7, *(row["accuracy"] for row in shown)), 1.0)


BENCH = Bench(
    title="Super-resolution of the 1,797 UCI digits beside bicubic, nearest and LMMSE",
    problem=PROBLEM,
    run=run,
    draw=draw,
    table=table,
)
