"""The differential equations of a reaction network, for many parameter sets and starts in one batch.

A species that reactions change is a state by its amount, so that volumes may change; a quantity with a
rate rule is a state by what the rule is of. What has an assignment rule is computed, all else is a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.reactions.elementary import OF_FLOATS, OF_TENSORS
from sciadv.physics.reactions.layout import Layout, declared_values, unset
from sciadv.physics.reactions.network import ReactionNetwork
from sciadv.physics.reactions.symbols import Running, Starting
from sciadv.physics.reactions.tape import Tape


@dataclass(frozen=True)
class Equations:
    """``dy/dt`` of a reaction network; states ``(states, batch)``, constants ``(constants, batch)``.

    Parameters
    ----------
    network
        What the equations are of.

    Raises
    ------
    InputError
        Something is not defined, rules go round in a circle, or a rate has a function that is not known.

    Examples
    --------
    >>> from sciadv.physics.reactions.expressions import call, name
    >>> from sciadv.physics.reactions.network import Compartment, Parameter, Reaction, Reference, Species
    >>> decay = Reaction((Reference("S"),), rate=call("times", name("k"), name("S")))
    >>> network = ReactionNetwork(
    ...     "m", {"c": Compartment()}, {"S": Species("c", 2.0)}, {"k": Parameter(0.5)}, {"J": decay}
    ... )
    >>> equations = Equations(network)
    >>> y, constants = equations.start({"k": torch.tensor([0.5, 1.0], dtype=torch.float64)})
    >>> equations.rates(0.0, y, constants).tolist()
    [[-1.0, -2.0]]
    """

    network: ReactionNetwork

    @cached_property
    def laid_out(self) -> Layout:
        """Which quantities are states, and which are constants."""
        return Layout.of(self.network)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in their order."""
        return self.laid_out.states

    @property
    def constants(self) -> tuple[str, ...]:
        """Names of the constants, in their order."""
        return self.laid_out.constants

    @cached_property
    def rate_tape(self) -> Tape:
        """The equations as steps; inputs are time, states, constants."""
        running = Running(self.laid_out)
        slots = [running.rate_of_state(one) for one in self.states]
        return running.builder.tape(slots, n_inputs=self.laid_out.n_inputs)

    @cached_property
    def start_tape(self) -> Tape:
        """States and constants at time 0 as steps; inputs are what is declared."""
        starting = Starting(self.laid_out)
        slots = [starting.stored(one) for one in (*self.states, *self.constants)]
        return starting.builder.tape(slots, n_inputs=len(self.declared))

    @cached_property
    def declared(self) -> dict[str, float]:
        """Values that the network gives to parameters, sizes, initial levels and stoichiometries."""
        return declared_values(self.network)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """What has no value in the network although its equations need one; it counts as 0."""
        used = self.rate_tape.used()
        needed = [
            one
            for place, one in enumerate((*self.states, *self.constants), 1)
            if place in used or one in self.states
        ]
        starting = Starting(self.laid_out)
        slots = [starting.stored(one) for one in needed]
        asked = starting.builder.tape(slots, n_inputs=len(self.declared)).used()
        lacking = unset(self.network)
        return tuple(key for k, key in enumerate(self.declared) if k in asked and key in lacking)

    def start(
        self, values: Mapping[str, Tensor | float] | None = None
    ) -> tuple[Float[Tensor, "states batch"], Float[Tensor, "constants batch"]]:
        """Return states and constants at time 0, with other values for some of what is declared.

        Parameters
        ----------
        values
            ``(batch,)`` or one number each, by name; a local parameter is ``reaction.parameter``, a species
            what its initial level is in: its amount or its concentration.

        Raises
        ------
        UnknownNameError
            The network declares no such quantity.
        InputError
            A rule or an initial assignment computes it.
        """
        given = {key: _column(value) for key, value in (values or {}).items()}
        self._check_names(given)
        batch = max((len(one) for one in given.values()), default=1)
        inputs = [given.get(key, value) for key, value in self.declared.items()]
        found = self.start_tape.function(OF_TENSORS)(inputs)
        like = next(iter(given.values()), torch.zeros(1, dtype=torch.float64))
        rows = _rows(found, batch, like)
        return rows[: len(self.states)], rows[len(self.states) :]

    def _check_names(self, names: Iterable[str]) -> None:
        for key in names:
            if key not in self.declared:
                raise UnknownNameError("quantity of the network", key, self.declared)
            if key in self.network.assignment_rules or key in self.network.initial_assignments:
                raise InputError(f"{key} cannot be set: a rule or an initial assignment computes it")

    def rates(
        self,
        t: Tensor | float,
        y: Float[Tensor, "states batch"],
        constants: Float[Tensor, "constants batch"],
    ) -> Float[Tensor, "states batch"]:
        """Return ``dy/dt``, differentiable in all it is of."""
        return _rows(
            self._tensor_rates([torch.as_tensor(t, dtype=y.dtype, device=y.device), *y, *constants]),
            y.shape[1],
            y,
        )

    @cached_property
    def _tensor_rates(self) -> Callable[[Sequence[Any]], list[Any]]:
        return self.rate_tape.function(OF_TENSORS)

    def quantities(
        self,
        names: Sequence[str],
        t: Tensor | float,
        y: Float[Tensor, "states batch"],
        constants: Float[Tensor, "constants batch"],
    ) -> Float[Tensor, "names batch"]:
        """Return quantities by their names: what the name stands for in formulas; a reaction is its rate.

        Raises
        ------
        UnknownNameError
            There is no such quantity.
        """
        run = self.quantity_tape(tuple(names)).function(OF_TENSORS)
        found = run([torch.as_tensor(t, dtype=y.dtype, device=y.device), *y, *constants])
        return _rows(found, y.shape[1], y)

    def quantity_tape(self, names: tuple[str, ...]) -> Tape:
        """Return quantities as steps; inputs are time, states, constants."""
        running = Running(self.laid_out)
        slots = [running.resolve(one) for one in names]
        return running.builder.tape(slots, n_inputs=self.laid_out.n_inputs)

    def float_rates(self, constants: Sequence[float]) -> Callable[[float, Sequence[float]], list[float]]:
        """Return ``dy/dt`` of one model as a function of time and states, on Python's floats."""
        run = self.rate_tape.function(OF_FLOATS)
        held = [*constants]
        return lambda t, y: run([t, *y, *held])


def _column(value: Tensor | float) -> Tensor:
    column = value if isinstance(value, Tensor) else torch.as_tensor(value, dtype=torch.float64)
    column = column if column.is_floating_point() else column.double()
    if column.ndim > 1:
        raise InputError(f"a value is one number or a batch of them, but it has shape {tuple(column.shape)}")
    return column.reshape(-1)


def _rows(found: Sequence[Tensor | float], batch: int, like: Tensor) -> Tensor:
    """Stack rows that are tensors or numbers."""
    rows = [torch.as_tensor(one, dtype=like.dtype, device=like.device).expand(batch) for one in found]
    return torch.stack(rows) if rows else like.new_zeros(0, batch)
