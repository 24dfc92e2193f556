"""Batched Levenberg-Marquardt in latent space: every row has its own damping, acceptance and end.

Marquardt, An Algorithm for Least-Squares Estimation of Nonlinear Parameters, J. SIAM 11, 1963; damping by the
ratio of actual to predicted decrease as in Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section
10.3 and algorithm 4.1. For likelihoods other than Gaussian the curvature is the Fisher information (Fisher
scoring).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.search import Monitor, Point, Search, State, run
from sciadv.solvers.starts import Starts

#: Damping trials per Jacobian; each is a forward pass only.
N_TRIALS = 4


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by damped Gauss-Newton steps.

    The Jacobian goes through the generator in forward mode and through the operator as tangents. Each step
    solves the smaller of the two systems, ``n_latent`` or ``measurements`` wide.

    Parameters
    ----------
    restarts
        Starts per measurement; if None, 3 where there are at least two data per latent number, else 10,
        since few data leave many local minima.
    n_iterations
        Jacobians per start at most.
    starts
        "auto", "codebook", "encoder", "random", or latents ``(batch, restarts, latent)``: see `Starts`.
    tolerance
        A start has converged when a step decreases the objective by less than this part of it.
    damping
        First damping, relative to the diagonal of the curvature.
    n_secant
        Steps between two true Jacobians that update the last one instead, while its model predicts well.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.

    Notes
    -----
    Cost per iteration and row: one Jacobian, about ``n_latent`` generator passes, and 1 to 4 passes. Memory:
    ``rows x measurements x n_latent`` numbers.
    """

    restarts: int | None = None
    n_iterations: int = 60
    starts: str | Tensor = "auto"
    tolerance: float = 1e-5
    damping: float = 1.0
    n_secant: int = 3
    halve_at: tuple[int, ...] = (2, 4, 6, 8)
    stop_at_noise: bool = True
    name: str = "levenberg-marquardt"

    def init(self, search: Search, starts: Tensor) -> State:
        """Score the starts; no Jacobian yet."""
        rows = torch.arange(len(starts), device=starts.device)
        point = search.evaluate(starts, rows)
        n_measurements = real_view(point.prediction[:1]).shape[1]
        jacobian = starts.new_zeros(len(starts), n_measurements, starts.shape[1])
        damping, steps_left = torch.full_like(starts[:, 0], self.damping), torch.zeros_like(rows)
        return State(point, rows, (damping, steps_left, jacobian))

    def step(self, search: Search, state: State) -> State:
        """Do one damped Gauss-Newton step on every active row, with up to `N_TRIALS` dampings tried."""
        rows = state.active
        here = state.best.take(rows)
        damping, steps_left, jacobian = (memory[rows] for memory in state.memory)
        fresh = steps_left == 0
        model = _local_model(search, here, rows, jacobian, fresh)
        damping, gain, there = _try_dampings(search, model, here, rows, damping)
        jacobian = _secant_update(
            model.jacobian, there.z - here.z, real_view(there.prediction - here.prediction)
        )
        steps_left = torch.where(fresh, self.n_secant, steps_left - 1)
        steps_left = torch.where(gain > 0.5, steps_left, 0)  # a poor model is renewed
        relative = (here.objective - there.objective) / here.objective.abs().clamp_min(1e-30)
        small = ~(relative > self.tolerance)
        steps_left = torch.where(small, 0, steps_left)
        explained = search.explained(there.misfit, relative)
        memory = zip(state.memory, (damping, steps_left, jacobian), strict=True)
        return State(
            state.best.put(rows, there),
            rows[~(small & fresh) & ~explained],  # only a step with a true Jacobian may end a row
            tuple(old.index_copy(0, rows, new) for old, new in memory),
            state.iteration + 1,
        )

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once."""
        restarts = self.restarts or (3 if problem.n_measurements >= 2 * problem.prior.n_latent else 10)
        starts = Starts(restarts, self.starts, self.halve_at)
        return run(self, problem, starts, seed=seed, stop_at_noise=self.stop_at_noise, monitor=monitor)


@dataclass(frozen=True)
class _LocalModel:
    """Quadratic model of the objective around the rows' points."""

    jacobian: Tensor  # (rows, measurements, latent)
    curvature: Tensor  # of the likelihood, (rows, measurements)
    gradient: Tensor  # of the objective, (rows, latent)
    latent_weight: float

    def solve(self, index: Tensor, damping: Tensor) -> Tensor:
        """Return the damped Gauss-Newton step ``-(J'CJ + w I + mu D)^-1 g``, by the smaller system."""
        jacobian = self.jacobian[index] * self.curvature[index].sqrt()[:, :, None]
        gradient = self.gradient[index]
        scale = jacobian.square().sum(1) + self.latent_weight
        scale = scale.clamp_min(1e-12 + 1e-6 * scale.amax(1, keepdim=True))  # damps flat directions too
        diagonal = self.latent_weight + damping[:, None] * scale
        n_measurements, n_latent = jacobian.shape[1:]
        if n_latent <= n_measurements:
            matrix = jacobian.transpose(1, 2) @ jacobian + torch.diag_embed(diagonal)
            return -_solve_positive(matrix, gradient)
        # Woodbury: (D + J'J)^-1 g = D^-1 g - D^-1 J' (I + J D^-1 J')^-1 J D^-1 g
        over = jacobian / diagonal[:, None]
        matrix = over @ jacobian.transpose(1, 2) + torch.eye(
            n_measurements, dtype=over.dtype, device=over.device
        )
        inner = _solve_positive(matrix, (over @ gradient[:, :, None]).squeeze(2))
        return -(gradient / diagonal - (over.transpose(1, 2) @ inner[:, :, None]).squeeze(2))

    def predicted_decrease(self, index: Tensor, move: Tensor) -> Tensor:
        """Return ``-(g'd + d'Hd / 2)``."""
        pushed = (self.jacobian[index] @ move[:, :, None]).squeeze(2)
        quadratic = (self.curvature[index] * pushed.square()).sum(1) + self.latent_weight * move.square().sum(
            1
        )
        return -((self.gradient[index] * move).sum(1) + 0.5 * quadratic)


