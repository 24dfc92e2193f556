"""Batched Levenberg-Marquardt in latent space: every row has its own damping, acceptance and end.

Marquardt, An Algorithm for Least-Squares Estimation of Nonlinear Parameters, J. SIAM 11, 1963; damping by the
ratio of actual to predicted decrease as in Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section
10.3 and algorithm 4.1. For likelihoods other than Gaussian the curvature is the Fisher information (Fisher
scoring). A generator does not reach every image, so residuals stay large and Gauss-Newton alone converges
slowly: from the Gauss-Newton matrix at the start, a secant update adds the curvature that it leaves out, in
the spirit of Dennis, Gay and Welsch, An Adaptive Nonlinear Least-Squares Algorithm, ACM TOMS 7, 1981; here it
is the damped BFGS update of Powell (Nocedal and Wright, procedure 18.2), which needs gradients only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.constraints import Multipliers, keep_constraints
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, Point, Search, begin, best_restarts, thin_out
from sciadv.solvers.latent.starts import StartPoints, Starts
from sciadv.solvers.linear.gauss_newton import gauss_newton, plus_ridge
from sciadv.solvers.linear.noise_level import noise_level
from sciadv.types import Count, NotNegative, Positive, Rows, Whole

#: Numbers in the Jacobians that are in memory at once at the start.
MAX_NUMBERS = 2**24


@dataclass(frozen=True)
class Model(Rows):
    """The quadratic model of each row: `damping` ``(rows,)``, `gradient` and `hessian` at its latents."""

    damping: Tensor
    gradient: Tensor
    hessian: Tensor


@checked
@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by damped steps of a quadratic model.

    The model starts as that of Gauss and Newton. Its Jacobian goes through the generator in forward mode and
    through the operator as tangents; that of a linearised draw is shared by all measurements. Then each step
    costs one gradient, through the generator in reverse mode and through the operator by its vjp.

    Parameters
    ----------
    restarts
        Starts per measurement. Most of them meet early and end.
    n_iterations
        Steps per start at most.
    starts
        "linearised-draws", "auto", "codebook", "encoder", "random", or latents
        ``(batch, restarts, latent)``: see `Starts`.
    tolerance
        A start has converged when a step decreases the objective by less than this part of it.
    damping
        First damping, relative to the diagonal of the curvature.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on; from a third of
        the first on, a restart that has met a better one ends too. Empty: none ends before its own end.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.
    tolerance_behind
        Factor of the tolerance for a start that is not the best of its measurement.
    least_curvature
        Powell's damping: least curvature along a step, as a part of the model's.
    settled_decrease
        Where the latent weight is not 0, a start at the noise level ends when a step decreases its objective
        by less than this part of it.
    met_distance
        Two starts have met when they are nearer than this part of the distance of two independent prior
        draws.
    multipliers
        How constraints are kept.

    Notes
    -----
    Cost per row: 10 to 20 gradients, each about three generator passes; for a start at no linearised draw
    also a Jacobian, about ``n_latent`` passes. Memory: ``rows x n_latent^2`` numbers.
    """

    restarts: Count = 16
    n_iterations: Whole = 100
    starts: str | Tensor = "linearised-draws"
    tolerance: NotNegative = 1e-7
    damping: Positive = 0.3
    halve_at: tuple[Count, ...] = (12, 18)
    stop_at_noise: bool = True
    tolerance_behind: NotNegative = 100.0
    least_curvature: NotNegative = 0.2
    settled_decrease: NotNegative = 1e-2
    met_distance: NotNegative = 0.1
    multipliers: Multipliers = field(default_factory=Multipliers)
    name: str = "levenberg-marquardt"

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Choose the starts, score them and take the Gauss-Newton matrix at each."""
        starts = Starts(self.restarts, self.starts)
        search, z = begin(problem, starts, run)
        ends, settled = self.stop_at_noise, self.settled_decrease
        search = replace(search, stop_at_noise=ends, settled_decrease=settled)
        rows = every_row(z)
        point = search.evaluate(z, rows)
        gradient, hessian = _gauss_newton(search, point, rows)
        model = Model(torch.full_like(z[:, 0], self.damping), gradient, hessian)
        return State(search, run, point, rows, model, self.n_iterations)

    def step(self, state: LatentState) -> LatentState:
        """Try one damped step on every active row, and learn from it whether it is accepted or not."""
        search, rows = state.search, state.active
        here: Point = state.best.take(rows)
        model: Model = state.memory.take(rows)
        move, promised = _damped_step(model)
        there, gradient = search.gradient(here.z + move, rows)
        decrease = here.objective - there.objective
        accepted = decrease > 0  # False for NaN
        hessian = _secant_update(model.hessian, move, gradient - model.gradient, self.least_curvature)
        size = here.objective.abs().clamp_min(1e-30)
        is_ahead = search.is_ahead(state.best.objective)[rows]
        tolerance = torch.where(is_ahead, 1, self.tolerance_behind) * self.tolerance
        settled = torch.where(accepted, decrease, promised) <= tolerance * size
        # a step that is short because it was damped says nothing of the distance to the minimum
        settled &= ~accepted | (model.damping <= self.damping)
        relative = torch.where(accepted, decrease / size, torch.inf)
        taken = accepted.nonzero().squeeze(1)
        best = state.best.put(rows[taken], there.take(taken))
        explained = search.explained(best.misfit[rows], relative)
        following = Model(
            _next_damping(model.damping, decrease / promised.clamp_min(1e-30), accepted),
            torch.where(accepted[:, None], gradient, model.gradient),
            hessian,
        )
        memory = state.memory.put(rows, following)
        reached = state.after(best, memory, rows[~settled & ~explained])
        return thin_out(reached, self.halve_at, self.met_distance)

    def result(self, state: LatentState) -> Solution:
        """Return the best restarts; an unknown noise level is estimated by the evidence."""
        return _with_noise_level(state.search.problem, best_restarts(state))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once, in rounds where the problem has constraints."""
        if not problem.constraints:
            return iterate(self, problem, seed=seed, monitor=monitor)
        return _with_noise_level(problem, keep_constraints(self, problem, seed=seed, monitor=monitor))


