"""A small problem of random projections, and a job of it that a test can stop by killing the process."""

from pathlib import Path

import torch
from small_priors import SIGMA, SMALL, images_of, make_prior, projections

from sciadv import Gaussian, Problem, solve_many
from sciadv.solvers import LevenbergMarquardt


def small(n: int = 7) -> Problem:
    prior = make_prior(SMALL)
    forward = projections(prior, 12)
    y = Gaussian(SIGMA).sample(
        forward(images_of(prior, n, seed=2)), generator=torch.Generator().manual_seed(3)
    )
    return Problem(prior, forward, Gaussian(SIGMA), y)


def run(folder: Path) -> None:
    solve_many(small(), LevenbergMarquardt(restarts=2), out=folder / "out", block=1)
