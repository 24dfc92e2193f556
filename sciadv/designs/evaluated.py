"""Evaluated designs: what the model and the constraints say of them, in double precision."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from sciadv.constraint import Constraint
from sciadv.designs.wishes import Wish
from sciadv.forward import PropertyModel
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.types import Rows


@dataclass(frozen=True, eq=False)
class Evaluated(Rows):
    """Designs with every property of the model, margins, feasibility and regime.

    Parameters
    ----------
    x
        ``(n, *shape)``, float64.
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

    def excess(self, wishes: Sequence[Wish]) -> Tensor:
        """Return how far designs are outside each demand, in its tolerances ``(n, wishes)``; 0 within."""
        outside = [
            torch.maximum(wish.low - self.value(wish.name), self.value(wish.name) - wish.high) / wish.scale
            for wish in wishes
        ]
        return torch.stack(outside, 1).clamp_min(0) if outside else self.x.new_zeros(len(self.x), 0)

    def hits(self, wishes: Sequence[Wish]) -> Tensor:
        """Return which designs do all that is asked and keep every constraint ``(n,)``."""
        return (self.excess(wishes) == 0).all(1) & self.feasible


@torch.no_grad()
def evaluate(problem: Problem, x: Tensor, names: Sequence[str] = ()) -> Evaluated:
    """Evaluate designs in float64 on the CPU.

    Parameters
    ----------
    problem
        Its forward is a `PropertyModel`.
    x
        Designs ``(n, *shape)``.
    names
        Of the properties, those that limits are on among them; every one that the model knows where left out.
    """
    x = x.detach().to("cpu", torch.float64)
    known = cast(PropertyModel, problem.forward)  # as `take_aim` has checked
    names = tuple(names) or tuple(quantity.name for quantity in known.PROPERTIES)
    precise = known.with_properties(names).to("cpu", torch.float64)
    model = cast(PropertyModel, precise)
    both: Callable[[Tensor], tuple[Tensor, Tensor]] | None = getattr(model, "with_regime", None)
    properties, regime = (precise(x), model.regime(x)) if both is None else both(x)
    margins = [
        _margin(limit, x, dict(zip(names, properties.unbind(1), strict=True)))
        for limit in problem.constraints
    ]
    stacked = torch.stack(margins, 1) if margins else x.new_zeros(len(x), 0)
    sound = properties.isfinite().all(1)
    feasible = (stacked >= 0).all(1) & sound
    return Evaluated(x, properties, stacked, feasible, regime, names)


@torch.no_grad()
def usual_size(model: PropertyModel, prior: Prior, name: str, *, most: int = 256) -> float:
    """Return the median absolute value of a property over random candidates, those left out that have 0.

    1 where all have 0 or none is finite.

    Parameters
    ----------
    model
        What predicts the property.
    prior
        Of the candidates.
    name
        Of the property.
    most
        Candidates at most; no more than the model's library has.
    """
    z = prior.sample_latent(min(most, model.n_library), seed=0)  # so that a tolerance depends on no seed
    precise = model.with_properties((name,)).to("cpu", torch.float64)
    sizes = precise(prior(z).to("cpu", torch.float64))[:, 0].abs()
    known = sizes[sizes.isfinite() & (sizes > 0)]
    return float(known.median()) if len(known) else 1.0


def _margin(limit: Constraint, x: Tensor, values: dict[str, Tensor]) -> Tensor:
    """Return how far each design is below a limit, from the properties where it is one of them."""
    if limit.on:
        worst = values[limit.on]
    else:
        worst = copy.deepcopy(limit.forward).to("cpu", torch.float64)(x).flatten(1).amax(1)
    return (limit.at_most - worst) / limit.size
