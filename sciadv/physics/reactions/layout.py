"""Where the quantities of a reaction network are: states, constants, or computed; and what they start at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.reactions.expressions import Expression, name
from sciadv.physics.reactions.network import Parameter, ReactionNetwork, Reference, Species


def declared_values(network: ReactionNetwork) -> dict[str, float]:
    """Return the values that a network gives, by name; 0 (of sizes and stoichiometries 1) for none."""
    found = {key: _or(one.size, 1.0) for key, one in network.compartments.items()}
    for key, species in network.species.items():
        found[key] = _or(species.amount if species.concentration is None else species.concentration, 0.0)
    found |= {key: _or(one.value, 0.0) for key, one in network.parameters.items()}
    for reaction_id, reaction in network.reactions.items():
        found |= {f"{reaction_id}.{key}": _or(one.value, 0.0) for key, one in reaction.local.items()}
    return found | {key: _or(one.stoichiometry, 1.0) for key, one in network.references().items()}


def with_values(network: ReactionNetwork, values: Mapping[str, float]) -> ReactionNetwork:
    """Return a network with other values for some of what it declares.

    Parameters
    ----------
    values
        By name, as `declared_values` has them.

    Raises
    ------
    UnknownNameError
        The network declares no such quantity.
    """
    declared = declared_values(network)
    for key in values:
        if key not in declared:
            raise UnknownNameError("quantity of the network", key, declared)

    def parameters(of: Mapping[str, Parameter], prefix: str = "") -> dict[str, Parameter]:
        return {key: replace(one, value=values.get(prefix + key, one.value)) for key, one in of.items()}

    def references(of: tuple[Reference, ...]) -> tuple[Reference, ...]:
        return tuple(replace(one, stoichiometry=values.get(one.id, one.stoichiometry)) for one in of)

    return replace(
        network,
        compartments={k: replace(c, size=values.get(k, c.size)) for k, c in network.compartments.items()},
        species={key: _started(one, values.get(key)) for key, one in network.species.items()},
        parameters=parameters(network.parameters),
        reactions={
            key: replace(
                one,
                reactants=references(one.reactants),
                products=references(one.products),
                local=parameters(one.local, f"{key}."),
            )
            for key, one in network.reactions.items()
        },
    )


def _started(species: Species, level: float | None) -> Species:
    if level is None:
        return species
    if species.concentration is None:
        return replace(species, amount=level)
    return replace(species, concentration=level)


def unset(network: ReactionNetwork) -> set[str]:
    """Return what a network declares without a value."""
    without = {key for key, one in network.compartments.items() if one.size is None}
    without |= {
        key for key, one in network.species.items() if one.amount is None and one.concentration is None
    }
    without |= {key for key, one in network.parameters.items() if one.value is None}
    for reaction_id, reaction in network.reactions.items():
        without |= {f"{reaction_id}.{key}" for key, one in reaction.local.items() if one.value is None}
    return without | {key for key, one in network.references().items() if one.stoichiometry is None}


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


@dataclass(frozen=True)
class Layout:
    """Where each quantity of a network is: a state, a constant, or computed by a rule.

    Parameters
    ----------
    network
        The network.
    states, constants
        Names in order; of a species that reactions change, the state is the amount.
    by_amount
        Species whose state or constant is the amount.
    """

    network: ReactionNetwork
    states: tuple[str, ...]
    constants: tuple[str, ...]
    by_amount: frozenset[str]

    @staticmethod
    def of(network: ReactionNetwork) -> Layout:
        """Lay a network out."""
        moved = _moved_by_reactions(network)
        declared = declared_values(network)
        ruled = {*network.assignment_rules}
        rated = [key for key in network.rate_rules if key in declared]
        states = [*(key for key in network.species if key in moved), *rated]
        held = [key for key in declared if key not in {*states, *ruled}]
        by_amount = {key for key in network.species if key in moved or key in held}
        return Layout(network, tuple(states), tuple(held), frozenset(by_amount))

    @property
    def n_inputs(self) -> int:
        """Time, states, constants."""
        return 1 + len(self.states) + len(self.constants)

    @cached_property
    def places(self) -> dict[str, int]:
        """Place of each state and constant among the inputs."""
        return {one: k for k, one in enumerate((*self.states, *self.constants), 1)}

    def functions(self) -> dict[str, tuple[tuple[str, ...], Expression | None]]:
        """Return the functions that the network defines."""
        return {key: (one.arguments, one.body) for key, one in self.network.functions.items()}

    def rate(self, reaction_id: str) -> Expression:
        """Return a reaction's rate, with local parameters by their full names.

        Raises
        ------
        InputError
            It has none.
        """
        reaction = self.network.reactions[reaction_id]
        if reaction.rate is None:
            raise InputError(f"reaction {reaction_id} has no rate")
        return reaction.rate.replaced({key: name(f"{reaction_id}.{key}") for key in reaction.local})


def _moved_by_reactions(network: ReactionNetwork) -> set[str]:
    """Return the species that reactions change."""
    found: set[str] = set()
    for reaction in network.reactions.values():
        found |= {one.species for one in (*reaction.reactants, *reaction.products)}
    kept = {*network.assignment_rules, *network.rate_rules}
    return {
        key
        for key, species in network.species.items()
        if key in found and key not in kept and not (species.is_boundary or species.is_constant)
    }