def _with_noise_level(problem: Problem, found: Solution) -> Solution:
    """Estimate the noise level where the problem has Gaussian noise of an unknown one."""
    likelihood = problem.likelihood
    if found.z is None or not isinstance(likelihood, Gaussian) or likelihood.has_noise_level:
        return found
    return replace(found, noise_level=noise_level(problem, found.z))


def _gauss_newton(search: Search, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient ``(rows, latent)`` and ``J'CJ + w I`` ``(rows, latent, latent)`` at the starts."""
    problem = search.problem
    started = search.started or StartPoints(point.z[:, None])
    chunk = max(1, MAX_NUMBERS // (point.z.shape[1] * problem.n_measurements))
    gradients, matrices = [], []
    for part in torch.split(rows, chunk):  # bounds the memory
        here, y = point.take(part), problem.measurements[search.owner[part]]
        jacobian = started.jacobian(problem, part)
        gradient, matrix = gauss_newton(problem, here.z, here.prediction, y, jacobian)
        gradients.append(gradient)
        matrices.append(plus_ridge(matrix, problem.latent_weight))
    return torch.cat(gradients), torch.cat(matrices)


def _damped_step(model: Model) -> tuple[Tensor, Tensor]:
    """Return ``d = -(H + mu D)^-1 g`` and the decrease that the model promises, ``-(g'd + d'Hd / 2)``.

    D is the diagonal of H. A failed factorisation gives NaN, which no step is accepted with.
    """
    hessian, gradient, damping = model.hessian, model.gradient, model.damping[:, None]
    scale = hessian.diagonal(dim1=1, dim2=2)
    scale = scale.clamp_min(1e-12 + 1e-6 * scale.amax(1, keepdim=True))  # damps flat directions too
    factor, failed = torch.linalg.cholesky_ex(hessian + torch.diag_embed(damping * scale))
    move = -torch.cholesky_solve(gradient[:, :, None], factor).squeeze(2)
    move = torch.where(failed[:, None] > 0, torch.nan, move)
    # H d = -g - mu D d
    promised = 0.5 * ((damping * scale * move - gradient) * move).sum(1)
    return move, promised


def _secant_update(hessian: Tensor, move: Tensor, change: Tensor, least_curvature: float = 0.2) -> Tensor:
    """Return the BFGS update by the gradient's change along a move, damped so that H stays positive."""
    pushed = (hessian @ move[:, :, None]).squeeze(2)
    model = (pushed * move).sum(1)
    seen = (change * move).sum(1)
    low = seen < least_curvature * model
    weight = torch.where(low, (1 - least_curvature) * model / (model - seen), 1.0)[:, None]
    change = weight * change + (1 - weight) * pushed
    seen = (change * move).sum(1)
    updated = (
        hessian
        - pushed[:, :, None] * (pushed / model[:, None])[:, None]
        + change[:, :, None] * (change / seen[:, None])[:, None]
    )
    usable = (model > 0) & (seen > 0) & seen.isfinite()
    return torch.where(usable[:, None, None], updated, hessian)


def _next_damping(damping: Tensor, gain: Tensor, accepted: Tensor) -> Tensor:
    """Fall where the model was good, rise where it was not."""
    factor = torch.where(gain > 0.75, 0.2, torch.where(gain < 0.25, 2.0, 1.0))
    return (damping * torch.where(accepted, factor, 6.0)).clamp(1e-8, 1e12)
