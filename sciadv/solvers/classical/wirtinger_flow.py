"""Wirtinger flow: phase retrieval by gradient descent from a spectral start; no prior.

Candes, Li and Soltanolkotabi, Phase retrieval via Wirtinger flow: theory and algorithms, IEEE Transactions on
Information Theory 61 (2015) 1985-2007, algorithms 1 and 2, with the constants of their code; the start leaves
large data out as in Chen and Candes, Solving random quadratic systems of equations is nearly as easy as
solving linear systems, Communications on Pure and Applied Mathematics 70 (2017) 822-883, section 2.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from sciadv.forward.base import LinearForward
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.classical.magnitudes import Images, linear_of
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.gaussian_estimate import operator_matrix
from sciadv.types import Count, NotNegative, Positive, Whole, as_generator


@dataclass(frozen=True, eq=False)
class Intensities:
    """The problem, the operator A behind its magnitudes, and by what a row's gradient is divided."""

    problem: Problem
    operator: LinearForward
    size: Tensor


#: The best images so far; the memory is where the iteration itself stands.
WirtingerState = State[Intensities, Images, Tensor]


@checked
@dataclass(frozen=True)
class WirtingerFlow:
    """Minimise ``sum_r (|a_r x|^2 - y_r^2)^2`` by gradient steps from a leading eigenvector.

    The start is that of ``sum_r y_r^2 a_r* a_r`` over ``y_r < 3 rms(y)``, as long as the data say x is.

    Parameters
    ----------
    n_iterations
        Gradient steps at most.
    max_step
        Step, in the paper's unit; it grows to that as ``1 - exp(-t / warm_up)``.
    truncation
        Data above so many times their root mean square are left out of the start.
    n_power
        Power iterations for the start.
    tolerance
        A row has converged when a step changes it by less than this part of its norm.
    warm_up
        Iterations over which the step grows.

    Notes
    -----
    Proven for Gaussian vectors a_r and more than a few n of them. Magnitudes of one Fourier transform are far
    from that: the iteration may diverge there, and the answer is then the iterate of least residual. Cost: n
    operator calls for the scale, shared by all measurements, then one call and one adjoint a step.
    """

    n_iterations: Whole = 2500
    max_step: Positive = 0.2
    truncation: Positive = 3.0
    n_power: Count = 50
    tolerance: NotNegative = 1e-6
    warm_up: NotNegative = 330.0
    name: str = "wirtinger-flow"

    def init(self, problem: Problem, run: Run) -> WirtingerState:
        """Start from the leading eigenvectors."""
        A, y = linear_of(problem, self.name), problem.measurements
        with torch.no_grad():
            # |a_r|^2 = n on average in the paper
            scale = float(operator_matrix(A).square().sum()) / (problem.n_measurements * prod(A.in_shape))
            norm = y.square().flatten(1).mean(1).div(scale).sqrt()
            x = self._start(A, y, norm, run.seed)
        size = problem.n_measurements * (scale * norm).square()
        best = Images(x, torch.full_like(norm, torch.inf))
        return State(Intensities(problem, A, size), run, best, every_row(x), x, self.n_iterations)

    def step(self, state: WirtingerState) -> WirtingerState:
        """Do one gradient step on every active row; the iterate of least misfit is kept."""
        search, rows, x = state.search, state.active, state.memory[state.active]
        data = search.problem.measurements[rows]
        with torch.no_grad():
            u = search.operator(x)
            misfit = search.problem.likelihood.misfit(u.abs(), data)
            gradient = search.operator.adjoint((u.abs().square() - data.square()) * u)
        is_better = (misfit < state.best.misfit[rows]).nonzero().squeeze(1)
        best = state.best.put(rows[is_better], Images(x[is_better], misfit[is_better]))
        rate = min(1 - math.exp(-(state.iteration + 1) / self.warm_up), self.max_step)
        move = rate * gradient / _rows_of(search.size[rows], x)
        moved = x - move
        ended = (_norm(move) <= self.tolerance * _norm(x)) | ~_norm(moved).isfinite()
        return state.after(best, state.memory.index_copy(0, rows, moved), rows[~ended])

    def result(self, state: WirtingerState) -> Solution:
        """Score the best images."""
        return score(state.search.problem, state.best.x, ended=state.ended)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Start and descend for every measurement of the problem.

        Raises
        ------
        InputError
            The operator is no `Magnitude`.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)

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
