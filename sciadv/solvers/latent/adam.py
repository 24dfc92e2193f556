"""Adam on the latents, tuned: step 0.05 along a cosine, 300 steps, the best iterate of each start kept.

Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.constraints import Multipliers, keep_constraints
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.search import LatentState, begin, best_restarts
from sciadv.solvers.latent.starts import Starts
from sciadv.types import Count, NotNegative, Positive, Rows


@dataclass(frozen=True)
class Moments(Rows):
    """Where each row stands: latents, Adam's two moments, the best objective at the last check."""

    z: Tensor
    first: Tensor
    second: Tensor
    earlier: Tensor


def adam_move(
    gradient: Tensor, moments: tuple[Tensor, Tensor], iteration: int, step: float
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return Adam's move and the new moments; betas 0.9 and 0.999, epsilon 1e-8, `iteration` from 1."""
    first = 0.9 * moments[0] + 0.1 * gradient
    second = 0.999 * moments[1] + 0.001 * gradient.square()
    corrected = first / (1 - 0.9**iteration)
    scale = (second / (1 - 0.999**iteration)).sqrt() + 1e-8
    return -step * corrected / scale, (first, second)


@checked
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
        A start has converged when its steps since the last check decreased the objective by less than this
        part of it.
    stop_at_noise
        Whether a start ends where it explains the data to the noise level.
    check_every
        Steps from one check whether a start may end to the next.
    settled_decrease
        Where the latent weight is not 0, a start at the noise level ends when its steps since the last check
        decreased the objective by less than this part of it.
    multipliers
        How constraints are kept.

    Notes
    -----
    Cost per step and row: one generator pass, its reverse, one operator pass and its adjoint. Needs no
    forward mode and no more memory than training does.
    """

    restarts: Count = 10
    n_iterations: Count = 300
    learning_rate: Positive = 0.05
    starts: str | Tensor = "auto"
    tolerance: NotNegative = 1e-3
    stop_at_noise: bool = True
    check_every: Count = 20
    settled_decrease: NotNegative = 1e-2
    multipliers: Multipliers = field(default_factory=Multipliers)
    name: str = "adam"

    def init(self, problem: Problem, run: Run) -> LatentState:
        """Choose the starts and score them."""
        starts = Starts(self.restarts, self.starts)
        search, z = begin(problem, starts, run)
        search = replace(search, stop_at_noise=self.stop_at_noise, settled_decrease=self.settled_decrease)
        zeros = torch.zeros_like(z)
        moments = Moments(z, zeros, zeros, torch.full_like(z[:, 0], torch.inf))
        rows = every_row(z)
        point = search.evaluate(z, rows)
        return State(search, run, point, rows, moments, self.n_iterations)

    def step(self, state: LatentState) -> LatentState:
        """Do one Adam step on every active row."""
        rows, iteration = state.active, state.iteration + 1
        mine: Moments = state.memory.take(rows)
        point, gradient = state.search.gradient(mine.z, rows)
        rate = self.learning_rate * 0.5 * (1 + math.cos(math.pi * state.iteration / self.n_iterations))
        move, (first, second) = adam_move(gradient, (mine.first, mine.second), iteration, rate)
        better = point.objective < state.best.objective[rows]
        best = state.best.put(rows[better], point.take(better.nonzero().squeeze(1)))
        memory = state.memory.put(rows, Moments(mine.z + move, first, second, mine.earlier))
        reached: LatentState = state.after(best, memory)
        is_last = iteration == self.n_iterations
        return self._checked(reached) if is_last or iteration % self.check_every == 0 else reached

    def _checked(self, state: LatentState) -> LatentState:
        """End the rows that are at the noise level, or at last those whose objective has stopped falling."""
        rows, objective = state.active, state.best.objective
        relative = (state.memory.earlier - objective)[rows] / objective[rows].abs().clamp_min(1e-30)
        ended = state.search.explained(state.best.misfit[rows], relative)
        if state.iteration == self.n_iterations:
            ended = ended | (relative <= self.tolerance)
        return replace(state, active=rows[~ended], memory=replace(state.memory, earlier=objective))

    def result(self, state: LatentState) -> Solution:
        """Return the best restarts."""
        return best_restarts(state)

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from all starts at once, in rounds where the problem has constraints."""
        if not problem.constraints:
            return iterate(self, problem, seed=seed, monitor=monitor)
        return keep_constraints(self, problem, seed=seed, monitor=monitor)
