"""CSGM: the honest baseline, with the constants of its authors' repository.

Bora, Jalal, Price and Dimakis, Compressed Sensing using Generative Models, ICML 2017; MNIST settings of their
code: loss ``mean (y - F(G(z)))^2 + 0.1 |z|^2``, Adam with step 0.01, 1000 steps, 10 random starts, the last
iterate of the start with the lowest loss. The starts run in one batch here, which changes nothing: they do
not interact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.adam import adam_move
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, begin, best_restarts
from sciadv.solvers.latent.starts import Starts
from sciadv.types import Count, NotNegative, Positive


@checked
@dataclass(frozen=True)
class CSGM:
    """Minimise ``mean (y - F(G(z)))^2 + lam |z|^2``; the problem's own objective only scores the result.

    Parameters
    ----------
    restarts, n_iterations, learning_rate, lam
        The repository's constants.
    """

    restarts: Count = 10
    n_iterations: Count = 1000
    learning_rate: Positive = 0.01
    lam: NotNegative = 0.1
    name: str = "csgm"

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Score random starts by CSGM's own loss."""
        search, z = begin(csgm_loss(problem, self.lam), Starts(self.restarts, "random"), run)
        search, rows = replace(search, posed=problem), every_row(z)
        moments = (torch.zeros_like(z), torch.zeros_like(z))
        return State(search, run, search.evaluate(z, rows), rows, moments, self.n_iterations)

    def step(self, state: LatentState) -> LatentState:
        """Do one Adam step on every row; the last step also scores where it ended."""
        rows, iteration = state.active, state.iteration + 1
        point, gradient = state.search.gradient(state.best.z, rows)
        move, moments = adam_move(gradient, state.memory, iteration, self.learning_rate)
        latest = replace(point, z=point.z + move)
        if iteration < self.n_iterations:
            return state.after(latest, moments)
        return state.after(state.search.evaluate(latest.z, rows), moments, rows[:0])

    def result(self, state: LatentState) -> Solution:
        """Return the best restarts, scored by the problem's likelihood."""
        return best_restarts(state)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from random starts on CSGM's own loss, then score by the problem's likelihood."""
        return iterate(self, problem, seed=seed, monitor=monitor)


def csgm_loss(problem: Problem, lam: float = 0.1) -> Problem:
    """Return the problem whose objective is CSGM's loss: Gaussian of variance m / 2, latent weight 2 lam."""
    return replace(problem, likelihood=Gaussian((problem.n_measurements / 2) ** 0.5), latent_weight=2 * lam)
