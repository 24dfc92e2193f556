"""Batched Levenberg-Marquardt in latent space: every row has its own damping, acceptance and end.

Marquardt, An Algorithm for Least-Squares Estimation of Nonlinear Parameters, J. SIAM 11, 1963; damping by the ratio
of actual to predicted decrease as in Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section 10.3 and
algorithm 4.1. For likelihoods other than Gaussian the curvature is the Fisher information (Fisher scoring).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.search import Halving, Monitor, Point, Search, State, run

#: Damping trials per Jacobian; each is a forward pass only.
N_TRIALS = 4


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by damped Gauss-Newton steps.

    The Jacobian goes through the generator in forward mode and through the operator as tangents. Each step solves
    the smaller of the two systems, ``n_latent`` or ``measurements`` wide.

    Parameters
    ----------
    restarts
        Starts per measurement.
    n_iterations
        Jacobians per start at most.
    starts
        "codebook", "encoder", "random", or latents ``(batch, restarts, latent)``.
    tolerance
        A start has converged when a step decreases the objective by less than this part of it.
    damping
        First damping, relative to the diagonal of the curvature.
    halvings
        When to keep how many restarts.

    Notes
    -----
    Cost per iteration and row: one Jacobian, about ``n_latent`` generator passes, and 1 to 4 passes. Memory:
    ``rows x measurements x n_latent`` numbers.
    """

    restarts: int = 3
    n_iterations: int = 40
    starts: str | Tensor = "codebook"
    tolerance: float = 1e-3
    damping: float = 1.0
    halvings: tuple[Halving, ...] = (Halving(at=3, keep=2), Halving(at=6, keep=1))
    name: str = "levenberg-marquardt"

    def init(self, search: Search, starts: Tensor) -> State:
        """Score the starts."""
        rows = torch.arange(len(starts), device=starts.device)
        return State(search.evaluate(starts, rows), rows, (torch.full_like(starts[:, 0], self.damping),))

    def step(self, search: Search, state: State) -> State:
        """Do one damped Gauss-Newton step on every active row, with up to `N_TRIALS` dampings tried."""
        rows = state.active
        here = state.best.take(rows)
        model = _local_model(search, here, rows)
        damping, there = state.memory[0][rows], here
        pending = torch.arange(len(rows), device=rows.device)
        for _ in range(N_TRIALS):
            move = model.solve(pending, damping[pending])
            trial = search.evaluate(here.z[pending] + move, rows[pending])
            decrease = here.objective[pending] - trial.objective
            accepted = decrease > 0  # False for NaN
            gain = decrease / model.predicted_decrease(pending, move).clamp_min(1e-30)
            damping = damping.index_copy(0, pending, _next_damping(damping[pending], gain, accepted))
            there = there.put(pending[accepted], trial.take(accepted.nonzero().squeeze(1)))
            pending = pending[~accepted]
            if len(pending) == 0:
                break
        relative = (here.objective - there.objective) / here.objective.abs().clamp_min(1e-30)
        explained = (there.misfit <= 1) & search.problem.likelihood.has_noise_level
        return State(
            state.best.put(rows, there),
            rows[(relative > self.tolerance) & ~explained],
            (state.memory[0].index_copy(0, rows, damping),),
            state.iteration + 1,
        )

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once."""
        return run(self, problem, seed=seed, starts=self.starts, halvings=self.halvings, monitor=monitor)


@dataclass(frozen=True)
class _LocalModel:
    """Quadratic model of the objective around the rows' points: whitened Jacobian, gradient, curvature diagonal."""

    jacobian: Tensor  # C^(1/2) J, (rows, measurements, latent)
    gradient: Tensor  # (rows, latent)
    latent_weight: float

    def _scale(self, index: Tensor) -> Tensor:
        """Diagonal of the curvature, floored so that a flat direction is damped too."""
        diagonal = self.jacobian[index].square().sum(1) + self.latent_weight
        return diagonal.clamp_min(1e-12 + 1e-6 * diagonal.amax(1, keepdim=True))

    def solve(self, index: Tensor, damping: Tensor) -> Tensor:
        """Return the damped Gauss-Newton step ``-(J'CJ + w I + mu D)^-1 g``, by the smaller system."""
        jacobian, gradient = self.jacobian[index], self.gradient[index]
        diagonal = self.latent_weight + damping[:, None] * self._scale(index)
        n_measurements, n_latent = jacobian.shape[1:]
        if n_latent <= n_measurements:
            matrix = jacobian.transpose(1, 2) @ jacobian + torch.diag_embed(diagonal)
            return -_solve_positive(matrix, gradient)
        # Woodbury: (D + J'J)^-1 g = D^-1 g - D^-1 J' (I + J D^-1 J')^-1 J D^-1 g
        over = jacobian / diagonal[:, None]
        matrix = over @ jacobian.transpose(1, 2) + torch.eye(n_measurements, dtype=over.dtype, device=over.device)
        inner = _solve_positive(matrix, (over @ gradient[:, :, None]).squeeze(2))
        return -(gradient / diagonal - (over.transpose(1, 2) @ inner[:, :, None]).squeeze(2))

    def predicted_decrease(self, index: Tensor, move: Tensor) -> Tensor:
        """Return ``-(g'd + d'Hd / 2)``."""
        pushed = (self.jacobian[index] @ move[:, :, None]).squeeze(2)
        quadratic = pushed.square().sum(1) + self.latent_weight * move.square().sum(1)
        return -((self.gradient[index] * move).sum(1) + 0.5 * quadratic)


def _local_model(search: Search, here: Point, rows: Tensor) -> _LocalModel:
    problem = search.problem
    y = problem.measurements[search.owner[rows]]
    gradient = real_view(problem.likelihood.gradient(here.prediction, y))
    curvature = problem.likelihood.curvature(here.prediction, y)
    if here.prediction.is_complex():
        curvature = torch.stack([curvature, curvature], -1)
    jacobian = search.jacobian(here.z)
    pulled = (gradient[:, None] @ jacobian).squeeze(1) + problem.latent_weight * here.z
    return _LocalModel(jacobian * curvature.flatten(1).sqrt()[:, :, None], pulled, problem.latent_weight)


def _solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve positive definite systems; a row whose factorisation fails gives NaN, which no damping trial accepts."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    solved = torch.cholesky_solve(right[:, :, None], factor).squeeze(2)
    return torch.where(failed[:, None] > 0, torch.nan, solved)


def _next_damping(damping: Tensor, gain: Tensor, accepted: Tensor) -> Tensor:
    """Fall where the model was good, rise where it was not."""
    factor = torch.where(gain > 0.75, 0.2, torch.where(gain < 0.25, 2.0, 1.0))
    return (damping * torch.where(accepted, factor, 6.0)).clamp(1e-8, 1e12)
