"""Phase retrieval of MNIST digits from magnitudes: the prior beside Wirtinger flow and HIO, which have none.

``y = |A x| + noise``, A a Gaussian matrix or the Fourier transform of the digit in a frame of 56 x 56; the
noise is 0.3 % of the root mean square of the magnitudes. n = 784 pixels, m data. Of the 3136 frequencies m
are seen, drawn in pairs k and -k, which for a real image have one magnitude: m / n = 4 are all of them. An
image is a success if its error is at most 1 % of the truth's norm, up to what magnitudes leave open
(`sciadv.metrics.relative_error`): the sign, and for the Fourier transform shift and half a turn.

Truths are test digits, which no generator has made, and, by themselves, draws from the prior: a search within
the range of the generator can only succeed on these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings, cpu_seconds, markdown_table, one_thread
from benchmarks.held_out import held_out
from benchmarks.parts import PENDING, Part, measure_parts
from sciadv.data.datasets import load_images
from sciadv.forward import Forward, GaussianSensing, Magnitude, MaskedFourier, ZeroPad
from sciadv.likelihood import Gaussian
from sciadv.metrics import relative_error
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import HIO, LevenbergMarquardt, RegularisedGaussNewton, Solver, WirtingerFlow
from sciadv.types import Shape, as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PRIOR = "mnist-vae"
#: Noise as a part of the root mean square of the magnitudes; largest relative error of a success.
NOISE, SUCCESS = 3e-3, 1e-2
OPERATORS = ("gaussian", "fourier")


@dataclass(frozen=True)
class Plan:
    """How much is measured: ratios m / n, seeds (of operators, noises and truths), truths a seed."""

    ratios: tuple[float, ...] = (0.5, 4.0, 1.0, 0.25, 2.0, 0.1, 3.0)  # those that tell most come first
    n_seeds: int = 3
    n_images: int = 34


FULL, QUICK = Plan(), Plan((0.5, 4.0), 1, 2)

#: Solvers by what they are asked on: operator and truths. The baselines know nothing of draws and digits.
METHODS: dict[tuple[str, str], tuple[Solver, ...]] = {
    ("gaussian", "digits"): (RegularisedGaussNewton(), LevenbergMarquardt(), WirtingerFlow()),
    ("fourier", "digits"): (RegularisedGaussNewton(), LevenbergMarquardt(), HIO(), WirtingerFlow()),
    ("gaussian", "draws"): (LevenbergMarquardt(),),
    ("fourier", "draws"): (LevenbergMarquardt(),),
}


def seen_frequencies(n: int, size: int, *, seed: int) -> Tensor:
    """Return a mask ``(size, size)`` of n frequencies in pairs k and -k, the zero frequency in the middle.

    Examples
    --------
    >>> mask = seen_frequencies(8, 6, seed=0)
    >>> int(mask.sum()), bool((mask[1:, 1:] == mask[1:, 1:].flip((0, 1))).all())
    (8, True)
    """
    turned = -torch.arange(size) % size
    draws = torch.rand(size, size, generator=as_generator(seed))
    draws = torch.minimum(draws, draws[turned][:, turned])  # one number a pair
    seen = torch.zeros(size * size, dtype=torch.bool)
    seen[draws.flatten().argsort(stable=True)[:n]] = True
    mask: Tensor = torch.fft.fftshift(seen.reshape(size, size))
    return mask


def make_forward(operator: str, in_shape: Shape, m: int, *, seed: int) -> Forward:
    """Return the magnitudes of m measurements: ``gaussian`` or ``fourier``."""
    if operator == "gaussian":
        return Magnitude(GaussianSensing(in_shape, m, seed=1000 * seed + m, scale=m**-0.5))
    size = 2 * in_shape[1]
    frame = ZeroPad(in_shape, size, size)
    mask = seen_frequencies(m, size, seed=1000 * seed + m)
    return Magnitude(MaskedFourier(frame.out_shape, mask) @ frame)


def pose(prior: Prior, operator: str, truth: Tensor, ratio: float, *, seed: int) -> Problem:
    """Measure images ``(n, *out_shape)`` by an operator with ``ratio * pixels`` data."""
    forward = make_forward(operator, prior.out_shape, round(ratio * truth[0].numel()), seed=seed)
    with torch.no_grad():
        clean = forward(truth)
    noise = Gaussian(NOISE * float(clean.square().mean().sqrt()))
    y = noise.sample(clean, generator=as_generator(1_000_003 * (seed + 1) + len(clean[0].flatten())))
    return Problem(prior, forward, noise, y, truth=truth)


def truths_of(prior: Prior, kind: str, n: int, *, seed: int) -> Tensor:
    """Return test digits of the seed's own, or draws from the prior, ``(n, 1, 28, 28)``."""
    if kind == "draws":
        return prior.sample(n, seed=1000 + seed)
    return held_out(load_images("mnist", "test"), n, seed=seed)


