"""Sparse-Gen: a sparse deviation from the generator's range, found together with the latent.

Dhar, Grover and Ermon, Modeling Sparse Deviations for Compressed Sensing using Generative Models, ICML 2018;
MNIST settings of their code: 800 steps on z, then 700 on z and nu, Adam with step 0.01, 10 starts,
``0.1 |z|^2``, and a weight of ``|nu|_1`` that they chose by hand for each number of measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.output_activation import OutputActivation, output_activation
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.published.descent import (
    Fit,
    Loss,
    Parts,
    begun,
    best_rows,
    descend,
    how_ended,
    restarts_of,
)
from sciadv.types import Count, NotNegative, Positive, Whole


@dataclass(frozen=True)
class Deviation:
    """The problem, the range of the generator's output, and the weight of ``|nu|_1``."""

    problem: Problem
    output: OutputActivation
    weight: float

    def make(self, parts: Parts) -> Tensor:
        """Return ``G(z) + nu``, kept in the range."""
        x = self.problem.prior(parts["z"]) + parts["nu"]
        return self.output.clamp(x)


DeviationState = State[Deviation, Fit, None]


@checked
@dataclass(frozen=True)
class SparseDeviation:
    """Minimise ``mean (y - F(G(z) + nu))^2 + lam |z|^2 + weight |nu|_1``, with x kept in the output's range.

    Parameters
    ----------
    restarts, n_latent_steps, n_joint_steps, learning_rate, lam
        The repository's constants.
    weight
        Of ``|nu|_1``; if None the repository's: 0.5 up to 100 measurements, 0.1 up to 400, then 0.01.
    """

    restarts: Count = 10
    n_latent_steps: Whole = 800
    n_joint_steps: Whole = 700
    learning_rate: Positive = 0.01
    lam: NotNegative = 0.1
    weight: NotNegative | None = None
    name: str = "sparse-deviation"

    def init(self, problem: Problem, run: Run) -> DeviationState:
        """Start from random latents, without a deviation."""
        weight = self.weight if self.weight is not None else _weight(problem.n_measurements)
        search = Deviation(problem, output_activation(problem.prior), weight)
        z = restarts_of(problem, self.restarts, seed=run.seed)
        parts = {"z": z, "nu": z.new_zeros(len(z), *problem.prior.out_shape)}
        n_steps = self.n_latent_steps + self.n_joint_steps
        return State(search, run, begun(problem, parts), every_row(z), None, n_steps)

    def step(self, state: DeviationState) -> DeviationState:
        """Move the latents; after `n_latent_steps` the deviations with them."""
        search = state.search

        def on_latent(parts: Parts) -> Tensor:
            return self.lam * parts["z"].square().sum(1)

        def on_both(parts: Parts) -> Tensor:
            return on_latent(parts) + search.weight * parts["nu"].flatten(1).abs().sum(1)

        rates = {"z": self.learning_rate}
        if state.iteration < self.n_latent_steps:
            loss = Loss(lambda parts: search.problem.prior(parts["z"]), rates, on_latent)
            return descend(state, loss, step=state.iteration + 1)
        joint = Loss(search.make, rates | {"nu": self.learning_rate}, on_both)
        return descend(state, joint, step=state.iteration + 1 - self.n_latent_steps)

    def result(self, state: DeviationState) -> Solution:
        """Return the restarts with the smallest residual."""
        problem, parts = state.search.problem, state.best.parts
        with torch.no_grad():
            x = state.search.make(parts)
            best = best_rows(problem, x)
            z = parts["z"][best]
            in_range = problem.prior(z)
        solution = score(problem, x[best], z=z, x_range=in_range, ended=how_ended(state))
        return replace(solution, settings={"weight": state.search.weight})

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from random starts: the latent first, then the deviation with it."""
        return iterate(self, problem, seed=seed, monitor=monitor)


def _weight(n_measurements: int) -> float:
    return 0.5 if n_measurements <= 100 else 0.1 if n_measurements <= 400 else 0.01
