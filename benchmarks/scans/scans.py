"""Slices of head CT from few views and of breast MR from few columns of k-space: auto and its peers.

All truths are of the last 1000 slices of their files, which share no patient with those that priors are
trained on and that the weights of `tv` are chosen on. Each slice of CT has its own counts, and so its own
noise: it is a problem by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.contract import Bench, Row, Settings
from benchmarks.parts import keep_part, read_part
from benchmarks.reconstruct.image_table import (
    Method,
    Scores,
    draw_images_table,
    image_rows,
    image_table,
    measure,
    plan_cells,
)
from sciadv.data.datasets import load_images
from sciadv.forward import MaskedFourier, ParallelBeam, cartesian_mask
from sciadv.likelihood import Gaussian
from sciadv.metrics import calibration, psnr
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers import CSGM, FBP, TV, Auto, LearnedTV
from sciadv.solvers.linear.factored_gaussian import linear_image

#: Photons that leave the source for each detector pixel and view.
N_PHOTONS = 1e5
#: Grey value of air, and linear attenuation [1 / mm] of a step of 1 in grey value above it: brain, 0.42, is
#: then at 0.020 / mm and white at 0.056 / mm, as soft tissue and bone are at 70 keV.
AIR, ATTENUATION = 0.1, 0.0625
#: Side of a pixel [mm]: the head of the slices is then about 19 cm long.
PIXEL = 4.0
#: Standard deviation of real and imaginary part of the noise on each datum of k-space; white is 1.
MR_SIGMA = 0.02
#: A slice is empty if not more than this share of its pixels is brighter than this: air and table, of which
#: any method has a PSNR of 60 dB and more, which would be what means are made of.
LEAST_BRIGHT, BRIGHT = 0.03, 0.25
#: Draws for an interval, and the standard deviation over the training set above which a pixel counts.
N_DRAWS, ACTIVE = 60, 0.05
#: Weights among which `tv` has the best mean PSNR on training slices.
WEIGHTS = (5.0, 10.0, 20.0, 40.0, 80.0, 160.0)


@dataclass(frozen=True)
class Scan:
    """One of the two problems.

    Parameters
    ----------
    data, prior
        Names of the data set and of the prior.
    cases
        Name of each case, and its number of views, or the acceleration.
    pose
        Measures images ``(n, 1, height, width)`` by the case's number, the noise by a seed.
    is_single
        Whether each image is a problem by itself.
    direct
        The method without iterations, by name.
    covered
        The case whose intervals are held against the truth.
    """

    data: str
    prior: str
    cases: Mapping[str, int]
    pose: Callable[[Prior, Tensor, int, int], Problem]
    is_single: bool
    direct: tuple[str, Method]
    covered: str | None = None


def ct_counts(forward: ParallelBeam, x: Tensor, *, seed: int) -> Tensor:
    """Return the photons counted, ``Poisson(N_PHOTONS exp(-line integral))``, at least 1."""
    rate = N_PHOTONS * torch.exp(-_per_grey(forward) * (forward(x) - _air(forward)))
    return torch.poisson(rate, generator=torch.Generator().manual_seed(seed)).clamp_min(1)


def ct_data(forward: ParallelBeam, counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-transformed counts in grey value times pixels, ``y = A x + noise``, and the noise's sigma.

    ``-log(n / N_PHOTONS)`` has the variance ``1 / n`` to first order (Sauer and Bouman, A local update
    strategy for iterative reconstruction from projections, IEEE Trans. Signal Processing 41 (1993) 534-548).
    """
    scale = _per_grey(forward)
    return -torch.log(counts / N_PHOTONS) / scale + _air(forward), 1 / (scale * counts.sqrt())


def _per_grey(forward: ParallelBeam) -> float:
    return ATTENUATION * PIXEL / forward.pixel_size


def _air(forward: ParallelBeam) -> Tensor:
    sums: Tensor = forward(torch.full((1, *forward.in_shape), AIR))
    return sums


