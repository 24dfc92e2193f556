"""Image sets that priors were trained on by the default recipe, through operators: `auto` and its rivals.

Rivals: the best linear estimate, the likeliest image with the representation error, the generator's range
alone, and the total variation with its weight chosen on the prior's reference images.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import sciadv
from benchmarks.contract import Row, Settings, Threshold, markdown_table
from benchmarks.reconstruct.image_table import Method, image_rows, measure, plan_cells
from sciadv.data.datasets import load_images
from sciadv.errors import InputError
from sciadv.forward import BlockSum, Forward, GaussianSensing, Mask, MaskedFourier, ParallelBeam
from sciadv.likelihood import Gaussian
from sciadv.metrics import mse
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.recipes.images.own import OwnOptions
from sciadv.solvers import LMMSE, TV, Auto, LevenbergMarquardt, RepresentationError
from sciadv.solvers.diagnosis.reference import measured_reference

SETS = ("mnist", "fashion-mnist", "head-ct", "abdomen-ct", "breast-mr", "pores")
#: Noise of the two levels that random projections have [of the images' range].
LEVELS = {"low": 0.01, "high": 0.1}
#: Share of the pixels that random projections measure.
SHARES = (0.05, 0.1, 0.25)
CASES = (*(f"gaussian-{share:.0%}-{level}" for share in SHARES for level in LEVELS), "inpaint", "4x", "scan")
RIVALS = ("lmmse", "representation-error", "tv", "range")
#: Side of the pores' crops, slices at the end of the volume that only test crops are cut from, crops a split.
_SIDE, _N_TEST_SLICES, _N_CROPS = 32, 60, {"train": 4000, "test": 200}


@dataclass(frozen=True)
class Plan:
    """How much is measured: image sets, cases, seeds, images of each, and minutes of each training."""

    sets: tuple[str, ...] = SETS
    cases: tuple[str, ...] = CASES
    n_seeds: int = 3
    n_images: int = 20
    minutes: float = 15.0


FULL, QUICK = Plan(), Plan(("mnist",), ("gaussian-10%-low", "inpaint"), 1, 8, 0.5)

#: No cell may be worse than the best rival by more than its standard error, half must be better by as much.
THRESHOLDS = (
    *(
        Threshold(
            f"{name}, {case}: auto - best rival [s.e.]", "excess_max", f"{name} {case}, summary", "<=", 1.0
        )
        for name in SETS
        for case in CASES
    ),
    Threshold("share of cells in which auto is strictly lowest", "share_lowest", "all cells", ">=", 0.5),
)


def rows(settings: Settings) -> list[Row]:
    """Train the priors that are not in the cache, measure every cell, and sum them up."""
    plan = QUICK if settings.quick else FULL
    cells = plan_cells(
        [f"{name} {case}" for name in plan.sets for case in plan.cases],
        dict.fromkeys(("auto", *RIVALS), plan.n_images),
        range(settings.seed, settings.seed + plan.n_seeds),
    )
    known = Priors(settings, plan)

    def pose(case: str, seed: int) -> Problem:
        name, operator = case.split()
        return posed(known[name], test_images(name), operator, seed, plan.n_images)

    found = image_rows(measure(cells, pose, methods(), settings))
    summaries = [row for row in found if row["method"] == "summary"]
    lowest = sum(row["excess_max"] < -1 for row in summaries) / len(summaries)
    worst = max(row["excess_max"] for row in summaries)
    return [*found, {"row": "all cells", "method": "all", "share_lowest": lowest, "excess_max": worst}]


def table(rows: list[Row]) -> str:
    """Write the mean squared error of `auto` and its rivals, a line for each cell, as Markdown."""
    cells = [row["case"] for row in rows if row.get("method") == "summary"]
    known = {row["row"]: row for row in rows}
    header = ["cell", "auto", *RIVALS, "auto - best rival [s.e.]"]
    lines = [
        [
            cell,
            *(f"{known[f'{cell}, {method}']['mse_mean']:.5f}" for method in ("auto", *RIVALS)),
            f"{known[f'{cell}, summary']['excess_max']:+.1f}",
        ]
        for cell in cells
    ]
    return markdown_table(header, lines)


class Priors:
    """Priors by the name of their image set, trained when first asked for and kept in the bench's cache."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings, self.plan = settings, plan
        self.loaded: dict[str, Prior] = {}

    def __getitem__(self, name: str) -> Prior:
        """Return the prior of an image set."""
        if name not in self.loaded:
            cache = self.settings.cache
            folder = None if cache is None else cache / f"prior-{name}-{self.plan.minutes:g}"
            if folder is None or not (folder / "card.md").is_file():
                self.settings.report(f"training a prior of {name} for {self.plan.minutes:g} CPU minutes")
                options = OwnOptions(minutes=self.plan.minutes, drop=True)
                data = pores("train") if name == "pores" else name
                self.loaded[name] = sciadv.train(data, out=folder, options=options, seed=self.settings.seed)
            else:
                self.loaded[name] = Prior.load(folder)
        return self.loaded[name]


