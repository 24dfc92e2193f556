"""``any-generator``: own samples of a public DCGAN and of stand-ins of 512 and 1,024 latents, beside peers.

CSGM has the settings that its authors published for a DCGAN of CelebA: 2 restarts of 500 steps of Adam at
0.1, no weight on the latents (Bora, Jalal, Price, Dimakis, Compressed Sensing using Generative Models, ICML
2017).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch

from benchmarks.any_generator.stand_ins import (
    PUBLIC_DCGAN,
    labelled,
    long_latent,
    public_dcgan,
    style_w_plus,
)
from benchmarks.contract import (
    Bench,
    Row,
    Settings,
    Threshold,
    cpu_seconds,
    markdown_table,
    one_thread,
)
from benchmarks.parts import Part, measure_parts
from benchmarks.scans import peer_deepinv
from sciadv.forward import LinearForward, Matrix
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import CSGM, Adam, AmortisedSearch, GaussNewtonCG, LevenbergMarquardt, Solver
from sciadv.solvers.amortised.own_samples import own_samples
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.many_latents.recovery import own_problem
from sciadv.types import as_generator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGMA = 0.01
OURS = "amortised-search"


@dataclass(frozen=True)
class Case:
    """A generator, how many measurements are taken of its samples, and how many samples each method gets."""

    name: str
    make: Callable[[int], Prior | None]
    n_measurements: int
    n_samples: dict[str, int]


_DCGAN = {OURS: 32, "csgm, celeba": 8, "adam": 4, "levenberg-marquardt": 4, "deepinv": 2}
CASES = (
    Case("public-dcgan", public_dcgan, 500, _DCGAN),
    Case("style-512-w+", style_w_plus, 1500, {OURS: 20, "adam": 2}),
    Case("labelled-512", labelled, 1500, {OURS: 8}),
    Case("dcgan-1024", long_latent, 2048, {OURS: 8, "gauss-newton-cg": 2}),
)
SOLVERS: dict[str, Solver] = {
    OURS: AmortisedSearch(),
    "gauss-newton-cg": GaussNewtonCG(1),
    "csgm, celeba": CSGM(restarts=2, n_iterations=500, learning_rate=0.1, lam=0.0),
    "adam": Adam(),
    "levenberg-marquardt": LevenbergMarquardt(),
}


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Let nothing be known from earlier runs, so that what is spent once is measured."""
    before = os.environ.get("SCIADV_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["SCIADV_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["SCIADV_CACHE"]
            else:
                os.environ["SCIADV_CACHE"] = before


def _posed(prior: Prior, n_measurements: int, n: int, seed: int) -> Problem:
    """Return the problem of recovering n own samples from Gaussian measurements."""
    n_pixels = prior.example.numel()
    matrix = torch.randn(n_measurements, n_pixels, generator=as_generator(seed)) / n_measurements**0.5
    forward = Matrix(matrix, prior.out_shape)
    return own_problem(prior, forward, Gaussian(SIGMA), n_samples=n, seed=seed)


def measure(case: Case, method: str, n: int, seed: int) -> Row:
    """Measure a method on a case's own samples."""
    prior = case.make(seed)
    assert prior is not None  # cases whose generator is missing are left out before
    problem = _posed(prior, case.n_measurements, n, seed)
    with _empty_cache(), one_thread():
        with cpu_seconds() as once:
            if method in (OURS, "gauss-newton-cg"):
                own_samples(prior)
        with cpu_seconds() as spent:
            misfit = _misfit(problem, method, seed)
    is_recovered = misfit <= noise_threshold(problem)
    return {
        "recovered": int(is_recovered.sum()),
        "recovered_share": float(is_recovered.double().mean()),
        "misfit_median": float(misfit.median()),
        "misfit_worst": float(misfit.max()),
        "cpu_seconds": spent() / n,
        "once_cpu_seconds": once(),
    }


def _misfit(problem: Problem, method: str, seed: int) -> torch.Tensor:
    if method == "deepinv":
        assert isinstance(problem.forward, LinearForward)
        x = peer_deepinv.solve(problem.prior, problem.forward, problem.measurements, factor=1.0)
        with torch.no_grad():
            return problem.likelihood.misfit(problem.forward(x), problem.measurements)
    return SOLVERS[method].solve(problem, seed=seed).misfit


def _parts(settings: Settings) -> list[Part]:
    """Return what is to be measured; a generator that is not installed is said to be missing."""
    parts = []
    for case in CASES:
        if case.make is public_dcgan and public_dcgan(0) is None:
            settings.report(
                f"the package {PUBLIC_DCGAN} (gan-face-generate) is not installed: its rows are missing"
            )
            continue
        for method, n in case.n_samples.items():
            is_peer = method == "deepinv"
            if (is_peer and method not in settings.peers) or (settings.quick and method != OURS):
                continue
            if settings.quick and case.name not in ("public-dcgan", "style-512-w+"):
                continue
            few = 2 if settings.quick else n
            parts.append(
                Part(
                    f"{case.name}: {method}",
                    {"generator": case.name, "method": method, "n": few, "measurements": case.n_measurements},
                    (case.name, method, few, settings.seed),
                    partial(measure, case, method, few, settings.seed),
                )
            )
    return parts


def run(settings: Settings) -> list[Row]:
    """Measure every method on every generator."""
    return measure_parts(_parts(settings), settings)


def table(rows: list[Row]) -> str:
    """Write the rows as Markdown."""
    header = ["generator: method", "m", "recovered", "median misfit", "worst", "CPU s an image", "CPU s once"]
    lines = [
        [
            row["row"],
            row["measurements"],
            f"{row['recovered']} of {row['n']}",
            f"{row['misfit_median']:.2f}",
            f"{row['misfit_worst']:.2f}",
            f"{row['cpu_seconds']:.2f}",
            f"{row['once_cpu_seconds']:.1f}",
        ]
        for row in rows
        if "recovered" in row
    ]
    return markdown_table(header, lines)


def draw(figure: Figure, rows: list[Row]) -> None:
    """Draw the recovered share of each row against its cost."""
    axes = figure.subplots()
    for row in rows:
        if "recovered" in row:
            axes.semilogx(row["cpu_seconds"], row["recovered_share"], "o")
            axes.annotate(row["row"], (row["cpu_seconds"], row["recovered_share"]), fontsize=7)
    axes.set(xlabel="CPU seconds an image", ylabel="recovered to the noise level", ylim=(-0.05, 1.1))


BENCH = Bench(
    title="Own samples of a public DCGAN and of generators of 512 and 1,024 latents",
    problem=None,
    run=run,
    draw=draw,
    table=table,
    peers=("deepinv",),
    thresholds=(
        Threshold("DCGAN, share of own samples", "recovered_share", f"public-dcgan: {OURS}", ">=", 31 / 32),
        Threshold("DCGAN, CPU seconds an image", "cpu_seconds", f"public-dcgan: {OURS}", "<=", 5.0),
        Threshold("512 latents, w+", "recovered_share", f"style-512-w+: {OURS}", ">=", 0.9),
        Threshold("512 latents, classes", "recovered_share", f"labelled-512: {OURS}", ">=", 0.9),
        Threshold("1,024 latents", "recovered_share", f"dcgan-1024: {OURS}", ">=", 0.9),
    ),
)
