"""Annealed Levenberg-Marquardt: the latent law is loosened step by step, so that one start is enough.

Graduated optimisation (Blake and Zisserman, Visual Reconstruction, 1987, chapter 7): with the law's weight a
thousand times too large the objective has one minimum, near z = 0; each further problem starts where the last
one ended. The same path as noise that falls from too large a level to its own.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.latent_weight import can_loosen, loosen
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.starts import Starts, choose_starts

#: Steps of a problem on the way, and how far it is solved: its minimum is only the next one's start.
_STEPS, _TOLERANCE = 60, 1e-3


@dataclass(frozen=True)
class Annealing:
    """Solve with the latent law's weight at ``factor^2`` times its value, for falling factors, the last 1.

    Data above the noise there lead on, to a looser law (`sciadv.solvers.latent.latent_weight`).

    Parameters
    ----------
    restarts
        Starts per measurement.
    starts
        As of `LevenbergMarquardt`.
    factors
        Factors of the noise's standard deviation that the weights amount to, falling, before the last, 1.
    n_iterations
        Steps of the last problem at most.

    Notes
    -----
    On the crosshole problem one random start needs fewer gradients than `LevenbergMarquardt`'s, and ends in a
    local minimum far less often: `sciadv bench gpr-crosshole`.
    """

    restarts: int = 1
    starts: str | Tensor = "random"
    factors: tuple[float, ...] = (90.0, 45.0, 20.0, 10.0, 5.0, 2.0)
    n_iterations: int = 200
    name: str = "annealing"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Follow the path from all starts at once; every measurement keeps its best."""
        started = time.perf_counter()
        z = choose_starts(problem, Starts(self.restarts, self.starts), seed=seed)
        history: list[float] = []
        for factor in self.factors:
            loosened = replace(problem, latent_weight=(problem.latent_weight or 1.0) * factor**2)
            on_the_way = LevenbergMarquardt(
                self.restarts, _STEPS, z, _TOLERANCE, halve_at=(), stop_at_noise=False
            )
            solution = on_the_way.solve(loosened, seed=seed, monitor=monitor)
            history += solution.history
            assert solution.restart_latents is not None  # a latent search has them
            z = solution.restart_latents
            if solution.was_interrupted:
                break
        last = LevenbergMarquardt(self.restarts, self.n_iterations, z, halve_at=())
        solution = last.solve(problem, seed=seed, monitor=monitor)
        history += solution.history
        if can_loosen(problem):
            solution = loosen(problem, solution, seed=seed, monitor=monitor)
        told = {"restarts": self.restarts, "factors": self.factors, "seed": seed}
        return replace(
            solution,
            method=self.name,
            history=history,
            seconds=time.perf_counter() - started,
            settings={**solution.settings, **told},
        )
