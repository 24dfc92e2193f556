"""Missing pixels, blur and coarse pixels: three benches that differ in their problem's operator alone.

The operator, the noise and the prior are those of the problem's folder: ``problem.toml`` for MNIST and, where
it is there, ``fashion.toml`` for Fashion-MNIST. Each of three seeds has its own test images and noise, the
same for every method; slow methods have the first images of each seed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings
from benchmarks.held_out import held_out
from benchmarks.reconstruct.image_table import (
    Method,
    draw_images_table,
    image_rows,
    image_table,
    measure,
    plan_cells,
)
from benchmarks.scans import peer_deepinv
from sciadv.catalogue import build_parts, load_prior, problem_spec
from sciadv.data.datasets import load_images
from sciadv.files.folders import find_entry
from sciadv.forward import LinearForward
from sciadv.problem import Problem
from sciadv.solvers import CSGM, LMMSE, TV, Auto
from sciadv.types import as_generator

#: Cases: the problem's file and the data set.
CASES = {"mnist": ("problem.toml", "mnist"), "fashion": ("fashion.toml", "fashion-mnist")}
#: CSGM's weight, the best of 3e-5, 1e-4, 3e-4 and 1e-3 (for the blur, of the first two) on digits 3000 to
#: 3007, and TV's, the best of 1, 2 and 4 there (not tried on the blur). The authors' weight of CSGM, 0.1, is
#: that of a matrix whose rows are 28 times as long as these operators'.
CSGM_WEIGHTS, TV_WEIGHT = {"inpainting": 3e-4, "deblurring": 3e-5, "super-resolution": 3e-5}, 1.0
#: Methods and how many images a seed they have: of the full bench, of the quick one.
COUNTS = {"auto": (34, 4), "lmmse": (34, 4), "tv": (34, 4), "csgm": (8, 1), "deepinv": (4, 1)}
N_SEEDS = 3


def deepinv(problem: Problem) -> Tensor:
    """Reconstruct by the peer's CSGM."""
    assert isinstance(problem.forward, LinearForward)
    return peer_deepinv.solve(problem.prior, problem.forward, problem.measurements, factor=1.0)


METHODS: dict[str, Method] = {
    "auto": Auto(),
    "lmmse": LMMSE(clip=(0.0, 1.0)),
    "tv": TV(TV_WEIGHT),
    "deepinv": deepinv,
}


def case_file(problem: str, case: str) -> Path:
    """Return the file of a problem's case; it need not be there."""
    return find_entry("problems", problem) / CASES[case][0]


@lru_cache(maxsize=12)
def pose(file: Path, data: str, seed: int) -> Problem:
    """Measure a seed's own test images as a problem's file says."""
    spec, n = problem_spec(file), COUNTS["auto"][0]
    prior = load_prior(spec.prior, folder=file.parent)
    forward, likelihood, _ = build_parts(spec, prior.out_shape, folder=file.parent)
    x = held_out(load_images(data, "test"), n, seed=seed)
    with torch.no_grad():
        y = likelihood.sample(forward(x), generator=as_generator(1_000_003 * (seed + 1)))
    return Problem(prior, forward, likelihood, y, float(spec.latent_weight), truth=x)


def run(problem: str, settings: Settings) -> list[Row]:
    """Measure every method on every case that is there."""
    cases = [case for case in CASES if case_file(problem, case).is_file()]
    peers = {"deepinv"} - set(settings.peers)
    counts = {name: n[settings.quick] for name, n in COUNTS.items() if name not in peers}
    n_seeds = 1 if settings.quick else N_SEEDS
    seeds = range(settings.seed, settings.seed + n_seeds)
    methods = {**METHODS, "csgm": CSGM(lam=CSGM_WEIGHTS[problem])}

    def posed(case: str, seed: int) -> Problem:
        return pose(case_file(problem, case), CASES[case][1], seed)

    return image_rows(measure(plan_cells(cases, counts, seeds), posed, methods, settings))


def _bench(problem: str, what: str) -> Bench:
    work: Callable[[Settings], list[Row]] = partial(run, problem)
    return Bench(
        title=f"{what} of MNIST and Fashion-MNIST beside CSGM, LMMSE, TV and deepinv",
        problem=problem,
        run=work,
        draw=draw_images_table,
        table=image_table,
        peers=("deepinv",),
    )


BENCHES = {
    "inpainting": _bench("inpainting", "Inpainting"),
    "deblurring": _bench("deblurring", "Deblurring"),
    "super-resolution": _bench("super-resolution", "Super-resolution"),
}
