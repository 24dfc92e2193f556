"""mGANprior: many latents, whose features at a hidden layer are mixed channel by channel.

Gu, Shen and Zhou, Image Processing using Multi-code GAN Prior, CVPR 2020, Eqs. 2 and 3; 20 codes as in their
repository, Adam for 3000 steps as in the port of the generator-surgery repository.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.published.descent import Descent, Parts
from sciadv.solvers.published.layer_hooks import changed, hidden_layers, layer_shape


@dataclass(frozen=True)
class MultiCode:
    """Minimise ``mean (y - F(G_2(sum_n a_n * G_1(z_n))))^2`` over codes z_n and channel weights a_n.

    Parameters
    ----------
    n_codes
        Latents per measurement.
    n_steps, learning_rate
        Of Adam.
    layer
        Hidden layer whose features are mixed, from 0; the middle one if None.

    Notes
    -----
    ``Solution.z`` is None: there is no single latent.
    """

    n_codes: int = 20
    n_steps: int = 3000
    learning_rate: float = 0.03
    layer: int | None = None
    name: str = "multi-code"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search codes and weights together.

        Raises
        ------
        InputError
            The generator has no hidden layer.
        """
        started = time.perf_counter()
        problem = problem.private()  # its layers are hooked
        prior = problem.prior
        layers = hidden_layers(prior)
        layer = layers[len(layers) // 2 if self.layer is None else self.layer]
        shape, n = layer_shape(prior, layer), problem.n_problems
        descent = Descent(problem, 1, self.n_steps, monitor)

        def make(parts: Parts) -> Tensor:
            def mix(features: Tensor) -> Tensor:
                apart = features.reshape(-1, self.n_codes, *shape)
                mixed: Tensor = (apart * parts["weights"]).sum(1)
                return mixed

            with changed(layer, mix):
                return prior(parts["z"].flatten(0, 1))

        with prior.frozen():
            z = prior.sample_latent(self.n_codes, seed=seed).expand(n, -1, -1).clone()
            weights = z.new_full((n, self.n_codes, shape[0], *[1] * (len(shape) - 1)), 1 / self.n_codes)
            rates = {"z": self.learning_rate, "weights": self.learning_rate / self.n_codes}
            parts, stop = descent.run({"z": z, "weights": weights}, rates, make, self.n_steps)
            with torch.no_grad():
                x = make(parts)
            solution = described(problem, x, None, self.name, started, was_interrupted=stop)
        return replace(solution, settings={"n_codes": self.n_codes, "seed": seed})
