"""Iterated conditional modes: the likeliest black and white candidate, from the generator's probabilities.

Besag, On the statistical analysis of dirty pictures, J. R. Stat. Soc. B 48 (1986) 259-302. A generator with a
sigmoid at its end says with what probability each cell is 1; given z, cells are independent beforehand, and
the measurements tie them together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.likelihood import Gaussian, real_view
from sciadv.problem import Problem
from sciadv.registry.checked import checked
from sciadv.solution import Solution
from sciadv.solvers.automatic.auto import Auto
from sciadv.solvers.latent.progress import Monitor, Stopwatch
from sciadv.solvers.latent.scoring import finish
from sciadv.solvers.linear.gaussian_estimate import noise_variance
from sciadv.types import Count, NotNegative

#: Cells whose effect on the measurements is computed at once; bounds the memory.
_CHUNK = 500


@checked
@dataclass(frozen=True)
class BinaryCells:
    """Round what `Auto` finds to 0 and 1, then turn over the cell that gains most, again and again.

    Minimises ``|y - F(x)|^2 / (2 sigma^2) - sum_i log p(x_i | z)`` over x of 0 and 1, from the rounded G(z),
    one cell at a time, until none gains or the data are explained to the noise level.

    Parameters
    ----------
    restarts
        Of `Auto`.
    max_turns
        Cells turned over per measurement at most.
    rounding
        Largest difference from additivity that counts as rounding [part of the effect of all cells].
    least_probability
        Probabilities of the generator are clipped to this distance from 0 and 1.

    Notes
    -----
    The operator must act on each cell by itself, as travel times along straight rays do: F(x) of a binary x
    is then affine in x, also where F of grey values is not. Cost beside the search: one prediction per cell,
    shared by all measurements, and per turn one product with them.
    """

    restarts: Count | None = None
    max_turns: Count = 2000
    rounding: NotNegative = 1e-3
    least_probability: NotNegative = 1e-4
    name: str = "binary-cells"

    def solve(self, problem: Problem, *, seed: int = 0, monitor: Monitor | None = None) -> Solution:
        """Search, then turn cells over.

        Raises
        ------
        InputError
            The operator does not act on each cell by itself, the noise is not Gaussian of known sigma, or the
            generator's values are no probabilities.
        """
        found = Auto(restarts=self.restarts).solve(problem, seed=seed, monitor=monitor)
        return self.turn(problem, found)

    def turn(self, problem: Problem, found: Solution) -> Solution:
        """Turn cells over, from the candidates of a solution that is there."""
        clock = Stopwatch()
        sigma = noise_variance(problem, self.name).sqrt()
        probability = found.x.flatten(1).double()
        if not bool(((probability >= 0) & (probability <= 1)).all()):
            raise InputError(f"{self.name} needs candidates in [0, 1]: probabilities of 1 in each cell")
        probability = probability.clamp(self.least_probability, 1 - self.least_probability)
        base, columns = _cell_effects(problem, self.name, self.rounding)
        y = real_view(problem.measurements).double()
        x = _turned(
            (probability > 0.5).double(),
            probability.logit(),
            columns / sigma[:, None],
            (y - base) / sigma,
            self.max_turns,
        )
        solution = finish(problem, found, x.reshape(found.x.shape))
        seconds = found.seconds + clock.seconds
        own = {key: value for key, value in vars(self).items() if key not in {"name", "restarts"}}
        return replace(solution, method=self.name, seconds=seconds, settings={**own, **solution.settings})


def _cell_effects(problem: Problem, method: str, rounding: float) -> tuple[Tensor, Tensor]:
    """Return ``F(0)`` and what turning each cell to 1 adds, ``(measurements, cells)``, float64.

    Raises
    ------
    InputError
        The effects of all cells do not add up to that of all cells together.
    """
    if not isinstance(problem.likelihood, Gaussian):
        raise InputError(f"{method} needs Gaussian noise, but the problem has {problem.likelihood}")
    forward = problem.forward
    shape = (-1, *forward.in_shape)
    with torch.no_grad():
        zero = torch.zeros(1, *forward.in_shape, dtype=forward.dtype, device=forward.device)
        base = real_view(forward(zero)).double()[0]
        unit = torch.eye(zero.numel(), dtype=forward.dtype, device=forward.device)
        parts = [
            real_view(forward(cells.reshape(shape))).double() - base for cells in torch.split(unit, _CHUNK)
        ]
        together = real_view(forward(torch.ones_like(zero))).double()[0] - base
    columns = torch.cat(parts).T
    gap = (columns.sum(1) - together).abs().max() / together.abs().max().clamp_min(1e-30)
    if not bool(gap < rounding):
        raise InputError(
            f"{method} needs an operator that acts on each cell by itself, but the cells' effects differ "
            f"from that of all together by {float(gap):.1%}"
        )
    return base, columns


def _turned(x: Tensor, logit: Tensor, columns: Tensor, data: Tensor, max_turns: int) -> Tensor:
    """Turn over the cell that lowers ``|data - columns x|^2 / 2 - logit x`` most, until none does or must."""
    length = columns.square().sum(0)
    residual = data - x @ columns.T
    active = torch.arange(len(x), device=x.device)
    for _ in range(max_turns):
        change = 1 - 2 * x[active]  # +1 where a cell would become 1
        gain = change * (residual[active] @ columns + logit[active]) - 0.5 * length
        best, cell = gain.max(1)
        turns = (best > 0) & (residual[active].square().mean(1) > 1)
        active, cell = active[turns], cell[turns]
        if len(active) == 0:
            break
        step = 1 - 2 * x[active, cell]
        x[active, cell] += step
        residual[active] -= step[:, None] * columns.T[cell]
    return x
