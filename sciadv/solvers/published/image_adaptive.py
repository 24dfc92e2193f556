"""IAGAN: the generator's weights trained on each measurement after a latent search; then back-projection.

Hussein, Tirer and Giryes, Image-Adaptive GAN based Reconstruction, AAAI 2020; settings of their code: Adam on
z with step 0.1 for 1800 steps from several starts, then 300 steps on z (1e-4) and the weights (1e-3), then
``x + A^+ (y - A x)``. Every measurement has its own weights; all are trained in one batch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.linear.gaussian_estimate import operator_matrix, require_linear
from sciadv.solvers.published.descent import Descent, Parts, restarts_of

#: Measurements whose networks are trained at once; bounds the memory.
_CHUNK = 16


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

    restarts: int = 3
    n_latent_steps: int = 1800
    latent_rate: float = 0.1
    n_joint_steps: int = 300
    joint_latent_rate: float = 1e-4
    weight_rate: float = 1e-3
    name: str = "image-adaptive"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search, adapt, project back.

        Raises
        ------
        InputError
            The operator is not linear.
        """
        require_linear(problem.forward, self.name)
        started, n_steps = time.perf_counter(), self.n_latent_steps + self.n_joint_steps
        problem = problem.private()  # its weights are replaced
        descent = Descent(problem, self.restarts, n_steps, monitor)
        with problem.prior.frozen():
            parts, stop = descent.run(
                {"z": restarts_of(problem, self.restarts, seed=seed)},
                {"z": self.latent_rate},
                lambda p: problem.prior(p["z"]),
                self.n_latent_steps,
            )
            with torch.no_grad():
                z = parts["z"][descent.best(problem.prior(parts["z"]))]
            adapted = []
            for rows in torch.split(torch.arange(len(z), device=z.device), _CHUNK):
                some = Descent(problem.subset(rows), 1, n_steps, monitor)
                n_left = 0 if stop else self.n_joint_steps
                x, z_rows, was_stopped = self._adapt(some, z[rows], n_left)
                adapted.append((x, z_rows))
                stop = stop or was_stopped
            x, z = (torch.cat(column) for column in zip(*adapted, strict=True))
            x = _back_projected(problem, x)
            solution = described(problem, x, z, self.name, started, was_interrupted=stop)
        return replace(solution, settings={"restarts": self.restarts, "seed": seed})

    def _adapt(self, descent: Descent, z: Tensor, n_steps: int) -> tuple[Tensor, Tensor, bool]:
        """Train each row's own copy of the weights; return images, latents, whether interrupted."""
        prior = descent.problem.prior
        weights = {f"theta.{name}": p.detach() for name, p in prior.generator.named_parameters()}
        parts = {"z": z} | {name: p.expand(len(z), *p.shape).clone() for name, p in weights.items()}

        def one(latent: Tensor, theta: Parts) -> Tensor:
            shape = (-1,) if isinstance(prior.latent_shape, int) else prior.latent_shape
            shaped = latent.reshape(1, *shape)
            image: Tensor = torch.func.functional_call(prior.generator, theta, (shaped,))
            return image[0]

        def make(moved: Parts) -> Tensor:
            theta = {name.removeprefix("theta."): moved[name] for name in weights}
            images: Tensor = torch.func.vmap(one)(moved["z"], theta)
            return images

        rates = {"z": self.joint_latent_rate} | dict.fromkeys(weights, self.weight_rate)
        parts, stop = descent.run(parts, rates, make, n_steps, done=self.n_latent_steps)
        with torch.no_grad():
            return make(parts), parts["z"], stop


def _back_projected(problem: Problem, x: Tensor) -> Tensor:
    """Return ``x + A^+ (y - A x)``."""
    matrix = operator_matrix(problem.forward)
    residual = real_view(problem.measurements - problem.forward(x)).double()
    correction = residual @ torch.linalg.pinv(matrix).T
    projected: Tensor = x + correction.reshape(x.shape).to(x.dtype)
    return projected
