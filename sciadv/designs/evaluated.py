"""Evaluated designs: what the model and the constraints say of them, in double precision."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.forward import Forward, PropertyModel
from sciadv.nets import DesignDecoder
from sciadv.problem import Problem
from sciadv.types import Rows, as_generator


@dataclass(frozen=True, eq=False)
class Evaluated(Rows):
    """Designs with every property of the model, margins, feasibility and regime.

    Parameters
    ----------
    x
        ``(n, variables)``, float64.
    properties
        ``(n, properties)``.
    margins
        How far each constraint is below its limit, in parts of it ``(n, constraints)``.
    feasible
        Whether a design keeps every constraint ``(n,)``.
    regime
        Number of its regime ``(n,)``.
    names
        Of the properties.
    """

    x: Tensor
    properties: Tensor
    margins: Tensor
    feasible: Tensor
    regime: Tensor
    names: tuple[str, ...]

    def value(self, name: str) -> Tensor:
        """Return one property of each design ``(n,)``."""
        return self.properties[:, self.names.index(name)]

    def deviations(self, names: Sequence[str], goal: Tensor) -> Tensor:
        """Return the relative deviations of properties from a goal ``(n, names)``."""
        values = torch.stack([self.value(name) for name in names], 1)
        wanted = goal.cpu().double()
        return (values - wanted) / wanted


@torch.no_grad()
def evaluate(problem: Problem, x: Tensor) -> Evaluated:
    """Evaluate designs in float64 on the CPU, by every property the problem's model knows.

    Parameters
    ----------
    problem
        Its forward is a `PropertyModel`.
    x
        Designs ``(n, variables)``.
    """
    x = x.detach().to("cpu", torch.float64)
    model = _double(problem.forward)
    assert isinstance(model, PropertyModel)
    names = tuple(quantity.name for quantity in model.PROPERTIES)
    properties: Tensor = model.with_properties(names)(x)
    limits = [(_double(limit.forward), limit) for limit in problem.constraints]
    margins = [(limit.at_most - forward(x).amax(1)) / limit.size for forward, limit in limits]
    stacked = torch.stack(margins, 1) if margins else x.new_zeros(len(x), 0)
    return Evaluated(x, properties, stacked, (stacked >= 0).all(1), model.regime(x), names)


def _double(forward: Forward) -> Forward:
    return copy.deepcopy(forward).to("cpu", torch.float64)


def joined(parts: Sequence[Evaluated]) -> Evaluated:
    """Return the designs of several evaluations as one."""
    return Evaluated(
        x=torch.cat([part.x for part in parts]),
        properties=torch.cat([part.properties for part in parts]),
        margins=torch.cat([part.margins for part in parts]),
        feasible=torch.cat([part.feasible for part in parts]),
        regime=torch.cat([part.regime for part in parts]),
        names=parts[0].names,
    )


def neighbours(problem: Problem, x: Tensor, n: int, *, width: float, seed: int) -> Evaluated:
    """Evaluate `n` designs around each of ``(m, variables)``, within the bounds.

    Parameters
    ----------
    problem
        Its prior's generator is a `DesignDecoder`.
    x
        The designs in the middle.
    n
        Designs around each.
    width
        Standard deviation of the distance, as a part of the distance of the bounds.
    seed
        Seed of the draws.
    """
    generator = problem.prior.generator
    assert isinstance(generator, DesignDecoder)
    places = generator.to_unit(x.to(generator.lower)).repeat_interleave(n, 0)
    noise = torch.randn(places.shape, generator=as_generator(seed)).to(places)
    return evaluate(problem, generator.from_unit((places + width * noise).clamp(0, 1)))


def random_library(problem: Problem, n: int, *, seed: int) -> Evaluated | None:
    """Evaluate designs over the bounds by a scrambled Sobol sequence; None for a prior without bounds."""
    generator = problem.prior.generator
    if not isinstance(generator, DesignDecoder):
        return None
    engine = torch.quasirandom.SobolEngine(len(generator.lower), scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # untyped in torch
    places = engine.draw(n)
    return evaluate(problem, generator.from_unit(places.to(generator.lower)))


def grid_library(problem: Problem, n: int) -> Evaluated | None:
    """Evaluate ``n x n`` designs on a grid over two variables' bounds; None for a prior without such."""
    generator = problem.prior.generator
    if not isinstance(generator, DesignDecoder) or len(generator.lower) != 2:
        return None
    line = torch.linspace(0, 1, n)
    return evaluate(problem, generator.from_unit(torch.cartesian_prod(line, line).to(generator.lower)))
