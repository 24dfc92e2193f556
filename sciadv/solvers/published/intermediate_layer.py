"""ILO: search the generator's layers one after the other, each in an l1-ball around what the last one found.

Daras, Dean, Jalal and Dimakis, Intermediate Layer Optimization for Inverse Problems using Deep Generative
Models, ICML 2021, algorithm 1; their repository takes Adam with step 0.1 and, for compressed sensing, 300,
200 and 100 steps.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers.latent.progress import Monitor
from sciadv.solvers.latent.scoring import described
from sciadv.solvers.published.descent import Descent, Parts, restarts_of
from sciadv.solvers.published.layer_hooks import changed, hidden_layers, layer_shape


@dataclass(frozen=True)
class IntermediateLayer:
    """Minimise ``mean (y - F(G(z)))^2`` over z, then over changes of the hidden layers in l1-balls.

    Parameters
    ----------
    restarts
        Starts of the latent search.
    n_steps
        Steps on z, then on the first hidden layers, one number each.
    learning_rate
        Adam's step, the repository's.
    radius
        Of the l1-ball, per value of the layer; the repository leaves it to be tuned by hand.
    """

    restarts: int = 3
    n_steps: tuple[int, ...] = (300, 200, 100)
    learning_rate: float = 0.1
    radius: float = 0.2
    name: str = "intermediate-layer"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search layer after layer.

        Raises
        ------
        InputError
            The generator has no hidden layer.
        """
        started = time.perf_counter()
        problem = problem.private()  # its layers are hooked
        layers = hidden_layers(problem.prior)[: len(self.n_steps) - 1]
        descent = Descent(problem, self.restarts, sum(self.n_steps), monitor)

        def make(parts: Parts) -> Tensor:
            with ExitStack() as stack:
                for i, layer in enumerate(layers):
                    stack.enter_context(changed(layer, parts[f"layer {i}"].add))
                return problem.prior(parts["z"])

        def project(parts: Parts) -> Parts:
            return {n: p if n == "z" else l1_ball(p, self.radius * p[0].numel()) for n, p in parts.items()}

        with problem.prior.frozen():
            parts: Parts = {"z": restarts_of(problem, self.restarts, seed=seed)}
            n_rows = len(parts["z"])
            for i, layer in enumerate(layers):
                parts[f"layer {i}"] = parts["z"].new_zeros(n_rows, *layer_shape(problem.prior, layer))
            stop, done = False, 0
            for name, n_steps in zip(parts, self.n_steps, strict=False):
                if not stop:
                    rates = {name: self.learning_rate}
                    parts, stop = descent.run(parts, rates, make, n_steps, project=project, done=done)
                    done += n_steps
            with torch.no_grad():
                x = make(parts)
            best = descent.best(x)
            solution = described(problem, x[best], parts["z"][best], self.name, started, was_interrupted=stop)
        return replace(solution, settings={"restarts": self.restarts, "radius": self.radius, "seed": seed})


def l1_ball(values: Tensor, radius: float) -> Tensor:
    """Project each row ``(rows, ...)`` to the nearest point with ``|.|_1 <= radius``.

    Duchi, Shalev-Shwartz, Singer and Chandra, Efficient projections onto the l1-ball for learning in high
    dimensions, ICML 2008, figure 1.

    Examples
    --------
    >>> import torch
    >>> l1_ball(torch.tensor([[3.0, -1.0], [0.2, 0.1]]), 2.0)
    tensor([[2.0000, -0.0000],
            [0.2000, 0.1000]])
    """
    flat = values.flatten(1).abs()
    ordered = flat.sort(1, descending=True).values
    count = torch.arange(1, flat.shape[1] + 1, device=flat.device)
    excess = ordered.cumsum(1) - radius
    n_kept = (ordered * count > excess).sum(1).clamp_min(1)
    threshold = (excess.gather(1, n_kept[:, None] - 1) / n_kept[:, None]).clamp_min(0)
    shrunk = (flat - threshold).clamp_min(0).reshape(values.shape)
    return torch.where(
        flat.sum(1).reshape(-1, *[1] * (values.ndim - 1)) > radius, values.sign() * shrunk, values
    )
