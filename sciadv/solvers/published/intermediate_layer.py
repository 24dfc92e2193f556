"""ILO: search the generator's layers one after the other, each in an l1-ball around what the last one found.

Daras, Dean, Jalal and Dimakis, Intermediate Layer Optimization for Inverse Problems using Deep Generative
Models, ICML 2021, algorithm 1; their repository takes Adam with step 0.1 and, for compressed sensing, 300,
200 and 100 steps.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
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
from sciadv.solvers.published.layer_hooks import changed, hidden_layers, layer_shape
from sciadv.types import Count, Positive


@dataclass(frozen=True)
class Layers:
    """The problem, and the hidden layers whose changes are searched after the latent."""

    problem: Problem
    layers: list[nn.Module]

    def make(self, parts: Parts) -> Tensor:
        """Return the candidates of latents and changes."""
        with ExitStack() as stack:
            for i, layer in enumerate(self.layers):
                stack.enter_context(changed(layer, parts[f"layer {i}"].add))
            return self.problem.prior(parts["z"])


LayersState = State[Layers, Fit, None]


@checked
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

    restarts: Count = 3
    n_steps: tuple[Count, ...] = (300, 200, 100)
    learning_rate: Positive = 0.1
    radius: Positive = 0.2
    name: str = "intermediate-layer"

    def init(self, problem: Problem, run: Run) -> LayersState:
        """Start from random latents, with no layer changed."""
        problem = problem.private()  # its layers are hooked
        layers = hidden_layers(problem.prior)[: len(self.n_steps) - 1]
        z = restarts_of(problem, self.restarts, seed=run.seed)
        parts: Parts = {"z": z}
        for i, layer in enumerate(layers):
            parts[f"layer {i}"] = z.new_zeros(len(z), *layer_shape(problem.prior, layer))
        n_steps = sum(self.n_steps[: len(parts)])
        return State(Layers(problem, layers), run, begun(problem, parts), every_row(z), None, n_steps)

    def step(self, state: LayersState) -> LayersState:
        """Move the latents, or the layer whose turn it is."""
        ends = list(accumulate(self.n_steps))
        stage = next(i for i, end in enumerate(ends) if state.iteration < end)
        name = list(state.best.parts)[stage]
        loss = Loss(state.search.make, {name: self.learning_rate}, project=self._project)
        return descend(state, loss, step=state.iteration + 1 - (ends[stage] - self.n_steps[stage]))

    def _project(self, parts: Parts) -> Parts:
        """Project the changes of each layer to its l1-ball."""
        return {n: p if n == "z" else l1_ball(p, self.radius * p[0].numel()) for n, p in parts.items()}

    def result(self, state: LayersState) -> Solution:
        """Return the restarts with the smallest residual."""
        problem, parts = state.search.problem, state.best.parts
        with torch.no_grad():
            x = state.search.make(parts)
            best = best_rows(problem, x)
            z = parts["z"][best]
            in_range = problem.prior(z)
        return score(problem, x[best], z=z, x_range=in_range, ended=how_ended(state))

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search layer after layer.

        Raises
        ------
        InputError
            The generator has no hidden layer.
        """
        return iterate(self, problem, seed=seed, monitor=monitor)


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
