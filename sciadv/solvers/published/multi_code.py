"""mGANprior: many latents, whose features at a hidden layer are mixed channel by channel.

Gu, Shen and Zhou, Image Processing using Multi-code GAN Prior, CVPR 2020, Eqs. 2 and 3; 20 codes as in their
repository, Adam for 3000 steps as in the port of the generator-surgery repository.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.published.descent import Fit, Loss, Parts, begun, descend, how_ended
from sciadv.solvers.published.layer_hooks import changed, hidden_layers, layer_shape
from sciadv.types import Count, Positive, Whole


@dataclass(frozen=True)
class Mixture:
    """The problem, and the layer whose features of `n_codes` latents are mixed."""

    problem: Problem
    layer: nn.Module
    n_codes: int

    def make(self, parts: Parts) -> Tensor:
        """Return the candidate of each row's codes ``(rows, codes, latent)`` and channel weights."""

        def mix(features: Tensor) -> Tensor:
            apart = features.reshape(-1, self.n_codes, *features.shape[1:])
            mixed: Tensor = (apart * parts["weights"]).sum(1)
            return mixed

        with changed(self.layer, mix):
            return self.problem.prior(parts["z"].flatten(0, 1))


MixtureState = State[Mixture, Fit, None]


@checked
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

    n_codes: Count = 20
    n_steps: Count = 3000
    learning_rate: Positive = 0.03
    layer: Whole | None = None
    name: str = "multi-code"

    def init(self, problem: Problem, run: Run) -> MixtureState:
        """Start from random codes, mixed in equal parts."""
        problem = problem.private()  # its layers are hooked
        prior, n = problem.prior, problem.n_problems
        layers = hidden_layers(prior)
        layer = layers[len(layers) // 2 if self.layer is None else self.layer]
        shape = layer_shape(prior, layer)
        z = prior.sample_latent(self.n_codes, seed=run.seed).expand(n, -1, -1).clone()
        weights = z.new_full((n, self.n_codes, shape[0], *[1] * (len(shape) - 1)), 1 / self.n_codes)
        first = begun(problem, {"z": z, "weights": weights})
        return State(Mixture(problem, layer, self.n_codes), run, first, every_row(z), None, self.n_steps)

    def step(self, state: MixtureState) -> MixtureState:
        """Move codes and weights together."""
        rates = {"z": self.learning_rate, "weights": self.learning_rate / self.n_codes}
        return descend(state, Loss(state.search.make, rates), step=state.iteration + 1)

    def result(self, state: MixtureState) -> Solution:
        """Score the mixed candidates."""
        with torch.no_grad():
            x = state.search.make(state.best.parts)
        return score(state.search.problem, x, ended=how_ended(state))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search codes and weights together.

        Raises
        ------
        InputError
            The generator has no hidden layer.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)