@lru_cache(maxsize=8)
def _beam(n_angles: int) -> ParallelBeam:
    return ParallelBeam((1, 64, 64), [180 * i / n_angles for i in range(n_angles)])


def pose_ct(prior: Prior, x: Tensor, n_angles: int, seed: int) -> Problem:
    """Pose one slice ``(1, 1, height, width)`` seen from evenly spread angles."""
    forward = _beam(n_angles)
    y, sigma = ct_data(forward, ct_counts(forward, x, seed=seed))
    return Problem(prior, forward, Gaussian(sigma[0]), y, truth=x)


def pose_mr(prior: Prior, x: Tensor, acceleration: int, seed: int) -> Problem:
    """Pose slices measured at one of `acceleration` columns of k-space; by one mask for all seeds."""
    forward = MaskedFourier((1, 64, 64), cartesian_mask(64, acceleration, seed=0))
    noise = torch.Generator().manual_seed(seed)
    return Problem(
        prior, forward, Gaussian(MR_SIGMA), Gaussian(MR_SIGMA).sample(forward(x), generator=noise), truth=x
    )


def zero_filled(problem: Problem) -> Tensor:
    """Return the adjoint image within [0, 1]: what was not measured is 0."""
    image: Tensor = problem.forward.vjp(problem.measurements, problem.measurements)
    return image.clamp(0, 1)


def filtered(problem: Problem) -> Tensor:
    """Return the filtered back-projection, Hann's window, within [0, 1]."""
    return FBP("hann").solve(problem).x.clamp(0, 1)


def lmmse(problem: Problem) -> Tensor:
    """Return the linear estimate of `sciadv.solvers.LMMSE` by conjugate gradients, within [0, 1]."""
    return linear_image(problem).clamp(0, 1)


