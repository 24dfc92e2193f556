"""Sparse-Gen: a sparse deviation from the generator's range, found together with the latent.

Dhar, Grover and Ermon, Modeling Sparse Deviations for Compressed Sensing using Generative Models, ICML 2018;
MNIST settings of their code: 800 steps on z, then 700 on z and nu, Adam with step 0.01, 10 starts,
``0.1 |z|^2``, and a weight of ``|nu|_1`` that they chose by hand for each number of measurements.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.beyond_range.output_activation import output_activation
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.published.descent import Descent, Parts, restarts_of


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

    restarts: int = 10
    n_latent_steps: int = 800
    n_joint_steps: int = 700
    learning_rate: float = 0.01
    lam: float = 0.1
    weight: float | None = None
    name: str = "sparse-deviation"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search from random starts: the latent first, then the deviation with it."""
        started, output = time.perf_counter(), output_activation(problem.prior)
        descent = Descent(problem, self.restarts, self.n_latent_steps + self.n_joint_steps, monitor)
        weight = self.weight if self.weight is not None else _weight(problem.n_measurements)

        def make(parts: Parts) -> Tensor:
            return (problem.prior(parts["z"]) + parts["nu"]).clamp(output.low, output.high)

        def on_latent(parts: Parts) -> Tensor:
            return self.lam * parts["z"].square().sum(1)

        def on_both(parts: Parts) -> Tensor:
            return on_latent(parts) + weight * parts["nu"].flatten(1).abs().sum(1)

        with problem.prior.frozen():
            z = restarts_of(problem, self.restarts, seed=seed)
            parts = {"z": z, "nu": z.new_zeros(len(z), *problem.prior.out_shape)}
            rates = {"z": self.learning_rate}
            parts, stop = descent.run(
                parts, rates, lambda p: problem.prior(p["z"]), self.n_latent_steps, penalty=on_latent
            )
            if not stop:
                rates = {"z": self.learning_rate, "nu": self.learning_rate}
                parts, stop = descent.run(
                    parts, rates, make, self.n_joint_steps, penalty=on_both, done=self.n_latent_steps
                )
            x = make(parts)
            best = descent.best(x)
            solution = described(problem, x[best], parts["z"][best], self.name, started, was_interrupted=stop)
        return replace(solution, settings={"restarts": self.restarts, "weight": weight, "seed": seed})


def _weight(n_measurements: int) -> float:
    return 0.5 if n_measurements <= 100 else 0.1 if n_measurements <= 400 else 0.01