def _local_model(search: Search, here: Point, rows: Tensor, jacobian: Tensor, fresh: Tensor) -> _LocalModel:
    """Renew the Jacobian of the `fresh` rows; the gradient is exact on all of them."""
    problem = search.problem
    y = problem.measurements[search.owner[rows]]
    curvature = problem.likelihood.curvature(here.prediction, y)
    if here.prediction.is_complex():
        curvature = torch.stack([curvature, curvature], -1)
    new, kept = fresh.nonzero().squeeze(1), (~fresh).nonzero().squeeze(1)
    gradient = torch.empty_like(here.z)
    if len(new):
        true_jacobian = search.jacobian(here.z[new])
        in_data = real_view(problem.likelihood.gradient(here.prediction[new], y[new]))
        gradient[new] = (in_data[:, None] @ true_jacobian).squeeze(1) + problem.latent_weight * here.z[new]
        jacobian = jacobian.index_copy(0, new, true_jacobian)
    if len(kept):
        gradient[kept] = search.gradient(here.z[kept], rows[kept])[1]
    return _LocalModel(jacobian, curvature.flatten(1), gradient, problem.latent_weight)


def _try_dampings(
    search: Search, model: _LocalModel, here: Point, rows: Tensor, damping: Tensor
) -> tuple[Tensor, Tensor, Point]:
    """Step each row with more and more damping until its objective falls; give damping, gain ratio, point."""
    there, gain = here, torch.zeros_like(damping)
    pending = torch.arange(len(rows), device=rows.device)
    for _ in range(N_TRIALS):
        move = model.solve(pending, damping[pending])
        trial = search.evaluate(here.z[pending] + move, rows[pending])
        decrease = here.objective[pending] - trial.objective
        accepted = decrease > 0  # False for NaN
        ratio = decrease / model.predicted_decrease(pending, move).clamp_min(1e-30)
        damping = damping.index_copy(0, pending, _next_damping(damping[pending], ratio, accepted))
        done = accepted.nonzero().squeeze(1)
        there, gain = (
            there.put(pending[done], trial.take(done)),
            gain.index_copy(0, pending[done], ratio[done]),
        )
        pending = pending[~accepted]
        if len(pending) == 0:
            break
    return damping, gain, there


def _secant_update(jacobian: Tensor, move: Tensor, change: Tensor) -> Tensor:
    """Return Broyden's rank-one update: the nearest Jacobian that maps the move to the change it made."""
    length = move.square().sum(1).clamp_min(1e-30)
    missed = change - (jacobian @ move[:, :, None]).squeeze(2)
    return jacobian + (missed / length[:, None])[:, :, None] * move[:, None]


def _solve_positive(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve positive definite systems; a failed factorisation gives NaN, which no damping trial accepts."""
    factor, failed = torch.linalg.cholesky_ex(matrix)
    solved = torch.cholesky_solve(right[:, :, None], factor).squeeze(2)
    return torch.where(failed[:, None] > 0, torch.nan, solved)


def _next_damping(damping: Tensor, gain: Tensor, accepted: Tensor) -> Tensor:
    """Fall where the model was good, rise where it was not."""
    factor = torch.where(gain > 0.75, 0.2, torch.where(gain < 0.25, 2.0, 1.0))
    return (damping * torch.where(accepted, factor, 6.0)).clamp(1e-8, 1e12)