def judge(solver: Solver, problems: list[Problem], *, up_to_shift: bool) -> Row:
    """Run a solver on one thread and count its successes over all problems.

    `success` allows the trivial ambiguities, `success_as_it_is` none at all.
    """
    errors, plain, misfits, spent = [], [], [], 0.0
    for problem in problems:
        assert problem.truth is not None
        with one_thread(), cpu_seconds() as seconds:
            solution = solver.solve(problem)
        spent += seconds()
        errors.append(relative_error(solution.x, problem.truth, up_to_shift=up_to_shift))
        distance = (solution.x - problem.truth).flatten(1).norm(dim=1)
        plain.append(distance / problem.truth.flatten(1).norm(dim=1))
        misfits.append(solution.misfit)
    error = torch.cat(errors)
    return {
        "n_images": len(error),
        "success": float((error <= SUCCESS).float().mean()),
        "success_as_it_is": float((torch.cat(plain) <= SUCCESS).float().mean()),
        "error_median": float(error.median()),
        "misfit_median": float(torch.cat(misfits).median()),
        "cpu_seconds_per_image": spent / len(error),
    }


def run(settings: Settings) -> list[Row]:
    """Measure every operator, kind of truth, method and ratio."""
    plan, prior = QUICK if settings.quick else FULL, Prior.load(PRIOR)
    parts = []
    for ratio in plan.ratios:
        for (operator, truths), solvers in METHODS.items():
            for solver in solvers:
                facts: Row = {"operator": operator, "truths": truths, "method": solver.name, "ratio": ratio}
                name = f"{operator}, {truths}, {solver.name}, ratio {ratio:g}"
                depends = (facts, plan.n_seeds, plan.n_images, settings.seed, repr(solver), NOISE)
                work = partial(_measure, prior, solver, facts, plan, settings.seed)
                weights = prior.card.get("weights_sha256", "")
                parts.append(Part(name, facts, (*depends, weights), work))
    return measure_parts(parts, settings)


def _measure(prior: Prior, solver: Solver, facts: Row, plan: Plan, seed: int) -> Row:
    problems = []
    for s in range(seed, seed + plan.n_seeds):
        truth = truths_of(prior, facts["truths"], plan.n_images, seed=s)
        problems.append(pose(prior, facts["operator"], truth, facts["ratio"], seed=s))
    return judge(solver, problems, up_to_shift=facts["operator"] == "fourier")


def table(rows: list[Row]) -> str:
    """Write success rates, median errors and CPU times by m / n."""
    rows = [row for row in rows if not row.get(PENDING, False)]
    ratios = sorted({row["ratio"] for row in rows})
    parts = []
    for title, column, text in (
        ("Success rate: relative error at most 0.01, up to the trivial ambiguities", "success", "{:.2f}"),
        (
            "The same, of images as they are: upright, in place, of the right sign",
            "success_as_it_is",
            "{:.2f}",
        ),
        ("Relative error, median", "error_median", "{:.4f}"),
        ("CPU seconds per image, one thread", "cpu_seconds_per_image", "{:.2f}"),
    ):
        lines = []
        for key in dict.fromkeys((row["operator"], row["truths"], row["method"]) for row in rows):
            mine = {
                row["ratio"]: row for row in rows if (row["operator"], row["truths"], row["method"]) == key
            }
            numbers = [text.format(mine[r][column]) if r in mine else "-" for r in ratios]
            lines.append([", ".join(key), max(row["n_images"] for row in mine.values()), *numbers])
        header = ["magnitudes, truths, method", "images", *(f"m / n = {ratio:g}" for ratio in ratios)]
        parts.append(f"**{title}**\n\n{markdown_table(header, lines)}")
    return "\n\n".join(parts)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the success rate against m / n, a panel for each operator; draws from the prior are dashed."""
    lines: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for row in rows:
        if not row.get(PENDING, False):
            key = (row["operator"], row["method"], row["truths"])
            lines.setdefault(key, []).append((row["ratio"], row["success"]))
    colours = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(method for _, method, _ in lines))}
    panels = dict(zip(OPERATORS, figure.subplots(1, 2, sharey=True), strict=True))
    for (operator, method, truths), points in lines.items():
        style = "o-" if truths == "digits" else "s--"
        panels[operator].plot(
            *zip(*sorted(points), strict=True), style, color=colours[method], label=f"{method}, {truths}"
        )
    for operator, axes in panels.items():
        axes.set(xscale="log", xlabel="m / n", title=f"magnitudes: {operator}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    panels["gaussian"].set_ylabel("success rate at relative error 0.01")


BENCH = Bench(
    title="Phase retrieval of MNIST digits beside Wirtinger flow and hybrid input-output",
    problem="phase-retrieval",
    run=run,
    draw=draw,
    table=table,
)
