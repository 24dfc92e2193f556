"""Past the generator's range with a nonlinear operator: Gauss-Newton steps whose regularisation falls away.

The iteratively regularised Gauss-Newton method of A. B. Bakushinskii, The problem of the convergence of the
iteratively regularized Gauss-Newton method, Computational Mathematics and Mathematical Physics 32 (1992)
1353-1359, on latent and logits together, their law being the prior's. Far from the answer the data are
trusted little: so signs and phases that are still wrong, as in phase retrieval, do not hold it up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError, require_at_least
from sciadv.likelihood import Gaussian
from sciadv.posterior import Posterior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.beyond_range.logit_steps import LogitPoint, LogitSteps, logit_steps
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Progress
from sciadv.solvers.latent.scoring import finish
from sciadv.solvers.latent.search import met_better

#: Measurements whose steps are taken together; bounds the memory.
_CHUNK = 64
#: A start has ended when a step at the noise level lowers its misfit by less than this part of it.
_LEAST_DECREASE = 0.003
#: The noise level that a step assumes is at most this part of the one before.
_SLOWEST_FALL = 0.7
#: Steps at the noise level from the answer to the posterior's mode.
_N_SETTLING = 3
#: A misfit so many times the noise's is that of another basin, not of a slow end in the right one.
_ELSEWHERE = 3.0


def leaves_by_steps(problem: Problem) -> bool:
    """Whether `RegularisedGaussNewton` is the way past the range, and open.

    A nonlinear operator, Gaussian noise of known sigma, statistics of the residual, no constraints.
    """
    likelihood = problem.likelihood
    has_level = isinstance(likelihood, Gaussian) and likelihood.has_noise_level
    knows = problem.prior.residual is not None and not problem.constraints
    return has_level and knows and not problem.forward.is_linear


@dataclass(frozen=True)
class RegularisedGaussNewton:
    """Find ``x = act(l(z) + mean + L w)``, ``z, w ~ N(0, I)``, ``L L' = K``, under a falling noise level.

    l are the generator's logits and act its output's activation; mean and K are the statistics of
    ``Prior.residual``. A latent search starts it, for which the noise is as large as what leaving the range
    does to the data. Then each step minimises the linearised ``|r - J d|^2 / s^2 + |z + dz|^2 + |w + dw|^2``
    by conjugate gradients, with s the root mean square of the residual r times `fall`, at most 0.7 of the s
    before and at least the noise level; it is shortened until that objective falls. Measurements with a
    misfit above 3 start again from the next restart that is elsewhere.

    Parameters
    ----------
    restarts
        Starts of the latent search.
    n_starts
        How many of them are gone on from at most.
    n_iterations
        Steps per start at most.
    fall
        The noise level that a step assumes, as a part of the residual before it; in (0, 1).
    n_samples
        Draws of the posterior of the model linearised at the answer, through the activation; none if 0.

    Raises
    ------
    InputError
        A setting outside its range.

    Notes
    -----
    Cost per step and measurement: ``n_latent`` generator passes and at most 40 derivatives of the operator
    with their adjoints, 80 for a draw; nothing as large as measurements times pixels is made.
    """

    restarts: int = 10
    n_starts: int = 3
    n_iterations: int = 100
    fall: float = 0.5
    n_samples: int = 0
    name: str = "regularised-gauss-newton"

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.fall < 1:
            raise InputError(f"fall of {self.name} must be between 0 and 1, but is {self.fall}")
        require_at_least(self, {"restarts": 1, "n_starts": 1, "n_iterations": 1, "n_samples": 0})

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Solve every measurement of the problem.

        Raises
        ------
        InputError
            The noise is not Gaussian of known sigma, or the prior has no statistics of its residual.
        """
        started = time.perf_counter()
        steps = logit_steps(problem, self.name)
        search = LevenbergMarquardt(self.restarts, stop_at_noise=False)
        found = search.solve(replace(problem, likelihood=steps.noise_in_range()), seed=seed, monitor=monitor)
        z = _apart(found, self.n_starts)
        with torch.no_grad(), problem.prior.frozen():
            point = steps.point(z[:, 0], torch.arange(len(z), device=z.device))
            was_interrupted = found.was_interrupted
            if not was_interrupted:
                point, was_interrupted = self._leave(steps, z, point, monitor)
            in_range = replace(found, x=problem.prior(point.z), z=point.z)
            solution = finish(problem, in_range, steps.images(point))
            if self.n_samples and not was_interrupted:
                mode = _settled(steps, point)
                drawn = Posterior(*steps.draw(mode, self.n_samples, seed=seed + 1))
                solution = replace(solution, posterior=drawn)
        energy = problem.likelihood.energy(solution.prediction, problem.measurements)
        status = [
            Status.INTERRUPTED if was_interrupted and s is not Status.EXPLAINED else s
            for s in solution.status
        ]
        told: dict[str, object] = {
            "restarts": self.restarts,
            "n_starts": self.n_starts,
            "fall": self.fall,
            "seed": seed,
        }
        return replace(
            solution,
            method=self.name,
            status=status,
            objective=energy + 0.5 * point.law,
            seconds=time.perf_counter() - started,
            settings=told,
        )

    def _leave(
        self, steps: LogitSteps, z: Tensor, best: LogitPoint, monitor: Monitor | None
    ) -> tuple[LogitPoint, bool]:
        """Step from each start in turn where data are far from explained; the least misfit is kept."""
        try:
            for k in range(z.shape[1]):
                missed = (best.misfit > (_ELSEWHERE if k else 1)).nonzero().squeeze(1)
                if len(missed) == 0:
                    break
                for rows in torch.split(missed, _CHUNK):
                    reached = self._steps(steps, z[rows, k], rows, monitor)
                    is_better = (reached.misfit < best.misfit[rows]).nonzero().squeeze(1)
                    best = best.put(rows[is_better], reached.take(is_better))
        except KeyboardInterrupt:
            return best, True
        return best, False

    def _steps(self, steps: LogitSteps, z: Tensor, rows: Tensor, monitor: Monitor | None) -> LogitPoint:
        """Step from the latents z of the measurements `rows`, each until it has ended."""
        began, point = time.perf_counter(), steps.point(z, rows)
        level = point.misfit
        active = torch.arange(len(rows), device=rows.device)
        for iteration in range(1, self.n_iterations + 1):
            here = point.take(active)
            fallen = torch.minimum(self.fall * here.misfit, _SLOWEST_FALL * level[active]).clamp_min(1)
            level = level.index_copy(0, active, fallen)
            there = steps.step(here, rows[active], fallen)
            point = point.put(active, there)
            is_settled = (fallen == 1) & (there.misfit > (1 - _LEAST_DECREASE) * here.misfit)
            active = active[(there.misfit > 1) & ~is_settled]
            if monitor is not None:
                seconds, median = time.perf_counter() - began, float(point.misfit.median())
                monitor(Progress(iteration, self.n_iterations, len(active), len(rows), median, seconds))
            if len(active) == 0:
                break
        return point


def _settled(steps: LogitSteps, point: LogitPoint) -> LogitPoint:
    """Go on to the posterior's mode: a search ends where the data are explained, which is before."""
    rows = torch.arange(len(point.z), device=point.z.device)
    for part in torch.split(rows, _CHUNK):
        here, level = point.take(part), torch.ones_like(point.misfit[part])
        for _ in range(_N_SETTLING):
            here = steps.step(here, part, level)
        point = point.put(part, here)
    return point


def _apart(found: Solution, n_starts: int) -> Tensor:
    """Return the latents of the best restarts that have not met a better one ``(batch, starts, latent)``.

    Where there are fewer, those that have met follow.
    """
    assert found.restart_objectives is not None  # a latent search has restarts
    assert found.restart_latents is not None
    objectives, latents = found.restart_objectives, found.restart_latents
    met = met_better(latents.flatten(0, 1), objectives.flatten(), objectives.shape[1])
    behind = objectives.amax(1, keepdim=True) - objectives.amin(1, keepdim=True) + 1
    order = (objectives + behind * met.reshape(objectives.shape)).argsort(1)[:, :n_starts, None]
    return latents.gather(1, order.expand(-1, -1, latents.shape[2]))
