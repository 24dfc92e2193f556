"""Kinetic models that can be designed: parameters are looked for with which they behave as asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.forward.autodiff import apply_nonlinear
from sciadv.forward.design.quantity import Variable
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.layout import with_values
from sciadv.physics.reactions.measures import Course, Measure, measured
from sciadv.physics.reactions.network import ReactionNetwork


@dataclass(frozen=True)
class DesignableNetwork:
    """A network whose parameters `sciadv.design` may choose; made by `designable`.

    Derivatives are central differences in the logarithms of the parameters, all in one batch with each other.
    A set that does not oscillate counts as one of amplitude 0 and of a period as long as it was followed;
    what cannot be integrated has level 0.

    Parameters
    ----------
    network
        The model.
    variables
        The parameters that are looked for, and between which bounds.
    properties
        Units by the properties' names.
    measures
        What each property is.
    course
        How trajectories are followed.
    n_library
        Random parameter sets that a search may look at first.
    step
        Of the differences, in natural logarithms.
    """

    network: ReactionNetwork
    variables: tuple[Variable, ...]
    properties: Mapping[str, str]
    measures: tuple[Measure, ...]
    course: Course
    n_library: int = 256
    step: float = 1e-2

    @property
    def predict(self) -> Callable[..., dict[str, Tensor]]:
        """What gives the properties ``(batch,)`` for parameters ``(batch,)`` by name."""
        return self._predicted

    def _predicted(self, **values: Tensor) -> dict[str, Tensor]:
        x = torch.stack([values[one.name] for one in self.variables], 1)
        found = apply_nonlinear(self._measured, self._along, self._back, x)
        return dict(zip(self.properties, found.unbind(1), strict=True))

    def _measured(self, x: Float[Tensor, "batch variables"]) -> Float[Tensor, "batch properties"]:
        values = {one.name: x[:, k].detach() for k, one in enumerate(self.variables)}
        found = measured(self.network, self.measures, self.course, values=values)
        none = [self.course.end if one.kind == "period" else 0.0 for one in self.measures]
        return torch.where(found.isfinite(), found, found.new_tensor(none))

    def _along(self, x: Tensor, tangent: Tensor) -> Tensor:
        return torch.einsum("bpv,bv->bp", self.jacobian(x), tangent)

    def _back(self, x: Tensor, cotangent: Tensor) -> Tensor:
        return torch.einsum("bpv,bp->bv", self.jacobian(x), cotangent)

    def jacobian(self, x: Float[Tensor, "batch variables"]) -> Float[Tensor, "batch properties variables"]:
        """Return the derivatives of the properties by the parameters."""
        n, n_variables = x.shape
        shift = self.step * torch.eye(n_variables, dtype=x.dtype, device=x.device)
        shifted = torch.stack([x[:, None] * (sign * shift).exp() for sign in (1, -1)])
        found = self._measured(shifted.flatten(0, 2)).reshape(2, n, n_variables, -1)
        change = (found[0] - found[1]) / (2 * self.step)
        return (change / x[:, :, None]).transpose(1, 2)

    def designed(self, x: Sequence[float] | Tensor) -> ReactionNetwork:
        """Return the network with the parameters of one design ``(variables,)``."""
        values = [float(one) for one in x]
        return with_values(self.network, dict(zip((v.name for v in self.variables), values, strict=True)))


def designable(
    network: ReactionNetwork,
    parameters: Sequence[str],
    properties: Mapping[str, str],
    *,
    course: Course,
    span: float = 10.0,
    n_library: int = 256,
) -> DesignableNetwork:
    """Return a network as an object that `sciadv.design` takes: which finds other parameters.

    Parameters
    ----------
    network
        The model; what it is now is in the middle of the bounds.
    parameters
        Names of what may change: parameters, local ones as ``reaction.parameter``, sizes, initial levels.
    properties
        What each property is: ``{"period": "period of PX"}``, see `Measure`.
    course
        How long trajectories are followed, and when they have settled.
    span
        Bounds are the values now, divided and multiplied by this.
    n_library
        Random parameter sets that a search may look at first.

    Raises
    ------
    InputError
        A value is not positive, the span is not larger than 1, or a property is no measure.
    UnknownNameError
        The network has no such quantity.
    """
    if not (math.isfinite(span) and span > 1):
        raise InputError(f"span must be a finite number larger than 1, but is {span}")
    declared = Equations(network).declared
    for one in parameters:
        if one not in declared:
            raise UnknownNameError("quantity of the network", one, declared)
        if not declared[one] > 0:
            raise InputError(f"{one} is {declared[one]:g}: only what is positive has bounds around its value")
    variables = [
        Variable(one, low=declared[one] / span, high=declared[one] * span, is_log=True) for one in parameters
    ]
    measures = tuple(Measure.read(text) for text in properties.values())
    units = dict.fromkeys(properties, "")
    return DesignableNetwork(network, tuple(variables), units, measures, course, n_library)
