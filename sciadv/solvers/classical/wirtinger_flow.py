"""Wirtinger flow: phase retrieval by gradient descent from a spectral start; no prior.

Candes, Li and Soltanolkotabi, Phase retrieval via Wirtinger flow: theory and algorithms, IEEE Transactions on
Information Theory 61 (2015) 1985-2007, algorithms 1 and 2, with the constants of their code; the start leaves
large data out as in Chen and Candes, Solving random quadratic systems of equations is nearly as easy as
solving linear systems, Communications on Pure and Applied Mathematics 70 (2017) 822-883, section 2.2.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor

from sciadv.forward.base import LinearForward
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.classical.magnitudes import iterate, linear_of, unfinished
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.linear.gaussian_estimate import operator_matrix
from sciadv.types import as_generator

#: Iterations over which the step grows.
_WARM_UP = 330.0


@dataclass(frozen=True)
class WirtingerFlow:
    """Minimise ``sum_r (|a_r x|^2 - y_r^2)^2`` by gradient steps from a leading eigenvector.

    The start is that of ``sum_r y_r^2 a_r* a_r`` over ``y_r < 3 rms(y)``, as long as the data say x is.

    Parameters
    ----------
    n_iterations
        Gradient steps at most.
    max_step
        Step, in the paper's unit; it grows to that as ``1 - exp(-t / 330)``.
    truncation
        Data above so many times their root mean square are left out of the start.
    n_power
        Power iterations for the start.
    tolerance
        A row has converged when a step changes it by less than this part of its norm.

    Notes
    -----
    Proven for Gaussian vectors a_r and more than a few n of them. Magnitudes of one Fourier transform are far
    from that: the iteration may diverge there, and the answer is then the iterate of least residual. Cost: n
    operator calls for the scale, shared by all measurements, then one call and one adjoint a step.
    """

    n_iterations: int = 2500
    max_step: float = 0.2
    truncation: float = 3.0
    n_power: int = 50
    tolerance: float = 1e-6
    name: str = "wirtinger-flow"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Start and descend for every measurement of the problem.

        Raises
        ------
        InputError
            The operator is no `Magnitude`.
        """
        began, A, y = time.perf_counter(), linear_of(problem, self.name), problem.measurements
        with torch.no_grad():
            # |a_r|^2 = n on average in the paper
            scale = float(operator_matrix(A).square().sum()) / (problem.n_measurements * prod(A.in_shape))
            norm = y.square().flatten(1).mean(1).div(scale).sqrt()
            best, least = self._start(A, y, norm, seed), torch.full_like(norm, torch.inf)
            size = problem.n_measurements * (scale * norm).square()

            def step(x: Tensor, rows: Tensor, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
                u, data = A(x), y[rows]
                misfit = problem.likelihood.misfit(u.abs(), data)
                is_better = (misfit < least[rows]).nonzero().squeeze(1)
                best[rows[is_better]], least[rows[is_better]] = x[is_better], misfit[is_better]
                rate = min(1 - math.exp(-iteration / _WARM_UP), self.max_step)
                gradient = A.adjoint((u.abs().square() - data.square()) * u)
                move = rate * gradient / _rows_of(size[rows], x)
                moved = x - move
                settled = _norm(move) <= self.tolerance * _norm(x)
                return moved, misfit, settled | ~_norm(moved).isfinite()

            found = iterate(step, best, self.n_iterations, monitor)
        solution = described(problem, best, None, self.name, began, was_interrupted=found.was_interrupted)
        settings: dict[str, object] = {"n_iterations": self.n_iterations, "max_step": self.max_step}
        return replace(solution, status=unfinished(solution, found), settings={**settings, "seed": seed})

    def _start(self, A: LinearForward, y: Tensor, norm: Tensor, seed: int) -> Tensor:
        """Return the leading eigenvector of each measurement, by power iterations from one random image."""
        energy = y.square()
        mean = _rows_of(energy.flatten(1).mean(1), energy)
        weight = torch.where(energy <= self.truncation**2 * mean, energy, 0)
        draw = torch.randn(1, *A.in_shape, generator=as_generator(seed)).to(A.device, A.dtype)
        x = draw.expand(len(y), *A.in_shape)
        for _ in range(self.n_power):
            x = A.adjoint(weight * A(x))
            x = x / _rows_of(_norm(x), x).clamp_min(1e-30)
        return x * _rows_of(norm, x)


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x.flatten(1), dim=1)
    return norm


def _rows_of(value: Tensor, like: Tensor) -> Tensor:
    """Shape one number a row so that it multiplies rows ``(rows, ...)``."""
    return value.reshape(-1, *[1] * (like.ndim - 1))
