"""Constraints: what a candidate must never do, ``c(x) <= 0``, and how a search is made to keep them.

Within a search a constraint is one more datum: the problem's forward is stacked with the constraints', and
`Constrained` adds to the likelihood a one-sided term, so that every latent solver keeps constraints without
knowing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import final

import torch
from torch import Tensor

from sciadv.arguments.values import as_number, as_one_of, as_text, shown
from sciadv.errors import InputError
from sciadv.forward import Forward
from sciadv.likelihood import Likelihood
from sciadv.nets.private_copy import sharing_copy
from sciadv.types import Shape, as_device


@final
@dataclass(frozen=True, eq=False)
class Constraint:
    """No value of ``forward(x)`` may be above `at_most`.

    ``c(x) = (max forward(x) - at_most) / scale``, so that -0.1 is 10 % below the limit. A lower limit is an
    upper one on ``-1.0 * forward``.

    Parameters
    ----------
    name
        What it says, in words, for reports.
    forward
        Operator on the candidates of the problem.
    at_most
        The limit, in `unit`.
    unit
        Unit of the values.
    scale
        What counts as 1, in `unit`; ``|at_most|`` if left out, which then must not be 0.
    on
        Name of the property that the problem's own forward predicts and this limits, where it is one.

    Raises
    ------
    InputError
        The limit is not finite, or the scale is not a positive number.

    Examples
    --------
    At most 4 on-pixels in a block:

    >>> import torch
    >>> from sciadv.forward import BlockSum
    >>> ink = Constraint("ink of a block", BlockSum((1, 4, 4), 4), at_most=4.0)
    >>> ink.margin(torch.ones(1, 1, 4, 4))
    tensor([-3.])
    """

    name: str
    forward: Forward
    at_most: float
    unit: str = ""
    scale: float | None = None
    on: str = ""

    def __post_init__(self) -> None:
        """Check every field."""
        as_text(self.name, "the name of a constraint")
        where = f"of constraint {self.name!r}"
        as_text(self.unit, f"unit {where}")
        what = "a Forward (see sciadv.forward.as_forward)"
        as_one_of(self.forward, f"forward {where}", Forward, what)  # type: ignore[type-abstract]  # any of them
        at_most = as_number(self.at_most, f"at_most {where}")
        object.__setattr__(self, "at_most", at_most)  # frozen
        if self.scale is not None:
            object.__setattr__(self, "scale", as_number(self.scale, f"scale {where}", above=0))
        elif at_most == 0:
            raise InputError(f"scale {where} must be a finite number > 0 where at_most is 0; give one")

    @property
    def size(self) -> float:
        """What counts as 1, in `unit`."""
        return abs(self.at_most) if self.scale is None else self.scale

    def margin(self, x: Tensor) -> Tensor:
        """Return ``-c(x)`` of candidates ``(batch, *in_shape)``: how far below the limit; ``(batch,)``."""
        worst: Tensor = self.forward(x).flatten(1).amax(1)
        return (self.at_most - worst) / self.size

    def to(self, device: torch.device | str) -> Constraint:
        """Return the constraint with its operator on another device; this one stays where it is."""
        own = sharing_copy(self.forward, f"the operator of constraint {self.name!r}")
        return replace(self, forward=own.to(as_device(device)))


@final
class Constrained(Likelihood):
    """A likelihood and constraints: the augmented Lagrangian as an energy of stacked predictions.

    The data are ``(y, s)``, flattened: one shift s per value of a constraint, ``s = -(m + lambda / rho)`` for
    a safety margin m and a multiplier lambda. The energy is
    ``-log p(y | F(x)) + rho / 2 sum max(0, c - s)^2``, that of Hestenes, Powell and Rockafellar up to a
    constant: multipliers are data, so every row of a batch has its own.

    Parameters
    ----------
    base
        Likelihood of the data.
    base_shape
        Shape of one measurement.
    constraints
        Constraints whose values are stacked behind the measurement, in this order.
    weight
        rho; one part in ``rho^(1/2)`` above a limit costs as much as one sigma.

    References
    ----------
    Rockafellar, The multiplier method of Hestenes and Powell applied to convex programming, J. Optim. Theory
    Appl. 12, 1973. Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section 17.4.
    """

    def __init__(
        self, base: Likelihood, base_shape: Shape, constraints: Sequence[Constraint], *, weight: float
    ) -> None:
        self.base, self.base_shape, self.constraints, self.weight = base, base_shape, constraints, weight
        self.unit, self.has_noise_level = base.unit, base.has_noise_level
        sizes = [prod(c.forward.out_shape) for c in constraints]
        self.at_most = torch.tensor(
            [c.at_most for c, n in zip(constraints, sizes, strict=True) for _ in range(n)]
        )
        self.scale = torch.tensor([c.size for c, n in zip(constraints, sizes, strict=True) for _ in range(n)])

    def with_weight(self, weight: float) -> Constrained:
        """Return the same likelihood with another rho."""
        return Constrained(self.base, self.base_shape, self.constraints, weight=weight)

    def split(self, stacked: Tensor) -> tuple[Tensor, Tensor]:
        """Cut stacked numbers ``(batch, ...)`` into those of the measurement, in its shape, and the rest."""
        n = prod(self.base_shape)
        return stacked[:, :n].reshape(-1, *self.base_shape), stacked[:, n:]

    def violation(self, prediction: Tensor) -> Tensor:
        """Return c of stacked predictions ``(batch, values)``; positive where a limit is broken."""
        values = self.split(prediction)[1]
        return (values - self.at_most.to(values)) / self.scale.to(values)

    def excess(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return ``max(0, c - s)``, which is the next multiplier over rho; ``(batch, values)``."""
        return (self.violation(prediction) - self.split(y)[1]).clamp_min(0)

    def energy(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the base's energy plus ``rho / 2 sum max(0, c - s)^2``."""
        base = self.base.energy(self.split(prediction)[0], self.split(y)[0])
        return base + 0.5 * self.weight * self.excess(prediction, y).square().sum(1)

    def gradient(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the base's gradient and ``rho max(0, c - s) / scale``."""
        base = self.base.gradient(self.split(prediction)[0], self.split(y)[0])
        ours = self.weight * self.excess(prediction, y) / self.scale.to(prediction)
        return torch.cat([base.flatten(1), ours], 1)

    def curvature(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the base's curvature and ``rho / scale^2`` where a limit acts, else 0."""
        base = self.base.curvature(self.split(prediction)[0], self.split(y)[0])
        acts = (self.excess(prediction, y) > 0).to(prediction.dtype)
        return torch.cat([base.flatten(1), self.weight * acts / self.scale.to(prediction).square()], 1)

    def misfit(self, prediction: Tensor, y: Tensor) -> Tensor:
        """Return the larger of the base's misfit and ``1 + c``: at most 1 only if all is kept."""
        base = self.base.misfit(self.split(prediction)[0], self.split(y)[0])
        return torch.maximum(base, 1 + self.violation(prediction).amax(1))

    def sample(self, prediction: Tensor, *, generator: torch.Generator) -> Tensor:
        """Draw measurements; the constraints have no noise."""
        base, values = self.split(prediction)
        drawn = self.base.sample(base, generator=generator)
        return torch.cat([drawn.flatten(1), values], 1)

    def to(self, device: torch.device | str) -> Constrained:
        """Return the same likelihood on another device."""
        return Constrained(
            self.base.to(device),
            self.base_shape,
            [c.to(device) for c in self.constraints],
            weight=self.weight,
        )


def check_constraints(constraints: Sequence[Constraint], in_shape: Shape) -> tuple[Constraint, ...]:
    """Return the constraints of a problem, or say what is wrong with them.

    Raises
    ------
    InputError
        They are no list of constraints, one takes other candidates, or two have one name.
    """
    if isinstance(constraints, str | dict) or not isinstance(constraints, Sequence):
        raise InputError(f"constraints must be a list of Constraint, but they are {shown(constraints)}")
    for constraint in constraints:
        as_one_of(constraint, "each of constraints", Constraint, "a Constraint")
        if constraint.forward.in_shape != in_shape:
            raise InputError(
                f"constraint {constraint.name!r} takes candidates {constraint.forward.in_shape}, but the "
                f"prior generates {in_shape}"
            )
    names = [constraint.name for constraint in constraints]
    if len(set(names)) < len(names):
        raise InputError(f"constraints need names of their own, but they are: {', '.join(names)}")
    return tuple(constraints)
