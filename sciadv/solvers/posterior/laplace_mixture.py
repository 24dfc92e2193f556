"""The modes of a posterior: where the restarts end, how sharp each is, how much of the probability it holds.

Gaussian approximations around the minima of the objective, with Gauss-Newton curvature; MacKay, A Practical
Bayesian Framework for Backpropagation Networks, Neural Computation 4 (1992) 448-472, for the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.search import Point, Search, met_better
from sciadv.solvers.latent.starts import Starts, choose_starts
from sciadv.solvers.linear.gauss_newton import gauss_newton, plus_ridge
from sciadv.types import Rows, as_generator

#: Candidates that the generator makes at once.
CHUNK = 512


@dataclass(frozen=True)
class Modes(Rows):
    """A mixture of Gaussians in latent space, one component per restart.

    Parameters
    ----------
    z
        Minima of the objective ``(batch, modes, n_latent)``.
    factor
        Lower Cholesky factor L of each Gauss-Newton Hessian ``H = L L'``, ``(batch, modes, latent, latent)``.
    weights
        Share of the evidence ``(batch, modes)``; 0 for a restart that ended where a better one did.
    log_evidence
        ``log`` of the sum of ``exp(-objective) sqrt(det(2 pi / H)) (w / 2 pi)^(n / 2)``, ``(batch,)``.
    """

    z: Tensor
    factor: Tensor
    weights: Tensor
    log_evidence: Tensor

    def draw(self, n: int, *, seed: int | torch.Generator, inflation: float = 1.0) -> tuple[Tensor, Tensor]:
        """Draw `n` latents of the mixture, the same random numbers for every measurement.

        Parameters
        ----------
        n
            Draws per measurement.
        seed
            Seed of the draws.
        inflation
            Factor of the standard deviations, for starts that are spread wider than the posterior.

        Returns
        -------
        tuple
            Latents ``(batch, n, n_latent)`` and the mode of each ``(batch, n)``.
        """
        generator, n_modes = as_generator(seed), self.z.shape[1]
        uniform = (torch.arange(n) + torch.rand(n, generator=generator)) / n  # stratified
        uniform = uniform[torch.randperm(n, generator=generator)].to(self.z)
        noise = torch.randn(n, self.z.shape[2], generator=generator).to(self.z)
        bounds = self.weights.cumsum(1).contiguous()
        mode = torch.searchsorted(bounds, uniform.expand(len(bounds), n).contiguous() * bounds[:, -1:])
        mode = mode.clamp_max(n_modes - 1)
        rows = torch.arange(len(mode), device=mode.device)[:, None]
        latents = torch.empty(*mode.shape, self.z.shape[2], dtype=self.z.dtype, device=self.z.device)
        for k in range(n_modes):  # few modes, many draws
            moved = torch.linalg.solve_triangular(
                self.factor[:, k].transpose(1, 2), inflation * noise.T.expand(len(rows), -1, -1), upper=True
            )
            is_mode = (mode == k)[:, :, None]
            latents = torch.where(is_mode, self.z[:, k, None] + moved.transpose(1, 2), latents)
        return latents, mode


def spread_starts(problem: Problem, restarts: int, *, seed: int) -> Tensor:
    """Return starts ``(batch, restarts, latent)``: half the best known ones, half prior draws.

    The best draws of a codebook often lie in one mode; those that the data have not chosen find the others.
    """
    n_random = restarts // 2
    best = choose_starts(problem, Starts(restarts - n_random), seed=seed)
    draws = problem.prior.sample_latent(n_random, seed=seed + 1)
    return torch.cat([best, draws.expand(len(best), -1, -1)], dim=1)


def find_modes(
    problem: Problem, starts: Tensor, *, seed: int, n_polish: int = 4, monitor: Monitor | None = None
) -> tuple[Solution, Modes]:
    """Search from every start to its end, and approximate the posterior around each.

    Parameters
    ----------
    problem
        What to solve.
    starts
        ``(batch, restarts, latent)``.
    seed
        Stated in the solution's settings.
    n_polish
        Gauss-Newton steps from where the search stopped, at the noise level, to the minimum.
    monitor
        Called after each iteration of the search.
    """
    solver = LevenbergMarquardt(restarts=starts.shape[1], starts=starts, halve_at=())
    solution = solver.solve(problem, seed=seed, monitor=monitor)
    assert solution.restart_latents is not None
    n, n_restarts = solution.restart_latents.shape[:2]
    search = Search(problem, n_restarts)
    rows = torch.arange(n * n_restarts, device=solution.x.device)
    point = search.evaluate(solution.restart_latents.flatten(0, 1), rows)
    point, factor = _polish(search, point, rows, n_polish)
    return solution, _mixture(search, point.z, point.objective, factor)


def modes_at(problem: Problem, latents: Tensor, *, negligible: float = 10.0) -> Modes:
    """Approximate the posterior around latents ``(batch, modes, n_latent)`` where a search has ended.

    Those that met a better one, or whose objective is more than `negligible` nats above their measurement's
    best, have no weight, and no Hessian is made there.
    """
    n, n_modes, n_latent = latents.shape
    search, rows = Search(problem, n_modes), torch.arange(n * n_modes, device=latents.device)
    point = search.evaluate(latents.flatten(0, 1), rows)
    objective = point.objective.reshape(n, n_modes)
    weightless = (objective > objective.amin(1, keepdim=True) + negligible).flatten()
    weightless |= met_better(point.z, point.objective, n_modes)
    kept = (~weightless).nonzero().squeeze(1)
    known = hessian_factor(search, point.take(kept), kept)[0]
    unit = torch.eye(n_latent, dtype=known.dtype, device=known.device)
    factor = unit.expand(len(rows), -1, -1).index_copy(0, kept, known)
    return _mixture(search, point.z, point.objective.masked_fill(weightless, torch.inf), factor)


def _mixture(search: Search, z: Tensor, objective: Tensor, factor: Tensor) -> Modes:
    """Weigh Gaussians around the rows' latents by their evidence; an infinite objective has none."""
    problem, n_modes = search.problem, search.n_restarts
    z, objective = z.reshape(-1, n_modes, z.shape[1]), objective.reshape(-1, n_modes)
    factor = factor.reshape(-1, n_modes, *factor.shape[1:])
    half_log_det = factor.diagonal(dim1=2, dim2=3).log().sum(2)
    weight = torch.tensor(problem.latent_weight or 1.0, dtype=z.dtype, device=z.device)
    log_mass = 0.5 * z.shape[2] * weight.log() - objective - half_log_det
    log_mass = log_mass.masked_fill(_copies(z, factor, objective) | ~objective.isfinite(), -torch.inf)
    evidence = log_mass.logsumexp(1)
    return Modes(z, factor, (log_mass - evidence[:, None]).exp(), evidence)


