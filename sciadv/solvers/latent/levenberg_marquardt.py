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

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.noise_level import noise_level
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.search import Point, Search, State, run
from sciadv.solvers.latent.starts import StartPoints, Starts
from sciadv.solvers.linear.jacobian import real_curvature

#: Numbers in the Jacobians that are in memory at once at the start.
_MAX_NUMBERS = 2**24
#: Factor of the tolerance for a start that is not the best of its measurement.
_BEHIND = 100.0
#: Powell's: least curvature along a step, as a part of the model's.
_LEAST_CURVATURE = 0.2


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by damped steps of a quadratic model.

    The model starts as that of Gauss and Newton. Its Jacobian goes through the generator in forward mode and
    through the operator as tangents; that of a chart is shared by all measurements. Then each step costs one
    gradient, through the generator in reverse mode and through the operator by its vjp.

    Parameters
    ----------
    restarts
        Starts per measurement. Most of them meet early and end.
    n_iterations
        Steps per start at most.
    starts
        "charts", "auto", "codebook", "encoder", "random", or latents ``(batch, restarts, latent)``: see
        `Starts`.
    tolerance
        A start has converged when a step decreases the objective by less than this part of it; one that is
        not the best of its measurement, by less than 100 times that.
    damping
        First damping, relative to the diagonal of the curvature.
    halve_at
        Iterations after which only the better half of a measurement's restarts goes on; from a third of
        the first on, a restart that has met a better one ends too. Empty: none ends before its own end.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.

    Notes
    -----
    Cost per row: 10 to 20 gradients, each about three generator passes; for a start that is no chart also a
    Jacobian, about ``n_latent`` passes. Memory: ``rows x n_latent^2`` numbers.
    """

    restarts: int = 16
    n_iterations: int = 100
    starts: str | Tensor = "charts"
    tolerance: float = 1e-7
    damping: float = 0.3
    halve_at: tuple[int, ...] = (12, 18)
    stop_at_noise: bool = True
    name: str = "levenberg-marquardt"

    def init(self, search: Search, starts: Tensor) -> State:
        """Score the starts and take the Gauss-Newton matrix at each."""
        rows = torch.arange(len(starts), device=starts.device)
        point = search.evaluate(starts, rows)
        gradient, hessian = _gauss_newton(search, point, rows)
        return State(point, rows, (torch.full_like(starts[:, 0], self.damping), gradient, hessian))

    def step(self, search: Search, state: State) -> State:
        """Try one damped step on every active row, and learn from it whether it is accepted or not."""
        rows = state.active
        here = state.best.take(rows)
        damping, gradient, hessian = (memory[rows] for memory in state.memory)
        move, promised = _damped_step(hessian, gradient, damping)
        there, new_gradient = search.gradient(here.z + move, rows)
        decrease = here.objective - there.objective
        accepted = decrease > 0  # False for NaN
        hessian = _secant_update(hessian, move, new_gradient - gradient)
        size = here.objective.abs().clamp_min(1e-30)
        tolerance = torch.where(search.is_ahead(state.best.objective)[rows], 1, _BEHIND) * self.tolerance
        settled = torch.where(accepted, decrease, promised) <= tolerance * size
        settled &= ~accepted | (damping <= self.damping)  # a timid step proves nothing
        relative = torch.where(accepted, decrease / size, torch.inf)
        taken = accepted.nonzero().squeeze(1)
        best = state.best.put(rows[taken], there.take(taken))
        explained = search.explained(best.misfit[rows], relative)
        gradient = torch.where(accepted[:, None], new_gradient, gradient)
        damping = _next_damping(damping, decrease / promised.clamp_min(1e-30), accepted)
        memory = zip(state.memory, (damping, gradient, hessian), strict=True)
        return State(
            best,
            rows[~settled & ~explained],
            tuple(old.index_copy(0, rows, new) for old, new in memory),
            state.iteration + 1,
        )

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once; an unknown noise level is told by the evidence."""
        starts = Starts(self.restarts, self.starts, self.halve_at)
        found = run(self, problem, starts, seed=seed, stop_at_noise=self.stop_at_noise, monitor=monitor)
        if (
            found.z is None
            or not isinstance(problem.likelihood, Gaussian)
            or problem.likelihood.has_noise_level
        ):
            return found
        return replace(found, noise_level=noise_level(problem, found.z))


def _gauss_newton(search: Search, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient ``(rows, latent)`` and ``J'CJ + w I`` ``(rows, latent, latent)`` at the starts."""
    problem, n_latent = search.problem, point.z.shape[1]
    started = search.started or StartPoints(point.z[:, None])
    chunk = max(1, _MAX_NUMBERS // (n_latent * problem.n_measurements))
    gradients, matrices = [], []
    for part in torch.split(rows, chunk):  # bounds the memory
        y = problem.measurements[search.owner[part]]
        curvature = real_curvature(problem, point.prediction[part], y)
        jacobian = started.jacobian(problem, part)
        in_data = real_view(problem.likelihood.gradient(point.prediction[part], y))
        gradients.append((in_data[:, None] @ jacobian).squeeze(1))
        scaled = jacobian * curvature.sqrt()[:, :, None]
        matrices.append(scaled.transpose(1, 2) @ scaled)
    unit = torch.eye(n_latent, dtype=point.z.dtype, device=point.z.device)
    weight = problem.latent_weight
    return torch.cat(gradients) + weight * point.z, torch.cat(matrices) + weight * unit


def _damped_step(hessian: Tensor, gradient: Tensor, damping: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``d = -(H + mu D)^-1 g`` and the decrease that the model promises, ``-(g'd + d'Hd / 2)``.

    D is the diagonal of H. A failed factorisation gives NaN, which no step is accepted with.
    """
    scale = hessian.diagonal(dim1=1, dim2=2)
    scale = scale.clamp_min(1e-12 + 1e-6 * scale.amax(1, keepdim=True))  # damps flat directions too
    factor, failed = torch.linalg.cholesky_ex(hessian + torch.diag_embed(damping[:, None] * scale))
    move = -torch.cholesky_solve(gradient[:, :, None], factor).squeeze(2)
    move = torch.where(failed[:, None] > 0, torch.nan, move)
    # H d = -g - mu D d
    promised = 0.5 * ((damping[:, None] * scale * move - gradient) * move).sum(1)
    return move, promised


def _secant_update(hessian: Tensor, move: Tensor, change: Tensor) -> Tensor:
    """Return the BFGS update by the gradient's change along a move, damped so that H stays positive."""
    pushed = (hessian @ move[:, :, None]).squeeze(2)
    model, seen = (pushed * move).sum(1), (change * move).sum(1)
    low = seen < _LEAST_CURVATURE * model
    weight = torch.where(low, (1 - _LEAST_CURVATURE) * model / (model - seen), 1.0)[:, None]
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