CT = Scan(
    "head-ct",
    "ct-head",
    {"8 views": 8, "16 views": 16, "32 views": 32},
    pose_ct,
    is_single=True,
    direct=("fbp", filtered),
    covered="16 views",
)
MR = Scan(
    "breast-mr",
    "mr-breast",
    {"4x": 4, "8x": 8},
    pose_mr,
    is_single=False,
    direct=("zero-filled", zero_filled),
)


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Parameters
    ----------
    n_seeds, n_images
        Seeds of the noise, and test slices for each.
    n_slow
        The first slices of each seed, for csgm.
    n_tuning
        Training slices to choose the weight of `tv` on.
    stride
        One of so many test slices has its intervals held against it.
    """

    n_seeds: int = 3
    n_images: int = 34
    n_slow: int = 1
    n_tuning: int = 8
    stride: int = 2


FULL, QUICK = Plan(), Plan(1, 2, 0, 1)


def scan_slices(scan: Scan, split: str, n: int) -> Tensor:
    """Return n slices evenly spread over those of a split that are not empty, ``(n, 1, height, width)``."""
    images = load_images(scan.data, split).grey()
    images = images[(images > BRIGHT).flatten(1).float().mean(1) > LEAST_BRIGHT]
    return images[torch.linspace(0, len(images) - 1, n).long()]


def run(scan: Scan, settings: Settings) -> list[Row]:
    """Choose `tv`'s weights on training slices, then measure all methods on test slices."""
    plan, prior = QUICK if settings.quick else FULL, Prior.load(scan.prior)
    test = scan_slices(scan, "test", plan.n_seeds * plan.n_images)
    size = 1 if scan.is_single else plan.n_images

    def pose(case: str, part: int) -> Problem:
        seed = settings.seed * len(test) + part
        return scan.pose(prior, test[part * size : (part + 1) * size], scan.cases[case], seed)

    rows: list[Row] = []
    scores: Scores = {}
    parts = range(len(test) // size)
    for case in scan.cases:
        weight = _tuned_weight(scan, case, prior, plan, settings)
        direct, method = scan.direct
        methods: dict[str, Method] = {direct: method, "tv": TV(weight), "lmmse": lmmse, "auto": Auto()}
        scores |= measure(plan_cells([case], dict.fromkeys(methods, size), parts), pose, methods, settings)
        rows.append({"row": f"{case}, weight of tv", "case": case, "method": "summary", "weight": weight})
    if scan.covered is not None:
        rows.append(_intervals(scan, scan.covered, prior, test[:: plan.stride], settings))
    if plan.n_slow:
        slow = plan_cells(list(scan.cases), {"csgm": min(size, plan.n_slow)}, _first_parts(plan, size))
        scores |= measure(slow, pose, {"csgm": CSGM()}, settings)
    return image_rows(scores) + rows


def _intervals(scan: Scan, case: str, prior: Prior, test: Tensor, settings: Settings) -> Row:
    """Measure whether 90 % intervals hold the pixels that vary over the training set."""
    assert prior.moments is not None
    deviation = prior.moments.covariance.diagonal().sqrt().reshape(prior.moments.mean.shape)
    samples = []
    for i, x in enumerate(test):
        settings.report(f"{case}: intervals of slice {i + 1} of {len(test)}")
        problem = scan.pose(prior, x[None], scan.cases[case], settings.seed * len(test) + i)
        posterior = LearnedTV(n_samples=N_DRAWS).solve(problem, seed=settings.seed).posterior
        assert posterior is not None
        samples.append(posterior.samples)
    told = calibration(torch.cat(samples), test, level=0.9, mask=deviation > ACTIVE)
    row = {"row": f"{case}, intervals", "case": case, "method": "summary", "n_images": len(test)}
    return row | {"coverage": told.coverage, "variance_ratio": told.variance_ratio}


def _first_parts(plan: Plan, size: int) -> list[int]:
    """Return the parts that hold the first slices of each seed."""
    return [seed * plan.n_images // size for seed in range(plan.n_seeds)]


def _tuned_weight(scan: Scan, case: str, prior: Prior, plan: Plan, settings: Settings) -> float:
    """Return the weight with which `tv` has the best mean PSNR on training slices; kept in the cache."""
    name = f"tv-{scan.data}-{scan.cases[case]}-{plan.n_tuning}.json"
    kept = read_part(settings.cache, name)
    if kept is not None:
        return float(kept["weight"])
    settings.report(f"{case}: choosing the weight of tv on {plan.n_tuning} training slices")
    train = scan_slices(scan, "train", plan.n_tuning)
    chunks = torch.split(train, 1 if scan.is_single else len(train))
    problems = [scan.pose(prior, x, scan.cases[case], 10**6 + i) for i, x in enumerate(chunks)]
    quality = {}
    for weight in WEIGHTS:
        values = []
        for problem in problems:
            assert problem.truth is not None
            values += psnr(TV(weight).solve(problem).x, problem.truth).tolist()
        quality[weight] = fmean(values)
    best = max(quality, key=lambda weight: quality[weight])
    keep_part(settings.cache, name, {"weight": best, "psnr": quality})
    return best


def table(rows: list[Row]) -> str:
    """Write the scores, and the weights of `tv`, as Markdown."""
    told = [
        f"90 % intervals of {row['n_images']} slices, {row['case']}: they hold {row['coverage']:.3f} of the "
        f"active pixels; squared error over predicted variance {row['variance_ratio']:.2f}."
        for row in rows
        if "coverage" in row
    ]
    chosen = [f"{row['case']}: {row['weight']:g}" for row in rows if "weight" in row]
    weights = f"Weight of `tv`, chosen on training slices: {', '.join(chosen)}."
    return "\n\n".join([image_table(rows), weights, *told])


CT_BENCH = Bench(
    title="Head CT from 8, 16 and 32 views beside FBP, TV, LMMSE and CSGM",
    problem="ct-sparse-view",
    run=lambda settings: run(CT, settings),
    draw=draw_images_table,
    table=table,
)
MR_BENCH = Bench(
    title="Breast MR from a quarter and an eighth of k-space beside TV, LMMSE and CSGM",
    problem="mri-undersampled",
    run=lambda settings: run(MR, settings),
    draw=draw_images_table,
    table=table,
)
