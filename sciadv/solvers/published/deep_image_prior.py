"""Deep image prior: an untrained convolutional network fitted to each measurement; no training set.

Ulyanov, Vedaldi and Lempitsky, Deep Image Prior, CVPR 2018; as in their repository Adam with step 0.01, noise
of standard deviation 1/30 on the network's fixed random input at each step, and a fixed number of steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sciadv.nets import build_seeded
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.latent.iterate import State, every_row
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score
from sciadv.solvers.published.descent import Fit, Loss, Parts, begun, descend, how_ended, iterate_in_chunks
from sciadv.types import Count, NotNegative, Positive, as_generator

#: Measurements whose networks are trained at once; bounds the memory.
CHUNK = 16


@dataclass(frozen=True)
class Network:
    """The problem, the network, its fixed input u, and the random numbers that perturb it."""

    problem: Problem
    network: nn.Module
    u: Tensor
    draw: torch.Generator

    def images(self, parts: Parts, u: Tensor) -> Tensor:
        """Return the network's image of u for every row's weights."""

        def one(theta: Parts) -> Tensor:
            image: Tensor = torch.func.functional_call(self.network, theta, (u,))
            return image[0]

        images: Tensor = torch.func.vmap(one)(parts)
        return images


NetworkState = State[Network, Fit, None]


@checked
@dataclass(frozen=True)
class DeepImagePrior:
    """Minimise ``mean (y - F(f_theta(u)))^2`` over the weights theta of an untrained network, u fixed.

    The network is `sciadv.nets.ConvDecoder`; every measurement has its own weights, from the same start.

    Parameters
    ----------
    n_steps, learning_rate
        Of Adam.
    n_input, channels
        Numbers in u, and feature maps at half resolution.
    perturbation
        Standard deviation of the noise on u at each step.
    """

    n_steps: Count = 2000
    learning_rate: Positive = 0.01
    n_input: Count = 32
    channels: Count = 32
    perturbation: NotNegative = 1 / 30
    name: str = "deep-image-prior"

    def init(self, problem: Problem, run: Run) -> NetworkState:
        """Make the network, the same for every measurement."""
        device, draw = problem.measurements.device, as_generator(run.seed)
        spec = {
            "kind": "conv-decoder",
            "n_latent": self.n_input,
            "image_shape": problem.forward.in_shape,
            "channels": self.channels,
        }
        network = build_seeded(spec, run.seed).to(device)
        u = torch.randn(1, self.n_input, generator=draw).to(device)
        parts = {
            name: weight.detach().expand(problem.n_problems, *weight.shape).clone()
            for name, weight in network.named_parameters()
        }
        search, rows = Network(problem, network, u, draw), every_row(problem.measurements)
        return State(search, run, begun(problem, parts), rows, None, self.n_steps)

    def step(self, state: NetworkState) -> NetworkState:
        """Move every row's weights, with noise on the network's input."""
        search = state.search
        noise = torch.randn(1, self.n_input, generator=search.draw).to(search.u.device)
        perturbed = search.u + self.perturbation * noise
        rates = dict.fromkeys(state.best.parts, self.learning_rate)
        loss = Loss(lambda parts: search.images(parts, perturbed), rates)
        return descend(state, loss, step=state.iteration + 1)

    def result(self, state: NetworkState) -> Solution:
        """Score the images of the unperturbed input."""
        with torch.no_grad():
            x = state.search.images(state.best.parts, state.search.u)
        return score(state.search.problem, x, ended=how_ended(state))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Fit a network to each measurement."""
        return iterate_in_chunks(self, problem, Run(seed, monitor), CHUNK)