def posed(prior: Prior, images: Tensor, case: str, seed: int, n: int) -> Problem:
    """Return the problem of a case: its operator and noise of a seed, on that seed's test images."""
    draw = torch.Generator().manual_seed(seed)
    x = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(1000 + seed))[:n]]
    forward, sigma = operator(case, prior.out_shape, seed)
    likelihood = Gaussian(sigma)
    with torch.no_grad():
        y = likelihood.sample(forward(x), generator=draw)
    return Problem(prior, forward, likelihood, y, name=case, truth=x)


def operator(case: str, shape: tuple[int, ...], seed: int) -> tuple[Forward, float]:
    """Return the operator and the noise of a case."""
    kind, *rest = case.split("-")
    _, height, width = shape
    if kind == "gaussian":
        n = max(1, round(prod(shape) * float(rest[0].removesuffix("%")) / 100))
        return GaussianSensing(shape, n, seed=seed, scale=n**-0.5), LEVELS[rest[1]]
    draw = torch.Generator().manual_seed(seed)
    if kind == "inpaint":
        return Mask(torch.rand(shape, generator=draw) < 0.25), 0.02
    if kind == "4x":
        return BlockSum(shape, 4), 0.02 * 4
    if min(shape[1:]) >= 64:  # every fourth line of the Fourier transform, and the middle ones
        kept = torch.zeros(width, dtype=torch.bool)
        kept[torch.randperm(width, generator=draw)[: width // 8]] = True
        kept[width // 2 - width // 16 : width // 2 + width // 16] = True
        return MaskedFourier(shape, kept), 0.01
    return ParallelBeam(shape, n_angles=8), 0.005 * height


def methods() -> Mapping[str, Method]:
    """Return `auto` and its rivals."""
    return {
        "auto": Auto(),
        "lmmse": LMMSE(),
        "representation-error": RepresentationError(),
        "tv": tuned_tv,
        "range": LevenbergMarquardt(),
    }


def tuned_tv(problem: Problem) -> Tensor:
    """Return the total variation's images, its weight the best of seven on 16 reference images."""
    reference = measured_reference(problem, 16, seed=0)
    truth = reference.truth
    assert truth is not None
    bounds = (float(truth.min()), float(truth.max()))
    weights = (1, 3, 10, 30, 100, 300, 1000)
    solvers = [TV(weight=weight / (bounds[1] - bounds[0]), bounds=bounds) for weight in weights]
    best = min(solvers, key=lambda tv: float(mse(tv.solve(reference).x, truth).mean()))
    return best.solve(problem).x


def test_images(name: str) -> Tensor:
    """Return images of a set that nothing was learnt from ``(n, 1, height, width)``."""
    if name == "pores":
        return torch.from_numpy(pores("test"))[:, None].float() / 255
    return load_images(name, "test").grey()


@lru_cache
def pores(split: str) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return crops of slices of a rock's micro-CT, segmented; test crops from the last slices only.

    Raises
    ------
    InputError
        The volume is not under ``SCIADV_DATA``.
    """
    from PIL import Image, ImageSequence

    path = Path(os.environ.get("SCIADV_DATA", "")) / "images/porous/berea.zip"
    if not path.is_file():
        raise InputError("images/porous/berea.zip is not under SCIADV_DATA; set it to a folder that has it")
    with zipfile.ZipFile(path) as file:
        pages = ImageSequence.Iterator(Image.open(io.BytesIO(file.read("berea.tif"))))
        volume = np.stack([np.asarray(page) for page in pages])
    part = volume[-_N_TEST_SLICES:] if split == "test" else volume[:-_N_TEST_SLICES]
    rng = np.random.default_rng(int(split == "test"))
    sizes = (len(part), part.shape[1] - _SIDE, part.shape[2] - _SIDE)
    places = np.stack([rng.integers(0, size, _N_CROPS[split]) for size in sizes], 1)
    return np.stack([part[k, i : i + _SIDE, j : j + _SIDE] for k, i, j in places])
