"""A smaller latent weight where the data ask for it: the discrepancy principle chooses it.

Morozov, On the solution of functional equations by the method of regularization, Soviet Math. Doklady 7
(1966): the prior distribution of the latent constrains as much as the noise level allows. A truth that the
generator has not made may need latents that are unlikely under that distribution; then the likeliest ones
leave data unexplained that others explain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.iterate import every_row
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.latent.search import Search


@dataclass(frozen=True)
class Loosening:
    """How the latent weight is lowered.

    Parameters
    ----------
    weight_factors
        Weights that are tried, as factors of the problem's own, falling. Below the last, latents lie so far
        out that the generator has not been trained there.
    n_loosened_restarts
        Restarts that go on, the best ones.
    """

    weight_factors: tuple[float, ...] = (0.5, 0.25, 0.125)
    n_loosened_restarts: int = 3


def can_loosen(problem: Problem) -> bool:
    """Whether the weight can be chosen: one > 0, Gaussian noise of known sigma, no constraints."""
    is_gaussian = isinstance(problem.likelihood, Gaussian) and problem.likelihood.has_noise_level
    return is_gaussian and problem.latent_weight > 0 and not problem.constraints


def loosen(
    problem: Problem,
    found: Solution,
    loosening: Loosening | None = None,
    *,
    seed: int = 0,
    monitor: Monitor | None = None,
) -> Solution:
    """Lower the latent weight of measurements that a latent search left above the noise, until they are not.

    The search goes on from its best restarts at each weight, until the chi-square is within one standard
    deviation above its mean. A measurement that no weight explains keeps the answer it had.
    ``Solution.objective`` stays that of the problem's own weight.

    Parameters
    ----------
    problem
        What was searched, for which `can_loosen` holds.
    found
        The solution of a latent search.
    loosening
        How the weight is lowered.
    seed, monitor
        As of a solver.
    """
    how = loosening or Loosening()
    settled = noise_threshold(problem, 1)
    rows, begun = _kept(found, found.misfit > settled)
    n_asked = len(rows)
    for factor in how.weight_factors:
        if len(rows) == 0 or begun.was_interrupted:
            break
        starts = _best_restarts(begun, how.n_loosened_restarts)
        looser = replace(problem.subset(rows), latent_weight=factor * problem.latent_weight)
        solver = LevenbergMarquardt(starts.shape[1], starts=starts)
        begun = solver.solve(looser, seed=seed, monitor=monitor)
        fine, explained = _kept(begun, torch.tensor([s is Status.EXPLAINED for s in begun.status]))
        if len(fine):
            found = found.with_rows(rows[fine], _scored(problem.subset(rows[fine]), explained))
        left, begun = _kept(begun, begun.misfit > settled)
        rows = rows[left]
    asked = {"law_loosened_for": n_asked} if n_asked else {}
    return replace(found, settings={**found.settings, **asked})


def _best_restarts(solution: Solution, n_restarts: int) -> Tensor:
    """Return the latents of the best restarts ``(batch, restarts, n_latent)``."""
    assert solution.restart_latents is not None  # a latent search has restarts
    assert solution.restart_objectives is not None
    order = solution.restart_objectives.argsort(1)[:, :n_restarts, None]
    return solution.restart_latents.gather(1, order.expand(-1, -1, solution.restart_latents.shape[2]))


def _kept(solution: Solution, mask: Tensor) -> tuple[Tensor, Solution]:
    rows = mask.to(solution.x.device).nonzero().squeeze(1)
    return rows, solution.rows(rows)


def _scored(problem: Problem, solution: Solution) -> Solution:
    """Return the solution with the objective of the problem's own weight, and without restarts."""
    assert solution.z is not None  # a latent search has latents
    point = Search(problem, 1).score(solution.z, solution.prediction, every_row(solution.z))
    return replace(solution, objective=point.objective, restart_objectives=None, restart_latents=None)