def hessian_factor(search: Search, point: Point, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Cholesky factor of ``J'CJ + w I`` and the objective's gradient at the rows' points.

    A little is added to the diagonal, so that directions that nothing determines do no harm.
    """
    problem = search.problem
    y, jacobian = problem.measurements[search.owner[rows]], search.jacobian(point.z)
    gradient, matrix = gauss_newton(problem, point.z, point.prediction, y, jacobian)
    jitter = 1e-6 * matrix.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
    return torch.linalg.cholesky(plus_ridge(matrix, problem.latent_weight + jitter)), gradient


def half_log_determinant(problem: Problem, z: Tensor, *, chunk: int = 200) -> Tensor:
    """Return half the log determinant of the Gauss-Newton Hessian at latents ``(batch, n_latent)``.

    Parameters
    ----------
    problem
        Its measurements' objective.
    z
        One latent of each measurement.
    chunk
        Measurements whose Jacobians are made at once; bounds the memory.
    """
    parts = []
    for rows in torch.split(torch.arange(len(z), device=z.device), chunk):
        search = Search(problem.subset(rows), 1)
        own = torch.arange(len(rows), device=z.device)
        factor = hessian_factor(search, search.evaluate(z[rows], own), own)[0]
        parts.append(factor.diagonal(dim1=1, dim2=2).log().sum(1))
    return torch.cat(parts)


def generate(prior: Prior, latents: Tensor) -> Tensor:
    """Generate candidates ``(batch, n, *in_shape)`` of latents ``(batch, n, n_latent)``, in chunks."""
    flat = latents.flatten(0, 1).to(prior.dtype)
    with torch.no_grad():
        made = torch.cat([prior(part) for part in torch.split(flat, CHUNK)])
    return made.reshape(*latents.shape[:2], *made.shape[1:])


def _polish(search: Search, point: Point, rows: Tensor, n_steps: int) -> tuple[Point, Tensor]:
    """Do undamped Gauss-Newton steps while they lower the objective; give the Hessian's factor at the end."""
    factor, gradient = hessian_factor(search, point, rows)
    active = rows
    for _ in range(n_steps):
        move = -torch.cholesky_solve(gradient[active, :, None], factor[active]).squeeze(2)
        trial = search.evaluate(point.z[active] + move, active)
        moved = (trial.objective < point.objective[active]).nonzero().squeeze(1)
        if len(moved) == 0:
            break
        active = active[moved]
        point = point.put(active, trial.take(moved))
        new_factor, new_gradient = hessian_factor(search, point.take(active), active)
        factor, gradient = (
            factor.index_copy(0, active, new_factor),
            gradient.index_copy(0, active, new_gradient),
        )
    return point, factor


def _copies(z: Tensor, factor: Tensor, objective: Tensor) -> Tensor:
    """Return the mask ``(batch, modes)`` of restarts that ended in the mode of a better one.

    Two are one mode when they are nearer than half a standard deviation per latent, in the better's metric.
    """
    order = objective.argsort(1)
    rows = torch.arange(len(z), device=z.device)[:, None]
    z, factor = z[rows, order], factor[rows, order]
    gap = z[:, None, :, :] - z[:, :, None, :]  # [b, i, j] = z_j - z_i
    distance = (gap @ factor).square().mean(3)  # |L' gap|^2 / latent, in the metric of i
    is_better = torch.ones_like(distance[0], dtype=torch.bool).triu(1)
    is_copy = ((distance < 0.25) & is_better).any(1)
    return torch.zeros_like(is_copy).scatter(1, order, is_copy)
