"""Deep image prior: an untrained convolutional network fitted to each measurement; no training set.

Ulyanov, Vedaldi and Lempitsky, Deep Image Prior, CVPR 2018; as in their repository Adam with step 0.01, noise
of standard deviation 1/30 on the network's fixed random input at each step, and a fixed number of steps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.nets import build_seeded
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.published.descent import Descent, Parts
from sciadv.types import as_generator

#: Measurements whose networks are trained at once; bounds the memory.
_CHUNK = 16


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

    n_steps: int = 2000
    learning_rate: float = 0.01
    n_input: int = 32
    channels: int = 32
    perturbation: float = 1 / 30
    name: str = "deep-image-prior"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Fit a network to each measurement."""
        started, answers, stop = time.perf_counter(), [], False
        for rows in torch.split(torch.arange(problem.n_problems, device=problem.measurements.device), _CHUNK):
            x, was_stopped = self._fit(problem.subset(rows), 0 if stop else self.n_steps, seed, monitor)
            answers.append(x)
            stop = stop or was_stopped
        solution = described(problem, torch.cat(answers), None, self.name, started, was_interrupted=stop)
        return replace(solution, settings={"n_steps": self.n_steps, "seed": seed})

    def _fit(self, problem: Problem, n_steps: int, seed: int, monitor: Monitor | None) -> tuple[Tensor, bool]:
        shape, device = problem.forward.in_shape, problem.measurements.device
        spec = {
            "kind": "conv-decoder",
            "n_latent": self.n_input,
            "image_shape": shape,
            "channels": self.channels,
        }
        network, draw = build_seeded(spec, seed).to(device), as_generator(seed)
        u = torch.randn(1, self.n_input, generator=draw).to(device)
        start = {name: p.detach() for name, p in network.named_parameters()}
        parts = {name: p.expand(problem.n_problems, *p.shape).clone() for name, p in start.items()}
        perturbed = u

        def one(theta: Parts) -> Tensor:
            image: Tensor = torch.func.functional_call(network, theta, (perturbed,))
            return image[0]

        def make(moved: Parts) -> Tensor:
            nonlocal perturbed
            noise = torch.randn(1, self.n_input, generator=draw).to(device)
            perturbed = u + self.perturbation * noise
            images: Tensor = torch.func.vmap(one)(moved)
            return images

        rates = dict.fromkeys(parts, self.learning_rate)
        parts, stop = Descent(problem, 1, self.n_steps, monitor).run(parts, rates, make, n_steps)
        perturbed = u
        with torch.no_grad():
            fitted: Tensor = torch.func.vmap(one)(parts)
        return fitted, stop
