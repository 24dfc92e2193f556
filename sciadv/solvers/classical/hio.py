"""HIO, hybrid input-output: an image from the magnitudes of its Fourier transform and its frame; no prior.

J. R. Fienup, Phase retrieval algorithms: a comparison, Applied Optics 21 (1982) 2758-2769, equation 44, and
error reduction, equation 5, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Composition
from sciadv.forward.imaging.fourier import MaskedFourier
from sciadv.forward.imaging.pad import ZeroPad
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.classical.magnitudes import Images, linear_of
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.types import Count, Positive, Whole, as_generator


@dataclass(frozen=True, eq=False)
class Frame:
    """The problem, its Fourier transform, and the frame of the image in the padded one.

    `y` are the magnitudes of each row, `noise` is the expected squared norm of the noise.
    """

    problem: Problem
    fourier: MaskedFourier
    pad: ZeroPad
    y: Tensor
    is_inside: Tensor
    noise: float


HIOState = State[Frame, Images, None]


@checked
@dataclass(frozen=True)
class HIO:
    """Alternate between the measured magnitudes and an image that is >= 0 in its frame and 0 outside.

    With P the projection onto the magnitudes (phases and unmeasured frequencies stay), a pixel of the padded
    image g becomes ``(P g)`` where that lies in the frame and is >= 0, else ``g - beta P g``; in the last
    iterations, of error reduction, else 0.

    Parameters
    ----------
    restarts
        Random starts per measurement; the one whose image explains the data best is returned.
    n_iterations, n_reductions
        Iterations in all, and how many at the end are of error reduction.
    beta
        The paper's feedback, 0.5 to 1.

    Notes
    -----
    A row ends when what the constraints change of ``P g`` is no larger than the noise. Nothing is known of
    where it converges; the image may come out shifted or turned. Cost: two Fourier transforms an iteration.
    """

    restarts: Count = 10
    n_iterations: Count = 600
    n_reductions: Whole = 50
    beta: Positive = 0.9
    name: str = "hio"

    def init(self, problem: Problem, run: Run) -> HIOState:
        """Start from random images in the frame."""
        fourier, pad = self._parts(problem)
        y = problem.measurements.repeat_interleave(self.restarts, 0)
        draw = torch.rand(self.restarts, *pad.in_shape, generator=as_generator(run.seed))
        with torch.no_grad():
            is_inside = pad(torch.ones(1, *pad.in_shape, dtype=pad.dtype, device=pad.device)) > 0
            x = pad(draw.to(pad.device, pad.dtype)).repeat(problem.n_problems, 1, 1, 1)
            misfit = problem.likelihood.misfit(fourier(x).abs(), y)
        frame = Frame(problem, fourier, pad, y, is_inside, _noise_energy(problem))
        return State(frame, run, Images(x, misfit), every_row(x), None, self.n_iterations)

    def step(self, state: HIOState) -> HIOState:
        """Do one iteration on every active row."""
        frame, rows = state.search, state.active
        g, y = state.best.x[rows], frame.y[rows]
        with torch.no_grad():
            u = frame.fourier(g)
            size = u.abs()
            misfit = frame.problem.likelihood.misfit(size, y)
            p = g + frame.fourier.adjoint(u * (y / size.clamp_min(1e-30) - 1))
        is_allowed = frame.is_inside & (p >= 0)
        ended = p.masked_fill(is_allowed, 0).square().flatten(1).sum(1) <= frame.noise
        is_hybrid = ~ended & (state.iteration < self.n_iterations - self.n_reductions)
        outside = torch.where(is_hybrid.reshape(-1, 1, 1, 1), g - self.beta * p, 0)
        best = state.best.put(rows, Images(torch.where(is_allowed, p, outside), misfit))
        return state.after(best, None, rows[~ended])

    def result(self, state: HIOState) -> Solution:
        """Return the images that explain the data best."""
        frame, problem = state.search, state.search.problem
        with torch.no_grad():
            x = frame.pad.adjoint(state.best.x).clamp_min(0)
            energy = problem.likelihood.energy(problem.forward(x), frame.y).reshape(-1, self.restarts)
        best = energy.argmin(1) + self.restarts * every_row(energy)
        ended = [state.ended[row] for row in best.tolist()]
        return replace(score(problem, x[best], ended=ended), restart_objectives=energy)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Iterate from random starts for every measurement of the problem.

        Raises
        ------
        InputError
            The data are not magnitudes of the Fourier transform of a zero-padded image.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

    def _parts(self, problem: Problem) -> tuple[MaskedFourier, ZeroPad]:
        """Return the Fourier transform and the padding before it."""
        linear = linear_of(problem, self.name)
        if isinstance(linear, Composition):
            outer, inner = linear.outer, linear.inner
            if isinstance(outer, MaskedFourier) and isinstance(inner, ZeroPad):
                return outer, inner
        raise InputError(
            "hio needs magnitudes of the Fourier transform of a zero-padded image, "
            "Magnitude(MaskedFourier(...) @ ZeroPad(...)); use wirtinger-flow or levenberg-marquardt"
        )


def _noise_energy(problem: Problem) -> float:
    """Return the expected squared norm of the noise; 0 where its level is unknown."""
    likelihood = problem.likelihood
    if not isinstance(likelihood, Gaussian) or likelihood.sigma is None:
        return 0.0
    return float(likelihood.sigma.square().mean()) * problem.n_measurements
