"""CSGM: the honest baseline, with the constants of its authors' repository.

Bora, Jalal, Price and Dimakis, Compressed Sensing using Generative Models, ICML 2017; MNIST settings of their
code: loss ``mean (y - F(G(z)))^2 + 0.1 |z|^2``, Adam with step 0.01, 1000 steps, 10 random starts, the last
iterate of the start with the lowest loss. The starts run in one batch here, which changes nothing: they do
not interact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.adam import adam_move
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.search import Search, State, run
from sciadv.solvers.latent.starts import Starts


@dataclass(frozen=True)
class CSGM:
    """Minimise ``mean (y - F(G(z)))^2 + lam |z|^2``; the problem's own objective only scores the result.

    Parameters
    ----------
    restarts, n_iterations, learning_rate, lam
        The repository's constants.
    """

    restarts: int = 10
    n_iterations: int = 1000
    learning_rate: float = 0.01
    lam: float = 0.1
    name: str = "csgm"

    def init(self, search: Search, starts: Tensor) -> State:
        """Score the starts."""
        rows = torch.arange(len(starts), device=starts.device)
        return State(
            search.evaluate(starts, rows), rows, (torch.zeros_like(starts), torch.zeros_like(starts))
        )

    def step(self, search: Search, state: State) -> State:
        """Do one Adam step on every row; the last step also scores where it ended."""
        rows, iteration = state.active, state.iteration + 1
        point, gradient = search.gradient(state.best.z, rows)
        move, moments = adam_move(gradient, (state.memory[0], state.memory[1]), iteration, self.learning_rate)
        latest = replace(point, z=point.z + move)
        if iteration < self.n_iterations:
            return State(latest, rows, moments, iteration)
        return State(search.evaluate(latest.z, rows), rows[:0], moments, iteration)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from random starts on CSGM's own loss, then score by the problem's likelihood."""
        starts, loss = Starts(self.restarts, "random"), csgm_loss(problem, self.lam)
        return run(self, problem, starts, seed=seed, loss=loss, monitor=monitor)


def csgm_loss(problem: Problem, lam: float = 0.1) -> Problem:
    """Return the problem whose objective is CSGM's loss: Gaussian of variance m / 2, latent weight 2 lam."""
    return replace(problem, likelihood=Gaussian((problem.n_measurements / 2) ** 0.5), latent_weight=2 * lam)
