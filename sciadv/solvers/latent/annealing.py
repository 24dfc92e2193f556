"""Annealed Levenberg-Marquardt: the latent term is weakened step by step, so that one start is enough.

Graduated optimisation (Blake and Zisserman, Visual Reconstruction, 1987, chapter 7): with a latent weight a
thousand times too large the objective has one minimum, near z = 0; each further problem starts where the last
one ended. The same path as noise that falls from too large a level to its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.latent_weight import Loosening, can_loosen, loosen
from sciadv.solvers.latent.levenberg_marquardt import LevenbergMarquardt
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, begin
from sciadv.solvers.latent.starts import Starts
from sciadv.types import Count, NotNegative, Positive


@checked
@dataclass(frozen=True)
class Annealing:
    """Solve with the latent weight at ``factor^2`` times its value, for falling factors, the last 1.

    Data that stay above the noise level there lead on, to smaller weights: see
    `sciadv.solvers.latent.latent_weight`.

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
    n_intermediate
        Steps of each problem before it at most.
    intermediate_tolerance
        Tolerance of each problem before the last: its minimum is only the next one's start.
    loosening
        How the latent weight is lowered where data stay above the noise level.

    Notes
    -----
    A step is a search of one problem to its end. On the crosshole problem one random start needs fewer
    gradients than `LevenbergMarquardt`'s, and ends in a local minimum far less often: `sciadv bench
    gpr-crosshole`.
    """

    restarts: Count = 1
    starts: str | Tensor = "random"
    factors: tuple[Positive, ...] = (90.0, 45.0, 20.0, 10.0, 5.0, 2.0)
    n_iterations: Count = 200
    n_intermediate: Count = 60
    intermediate_tolerance: NotNegative = 1e-3
    loosening: Loosening = field(default_factory=Loosening)
    name: str = "annealing"

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Score the starts."""
        search, z = begin(problem, Starts(self.restarts, self.starts), run)
        memory: tuple[Solution | None, list[float]] = (None, [])
        n_problems = len(self.factors) + 1
        return State(search, run, search.evaluate(z, every_row(z)), every_row(z), memory, n_problems)

    def step(self, state: LatentState) -> LatentState:
        """Search the problem of the next factor from where the last one ended."""
        problem, run, z = state.search.problem, state.run, _latents(state)
        is_last = state.iteration == len(self.factors)
        if is_last:
            solver = LevenbergMarquardt(self.restarts, self.n_iterations, z, halve_at=())
        else:
            steps, tolerance = self.n_intermediate, self.intermediate_tolerance
            solver = LevenbergMarquardt(self.restarts, steps, z, tolerance, halve_at=(), stop_at_noise=False)
            weight = (problem.latent_weight or 1.0) * self.factors[state.iteration] ** 2
            problem = replace(problem, latent_weight=weight)
        solution = solver.solve(problem, seed=run.seed, monitor=run)
        assert solution.restart_latents is not None  # a latent search has them
        reached = state.search.evaluate(solution.restart_latents.flatten(0, 1), every_row(state.best.z))
        memory = (solution if is_last else None, state.memory[1] + solution.history)
        return state.after(reached, memory, state.active[:0] if is_last else None)

    def result(self, state: LatentState) -> Solution:
        """Return the last problem's solution; of an interrupted search, where it stands."""
        problem, run = state.search.problem, state.run
        history: list[float] = state.memory[1]
        solution: Solution | None = state.memory[0]
        if solution is None:
            solver = LevenbergMarquardt(self.restarts, 1, _latents(state), halve_at=())
            solution = solver.solve(problem, seed=run.seed, monitor=run)
        if can_loosen(problem):
            solution = loosen(problem, solution, self.loosening, seed=run.seed, monitor=run)
        return replace(solution, history=history)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Follow the path from all starts at once; every measurement keeps its best."""
        return iterate(self, problem, seed=seed, monitor=monitor)


def _latents(state: LatentState) -> Tensor:
    """Return the latents of a state ``(batch, restarts, latent)``."""
    z: Tensor = state.best.z
    return z.reshape(-1, state.search.n_restarts, z.shape[1])
