"""HIO, hybrid input-output: an image from the magnitudes of its Fourier transform and its frame; no prior.

J. R. Fienup, Phase retrieval algorithms: a comparison, Applied Optics 21 (1982) 2758-2769, equation 44, and
error reduction, equation 5, at the end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.forward.base import Composition
from sciadv.forward.imaging.fourier import MaskedFourier
from sciadv.forward.imaging.pad import ZeroPad
from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.classical.magnitudes import iterate, linear_of, unfinished
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.types import as_generator


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

    restarts: int = 10
    n_iterations: int = 600
    n_reductions: int = 50
    beta: float = 0.9
    name: str = "hio"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Iterate from random starts for every measurement of the problem.

        Raises
        ------
        InputError
            The data are not magnitudes of the Fourier transform of a zero-padded image.
        """
        began, (fourier, pad) = time.perf_counter(), self._parts(problem)
        y = problem.measurements.repeat_interleave(self.restarts, 0)
        noise, n_hybrid = _noise_energy(problem), self.n_iterations - self.n_reductions
        with torch.no_grad():
            frame = pad(torch.ones(1, *pad.in_shape, dtype=pad.dtype, device=pad.device)) > 0

            def step(g: Tensor, rows: Tensor, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
                u = fourier(g)
                size = u.abs()
                misfit = problem.likelihood.misfit(size, y[rows])
                p = g + fourier.adjoint(u * (y[rows] / size.clamp_min(1e-30) - 1))
                is_allowed = frame & (p >= 0)
                ended = p.masked_fill(is_allowed, 0).square().flatten(1).sum(1) <= noise
                is_hybrid = ~ended & (iteration <= n_hybrid)
                outside = torch.where(is_hybrid.reshape(-1, 1, 1, 1), g - self.beta * p, 0)
                return torch.where(is_allowed, p, outside), misfit, ended

            draw = torch.rand(self.restarts, *pad.in_shape, generator=as_generator(seed))
            starts = pad(draw.to(pad.device, pad.dtype)).repeat(problem.n_problems, 1, 1, 1)
            found = iterate(step, starts, self.n_iterations, monitor)
            x = pad.adjoint(found.state).clamp_min(0)
            energy = problem.likelihood.energy(problem.forward(x), y).reshape(-1, self.restarts)
        best = energy.argmin(1) + self.restarts * torch.arange(len(energy), device=x.device)
        found = replace(found, running=found.running[best])
        solution = described(problem, x[best], None, self.name, began, was_interrupted=found.was_interrupted)
        told: dict[str, object] = {"restarts": self.restarts, "beta": self.beta, "seed": seed}
        status = unfinished(solution, found)
        return replace(solution, restart_objectives=energy, status=status, settings=told)

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
