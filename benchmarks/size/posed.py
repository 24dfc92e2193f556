"""Held-out pores of any size, and the operators that they are measured by."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sciadv.data.media import cut_patches, read_medium
from sciadv.data.stationary import mirrored
from sciadv.forward import Forward, Mask
from sciadv.forward.imaging.blur import GaussianBlur
from sciadv.forward.tomography.parallel_beam_3d import ParallelBeam3D
from sciadv.forward.tomography.radon import ParallelBeam
from sciadv.likelihood import Gaussian
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.types import as_generator


@dataclass(frozen=True)
class Case:
    """What is solved: `kind` "mask", "blur" or "radon-n" of n angles, 2 or 3 `n_sides` of `side` pixels."""

    kind: str
    side: int
    n_sides: int = 2
    seed: int = 0

    @property
    def name(self) -> str:
        """Name of its rows."""
        return f"{' x '.join([str(self.side)] * self.n_sides)} {self.kind}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its images."""
        return (1, *[self.side] * self.n_sides)


def operator(case: Case) -> tuple[Forward, float]:
    """Return a case's operator and the standard deviation of its noise."""
    if case.kind == "mask":
        seen = torch.rand(case.shape, generator=as_generator(case.seed)) < 0.1
        return Mask(seen), 0.05
    if case.kind == "blur":
        return GaussianBlur(case.shape, 2.0), 0.05
    n_angles = int(case.kind.removeprefix("radon-"))
    beam = ParallelBeam if case.n_sides == 2 else ParallelBeam3D
    return beam(case.shape, n_angles=n_angles), 0.5


def posed(case: Case) -> Problem:
    """Return a case's problem: a piece of the test part, mirrored at its ends where it is smaller."""
    medium = read_medium("berea", "test")
    most = medium.shape[-case.n_sides :]
    sides = tuple(min(case.side, n) for n in most)
    piece = cut_patches(medium, sides, 1, seed=1000 + case.seed, is_isotropic=True)
    truth = mirrored(torch.from_numpy(piece)[:, None].float() / 255, case.shape[1:])
    prior = Prior.load("pores" if case.n_sides == 2 else "pores-3d").at_size(case.shape)
    forward, sigma = operator(case)
    likelihood = Gaussian(sigma)
    with torch.no_grad():
        y = likelihood.sample(forward(truth), generator=as_generator(case.seed))
    return Problem(prior, forward, likelihood, y, truth=truth)
