"""What `auto` says of data that contradict the problem as stated, and how it does with outliers.

Each case is measured twice: problems of one measurement each, and one problem of all of them, which share
noise, units and geometry.
"""

from __future__ import annotations

from functools import partial

import torch

from benchmarks.contract import Row, Settings, Threshold, markdown_table
from benchmarks.own.image_sets import Plan, Priors, posed, test_images
from benchmarks.parts import Part, measure_parts
from sciadv.likelihood import Gaussian, StudentT
from sciadv.metrics import mse
from sciadv.problem import Problem
from sciadv.solvers import Auto, LevenbergMarquardt
from sciadv.solvers.diagnosis.conformal import compare_with_images

#: What is wrong, and the finding that says so.
WRONGS = {
    "sigma stated ten times too small": "noise_too_large",
    "sigma stated ten times too large": "noise_too_small",
    "5 % outliers": "outliers",
    "data 1.5 times": "units",
    "images moved by two pixels": "moved",
}
RIGHT = "nothing wrong"
OUTLIERS = "5 % outliers"
COLUMNS = ("said_alone", "said_together", "error_ratio")
_CASE = "gaussian-25%-high"
FULL, QUICK = Plan(n_images=40), Plan(("mnist",), n_images=6, minutes=0.5)

THRESHOLDS = (
    *(Threshold(f"{wrong}: said, one measurement", "said_alone", wrong, ">=", 0.95) for wrong in WRONGS),
    *(Threshold(f"{wrong}: said, all together", "said_together", wrong, ">=", 0.95) for wrong in WRONGS),
    Threshold("said of right data", "said_alone", RIGHT, "<=", 0.05),
    Threshold("error of auto with outliers / that of StudentT", "error_ratio", OUTLIERS, "<=", 1.2),
)


def rows(settings: Settings) -> list[Row]:
    """Measure every case on every image set, and sum them up by case."""
    plan = QUICK if settings.quick else FULL
    known = Priors(settings, plan)
    cases = (RIGHT, *WRONGS)
    parts = [
        Part(
            f"{wrong}, {name}",
            {"case": wrong},
            (wrong, name, plan.n_images, plan.minutes, settings.seed),
            partial(_measured, known, name, wrong, plan.n_images, settings.seed),
        )
        for wrong in cases
        for name in plan.sets
    ]
    found = measure_parts(parts, settings)
    return found + [_summed(wrong, [row for row in found if row["case"] == wrong]) for wrong in cases]


def table(rows: list[Row]) -> str:
    """Write how often the right words were said, a line for each case, as Markdown."""
    done = [row for row in rows if row["row"] in {RIGHT, *WRONGS}]
    lines = [[row["row"], *(f"{row[name]:.2f}" if name in row else "-" for name in COLUMNS)] for row in done]
    return markdown_table(["what is wrong", "said alone", "said together", "error / StudentT's"], lines)


def _summed(wrong: str, each: list[Row]) -> Row:
    """Return the mean over the image sets, of those that are measured."""
    values = {name: [row[name] for row in each if name in row] for name in COLUMNS}
    return {"row": wrong, "case": wrong} | {k: sum(v) / len(v) for k, v in values.items() if v}


def changed(problem: Problem, wrong: str, seed: int) -> Problem:
    """Return the problem with measurements that contradict it."""
    draw = torch.Generator().manual_seed(seed + 77)
    assert problem.truth is not None
    assert isinstance(problem.likelihood, Gaussian)
    sigma = float(problem.likelihood.sigma)  # type: ignore[arg-type]  # known
    factors = {"sigma stated ten times too small": 10, "sigma stated ten times too large": 0.1}
    x = problem.truth.roll(2, -1) if wrong == "images moved by two pixels" else problem.truth
    with torch.no_grad():
        y = Gaussian(factors.get(wrong, 1) * sigma).sample(problem.forward(x), generator=draw)
    if wrong == OUTLIERS:
        spread = float(problem.measurements.std())
        y = torch.where(torch.rand(y.shape, generator=draw) < 0.05, y + 5 * spread, y)
    return problem.with_measurements(1.5 * y if wrong == "data 1.5 times" else y)


def _measured(known: Priors, name: str, wrong: str, n: int, seed: int) -> Row:
    right = posed(known[name], test_images(name), _CASE, seed, n)
    problem = changed(right, wrong, seed)
    alone = [_said(problem.subset([row]), wrong) for row in range(n)]
    row: Row = {"said_alone": sum(alone) / n, "said_together": _said(problem, wrong)}
    if wrong == OUTLIERS:
        assert right.truth is not None
        assert isinstance(right.likelihood, Gaussian)
        robust = LevenbergMarquardt().solve(
            Problem(problem.prior, problem.forward, StudentT(right.likelihood.sigma), problem.measurements)  # type: ignore[arg-type]  # known
        )
        errors = [float(mse(found.x, right.truth).mean()) for found in (Auto().solve(problem), robust)]
        row["error_ratio"] = errors[0] / errors[1]
    return row


def _said(problem: Problem, wrong: str) -> float:
    """Return the share of measurements of which the right finding is said; of right data, any."""
    compared = compare_with_images(problem)
    assert compared is not None
    assert compared.findings is not None
    flags = {flag: mask for flag, (mask, _) in compared.findings.flags.items()}
    mask = compared.findings.any if wrong == RIGHT else flags[WRONGS[wrong]]
    return float(mask.double().mean())
