"""Whether stated uncertainties are true: intervals of digits from random projections against the digits.

The measurements are as in `benchmarks.reconstruct.compressed_sensing`: ``y = A x + N(0, 0.1^2)``, A of N(0,
1). A pixel
counts as active when it is black in less than 90 % of the training images: of any other, the interval [0, 0],
which knows nothing, holds the truth in 90 %. The coverage of all pixels that vary at all, with a standard
deviation above 0.05, stands beside it. All digits, matrices and noises are pooled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.held_out import held_out
from benchmarks.reconstruct import compressed_sensing
from sciadv.data.datasets import load_images
from sciadv.metrics import interval, mse
from sciadv.posterior import Posterior
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import HMC, Laplace, Solver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Probability of the intervals.
LEVEL = 0.9
#: Standard deviation over the training set above which a pixel varies.
VARIES = 0.05


@dataclass(frozen=True)
class Plan:
    """Numbers of measurements, seeds, digits per seed, and how many of those for slow samplers."""

    measurements: tuple[int, ...] = (50, 100, 200)
    n_seeds: int = 3
    n_images: int = 100
    n_slow: int = 20


FULL = Plan()
QUICK = Plan((100,), 1, 30, 2)


@dataclass(frozen=True)
class Tally:
    """Sums over the active pixels of some digits."""

    n: int
    inside: float
    square_error: float
    variance: float
    image_error: list[float]
    n_varying: int
    inside_varying: float

    @staticmethod
    def of(posterior: Posterior, truth: Tensor, active: Tensor, varying: Tensor) -> Tally:
        """Count one batch: `active` and `varying` are ``(1, height, width)``."""
        keep, vary = active.expand_as(truth), varying.expand_as(truth)
        low, high = interval(posterior.samples, LEVEL)
        inside, mean = (truth >= low) & (truth <= high), posterior.mean
        return Tally(
            int(keep.sum()),
            float(inside[keep].sum()),
            float((mean - truth).square()[keep].sum()),
            float(posterior.samples.var(1)[keep].sum()),
            mse(mean, truth).tolist(),
            int(vary.sum()),
            float(inside[vary].sum()),
        )


def active_pixels() -> tuple[Tensor, Tensor]:
    """Return the masks ``(1, 28, 28)`` of the pixels that are active and of those that vary at all."""
    images = load_images("mnist", "train").grey(slice(10000))
    is_black = (images == 0).float().mean(0)
    return is_black < LEVEL, images.std(0) > VARIES


def make_problem(prior: Prior, images: Tensor, *, m: int, seed: int) -> Problem:
    """Measure images ``(n, *out_shape)``; their posterior has the prior as it is, not CSGM's weight."""
    return replace(compressed_sensing.make_problem(prior, images, m=m, seed=seed), latent_weight=1.0)


def measure(name: str, solver: Solver, problems: list[Problem], masks: tuple[Tensor, Tensor]) -> Row:
    """Sample all problems by one solver and pool."""
    with one_thread(), cpu_seconds() as seconds:
        posteriors = [solver.solve(problem, seed=0).posterior for problem in problems]
    tallies = []
    for posterior, problem in zip(posteriors, problems, strict=True):
        assert posterior is not None
        assert problem.truth is not None
        tallies.append(Tally.of(posterior, problem.truth, *masks))
    n, errors = sum(tally.n for tally in tallies), [e for tally in tallies for e in tally.image_error]
    return {
        "row": name,
        "n_images": len(errors),
        "coverage": sum(tally.inside for tally in tallies) / n,
        "variance_ratio": sum(t.square_error for t in tallies) / sum(t.variance for t in tallies),
        "coverage_of_varying": sum(t.inside_varying for t in tallies) / sum(t.n_varying for t in tallies),
        "mse": sum(errors) / len(errors),
        "cpu_seconds_per_image": seconds() / len(errors),
    }


def run(settings: Settings) -> list[Row]:
    """Measure Laplace's mixture at every m, and HMC on a few of the digits."""
    plan, prior = QUICK if settings.quick else FULL, Prior.load("mnist-vae")
    test = load_images("mnist", "test")
    masks, rows = active_pixels(), list[Row]()
    for m in plan.measurements:
        settings.report(f"m = {m}: {plan.n_seeds} matrices, {plan.n_images} digits each")
        problems = [
            make_problem(prior, held_out(test, plan.n_images, seed=seed), m=m, seed=seed)
            for seed in range(settings.seed, settings.seed + plan.n_seeds)
        ]
        rows.append(measure(f"laplace, m = {m}", Laplace(restarts=4), problems, masks))
        few = [problems[0].subset(slice(plan.n_slow))]
        rows.append(measure(f"laplace, m = {m}, first {plan.n_slow}", Laplace(restarts=4), few, masks))
        rows.append(measure(f"hmc, m = {m}, first {plan.n_slow}", HMC(restarts=4), few, masks))
    return rows


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    lines = [
        [
            row["row"],
            row["n_images"],
            f"{row['coverage']:.3f}",
            f"{row['variance_ratio']:.2f}",
            f"{row['coverage_of_varying']:.3f}",
            f"{row['mse']:.4f}",
            f"{1000 * row['cpu_seconds_per_image']:.0f}",
        ]
        for row in rows
    ]
    header = [
        "sampler",
        "digits",
        "coverage of 90 %",
        "error / variance",
        "coverage of all pixels that vary",
        "MSE of the mean",
        "CPU ms per digit",
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw coverage and variance ratio of each row with the bars' range behind."""
    left, right = figure.subplots(1, 2, sharey=True)
    names = [row["row"] for row in rows]
    for axes, key, (low, high), label in (
        (left, "coverage", (0.88, 0.92), "coverage of 90 % intervals"),
        (right, "variance_ratio", (0.8, 1.25), "squared error / predicted variance"),
    ):
        axes.axvspan(low, high, color="0.9")
        axes.plot([row[key] for row in rows], names, "o")
        axes.set_xlabel(label)


BENCH = Bench(
    title="Intervals of digits from random projections against the digits",
    problem="digits-uncertainty",
    run=run,
    draw=draw,
    table=table,
)
