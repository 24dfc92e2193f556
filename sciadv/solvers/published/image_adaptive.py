"""IAGAN: the generator's weights trained on each measurement after a latent search; then back-projection.

Hussein, Tirer and Giryes, Image-Adaptive GAN based Reconstruction, AAAI 2020; settings of their code: Adam on
z with step 0.1 for 1800 steps from several starts, then 300 steps on z (1e-4) and the weights (1e-3), then
``x + A^+ (y - A x)``. Every measurement has its own weights; all are trained in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.linear.gaussian_estimate import operator_matrix, require_linear
from sciadv.solvers.published.descent import (
    Fit,
    Loss,
    Parts,
    begun,
    best_rows,
    descend,
    how_ended,
    iterate_in_chunks,
    restarts_of,
)
from sciadv.types import Count, Positive, Whole

#: Measurements whose networks are trained at once; bounds the memory.
CHUNK = 16


@dataclass(frozen=True)
class Weights:
    """The problem, and the generator with weights of its own for each row."""

    problem: Problem

    def make(self, parts: Parts) -> Tensor:
        """Return ``G(z; theta)`` of every row."""
        prior = self.problem.prior
        theta = {name: part for name, part in parts.items() if name != "z"}

        def one(latent: Tensor, theta: Parts) -> Tensor:
            shape = (-1,) if isinstance(prior.latent_shape, int) else prior.latent_shape
            shaped = latent.reshape(1, *shape)
            image: Tensor = torch.func.functional_call(prior.generator, theta, (shaped,))
            return image[0]

        images: Tensor = torch.func.vmap(one)(parts["z"], theta)
        return images


WeightsState = State[Weights, Fit, None]


@checked
@dataclass(frozen=True)
class ImageAdaptive:
    """Minimise ``mean (y - A G(z; theta))^2`` over z, then over z and the weights theta; then back-project.

    Parameters
    ----------
    restarts
        Starts of the latent search: 3 to 5 in the repository.
    n_latent_steps, latent_rate, n_joint_steps, joint_latent_rate, weight_rate
        The repository's constants.
    """

    restarts: Count = 3
    n_latent_steps: Whole = 1800
    latent_rate: Positive = 0.1
    n_joint_steps: Whole = 300
    joint_latent_rate: Positive = 1e-4
    weight_rate: Positive = 1e-3
    name: str = "image-adaptive"

    def init(self, problem: Problem, run: Run) -> WeightsState:
        """Start from random latents."""
        problem = problem.private()  # its weights are replaced
        require_linear(problem.forward, self.name)
        z = restarts_of(problem, self.restarts, seed=run.seed)
        n_steps = self.n_latent_steps + self.n_joint_steps
        return State(Weights(problem), run, begun(problem, {"z": z}), every_row(z), None, n_steps)

    def step(self, state: WeightsState) -> WeightsState:
        """Move the latents; after `n_latent_steps` the best restart's latent and weights."""
        prior = state.search.problem.prior
        if state.iteration < self.n_latent_steps:
            loss = Loss(lambda parts: prior(parts["z"]), {"z": self.latent_rate})
            return descend(state, loss, step=state.iteration + 1)
        state = _with_weights(state)
        names = [name for name in state.best.parts if name != "z"]
        rates = {"z": self.joint_latent_rate} | dict.fromkeys(names, self.weight_rate)
        return descend(state, Loss(state.search.make, rates), step=state.iteration + 1 - self.n_latent_steps)

    def result(self, state: WeightsState) -> Solution:
        """Project the candidates back to the data."""
        state, problem = _with_weights(state), state.search.problem
        z = state.best.parts["z"]
        with torch.no_grad():
            x = _back_projected(problem, state.search.make(state.best.parts))
            in_range = problem.prior(z)
        return score(problem, x, z=z, x_range=in_range, ended=how_ended(state))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search, adapt, project back.

        Raises
        ------
        InputError
            The operator is not linear.
        """
        require_linear(problem.forward, self.name)
        return iterate_in_chunks(self, problem, Run(seed, monitor), CHUNK)


def _with_weights(state: WeightsState) -> WeightsState:
    """Go on with the best restart of each measurement, which gets its own copy of the weights."""
    problem, parts = state.search.problem, state.best.parts
    if len(parts) > 1:
        return state
    with torch.no_grad():
        z = parts["z"][best_rows(problem, problem.prior(parts["z"]))]
    own = {
        name: weight.detach().expand(len(z), *weight.shape).clone()
        for name, weight in problem.prior.generator.named_parameters()
    }
    active = every_row(z) if len(state.active) else state.active
    return replace(state, best=begun(problem, {"z": z} | own), active=active)


def _back_projected(problem: Problem, x: Tensor) -> Tensor:
    """Return ``x + A^+ (y - A x)``."""
    matrix = operator_matrix(problem.forward)
    residual = real_view(problem.measurements - problem.forward(x)).double()
    correction = residual @ torch.linalg.pinv(matrix).T
    projected: Tensor = x + correction.reshape(x.shape).to(x.dtype)
    return projected
