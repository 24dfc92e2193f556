"""Adam on the latents, tuned: step 0.05 along a cosine, 300 steps, the best iterate of each start kept.

Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.search import Search, State, run
from sciadv.solvers.latent.starts import Starts

#: Steps between two looks at whether a row may end.
CHECK_EVERY = 20


def adam_move(
    gradient: Tensor, moments: tuple[Tensor, Tensor], iteration: int, step: float
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return Adam's move and the new moments; betas 0.9 and 0.999, epsilon 1e-8, `iteration` from 1."""
    first, second = 0.9 * moments[0] + 0.1 * gradient, 0.999 * moments[1] + 0.001 * gradient.square()
    corrected = first / (1 - 0.9**iteration)
    scale = (second / (1 - 0.999**iteration)).sqrt() + 1e-8
    return -step * corrected / scale, (first, second)


@dataclass(frozen=True)
class Adam:
    """Minimise ``-log p(y | F(G(z))) + latent_weight / 2 |z|^2`` by Adam from several starts at once.

    Parameters
    ----------
    restarts
        Starts per measurement.
    n_iterations
        Steps.
    learning_rate
        First step size; it falls to 0 along a cosine.
    starts
        "auto", "codebook", "encoder", "random", or latents ``(batch, restarts, latent)``: see `Starts`.
    tolerance
        A start has converged when its last 20 steps decreased the objective by less than this part of it.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.

    Notes
    -----
    Cost per step and row: one generator pass, its reverse, one operator pass and its adjoint. Needs no
    forward mode and no more memory than training does.
    """

    restarts: int = 10
    n_iterations: int = 300
    learning_rate: float = 0.05
    starts: str | Tensor = "auto"
    tolerance: float = 1e-3
    stop_at_noise: bool = True
    name: str = "adam"

    def init(self, search: Search, starts: Tensor) -> State:
        """Score the starts."""
        rows = torch.arange(len(starts), device=starts.device)
        zeros = torch.zeros_like(starts)
        best = search.evaluate(starts, rows)
        # memory: current latents, the two moments, the best objective at the last check
        return State(best, rows, (starts, zeros, zeros, torch.full_like(starts[:, 0], torch.inf)))

    def step(self, search: Search, state: State) -> State:
        """Do one Adam step on every active row."""
        rows, iteration = state.active, state.iteration + 1
        z, first, second = (memory[rows] for memory in state.memory[:3])
        point, gradient = search.gradient(z, rows)
        rate = self.learning_rate * 0.5 * (1 + math.cos(math.pi * state.iteration / self.n_iterations))
        move, (first, second) = adam_move(gradient, (first, second), iteration, rate)
        better = point.objective < state.best.objective[rows]
        best = state.best.put(rows[better], point.take(better.nonzero().squeeze(1)))
        memory = tuple(
            m.index_copy(0, rows, new)
            for m, new in zip(state.memory[:3], (z + move, first, second), strict=True)
        )
        active, earlier = rows, state.memory[3]
        if iteration % CHECK_EVERY == 0 or iteration == self.n_iterations:
            relative = (earlier - best.objective)[rows] / best.objective[rows].abs().clamp_min(1e-30)
            ended = search.explained(best.misfit[rows], relative)
            if iteration == self.n_iterations:
                ended = ended | (relative <= self.tolerance)
            active, earlier = rows[~ended], best.objective
        return State(best, active, (*memory, earlier), iteration)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once."""
        starts = Starts(self.restarts, self.starts)
        return run(self, problem, starts, seed=seed, stop_at_noise=self.stop_at_noise, monitor=monitor)
