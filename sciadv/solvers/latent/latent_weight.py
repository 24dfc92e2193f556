"""The latent law loosened where the data ask for it: the discrepancy principle chooses its weight.

Morozov, On the solution of functional equations by the method of regularization, Soviet Math. Doklady 7
(1966): the law holds as firmly as the noise level allows. A truth that the generator has not made may need
latents that are unlikely under the law; then the likeliest ones leave data unexplained that others explain.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import noise_threshold
from sciadv.solvers.latent.search import Search

#: Weights that are tried, as parts of the problem's own; below, latents are so far out that the generator has
#: not been trained there. Restarts that go on, the best ones.
_PARTS, _N_RESTARTS = (0.5, 0.25, 0.125), 3


def can_loosen(problem: Problem) -> bool:
    """Whether law and noise can be weighed: a weight > 0, Gaussian noise of known sigma, no constraints."""
    is_gaussian = isinstance(problem.likelihood, Gaussian) and problem.likelihood.has_noise_level
    return is_gaussian and problem.latent_weight > 0 and not problem.constraints


def loosen(problem: Problem, found: Solution, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
    """Weaken the latent law of measurements that a latent search left above the noise, until they are not.

    The search goes on from its best restarts at each weight, until the chi-square is within one standard
    deviation above its mean. A measurement that no weight explains keeps what it had: the law is not given up
    for nothing. ``Solution.objective`` stays that of the problem's own weight.

    Parameters
    ----------
    problem
        What was searched, for which `can_loosen` holds.
    found
        The solution of a latent search.
    seed, monitor
        As of a solver.
    """
    settled = noise_threshold(problem, 1)
    rows, begun = _kept(found, found.misfit > settled)
    n_asked = len(rows)
    for part in _PARTS:
        if len(rows) == 0 or begun.was_interrupted:
            break
        starts = _best_restarts(begun)
        looser = replace(problem.subset(rows), latent_weight=part * problem.latent_weight)
        solver = LevenbergMarquardt(starts.shape[1], starts=starts)
        begun = solver.solve(looser, seed=seed, monitor=monitor)
        fine, explained = _kept(begun, torch.tensor([s is Status.EXPLAINED for s in begun.status]))
        if len(fine):
            found = found.with_rows(rows[fine], _scored(problem.subset(rows[fine]), explained))
        left, begun = _kept(begun, begun.misfit > settled)
        rows = rows[left]
    told = {"law_loosened_for": n_asked} if n_asked else {}
    return replace(found, settings={**found.settings, **told})


def _best_restarts(solution: Solution) -> torch.Tensor:
    """Return the latents of the best restarts ``(batch, restarts, n_latent)``."""
    assert solution.restart_latents is not None  # a latent search has restarts
    assert solution.restart_objectives is not None
    order = solution.restart_objectives.argsort(1)[:, :_N_RESTARTS, None]
    return solution.restart_latents.gather(1, order.expand(-1, -1, solution.restart_latents.shape[2]))


def _kept(solution: Solution, mask: torch.Tensor) -> tuple[torch.Tensor, Solution]:
    rows = mask.to(solution.x.device).nonzero().squeeze(1)
    return rows, solution.rows(rows)


def _scored(problem: Problem, solution: Solution) -> Solution:
    """Return the solution with the objective of the problem's own weight, and without restarts."""
    assert solution.z is not None  # a latent search has latents
    rows = torch.arange(problem.n_problems, device=solution.z.device)
    point = Search(problem, 1).score(solution.z, solution.prediction, rows)
    return replace(solution, objective=point.objective, restart_objectives=None, restart_latents=None)
