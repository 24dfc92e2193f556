"""A reaction network with other names for some of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from sciadv.physics.reactions.expressions import Expression, name
from sciadv.physics.reactions.network import Event, Function, Reaction, ReactionNetwork, Reference, Species

Part = TypeVar("Part")


def identifiers(network: ReactionNetwork) -> list[str]:
    """Return the ids of a network's parts, in the order in which files have them, but for local ones."""
    parts = (
        network.functions,
        network.compartments,
        network.species,
        network.parameters,
        network.reactions,
        network.references(),
        network.events,
    )
    return [network.id, *(key for one in parts for key in one)]


def renamed_network(network: ReactionNetwork, names: Mapping[str, str]) -> ReactionNetwork:
    """Return a network in which parts have other ids.

    Parameters
    ----------
    names
        New ids by old ones; what is not in it stays.
    """
    change = _Renaming(names)
    return replace(
        network,
        id=change.id(network.id),
        compartments=change.keys(network.compartments),
        species={change.id(key): change.species(one) for key, one in network.species.items()},
        parameters=change.keys(network.parameters),
        reactions={change.id(key): change.reaction(one) for key, one in network.reactions.items()},
        functions={change.id(key): change.function(one) for key, one in network.functions.items()},
        initial_assignments=change.formulas(network.initial_assignments),
        assignment_rules=change.formulas(network.assignment_rules),
        rate_rules=change.formulas(network.rate_rules),
        events={change.id(key): change.event(one) for key, one in network.events.items()},
        conversion_factor=change.id(network.conversion_factor),
    )


class _Renaming:
    """Changes ids in the parts of a network."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.formula_names = {old: name(new) for old, new in names.items()}

    def id(self, key: str) -> str:
        """Return an id's new form."""
        return self.names.get(key, key)

    def keys(self, parts: Mapping[str, Part]) -> dict[str, Part]:
        """Return parts under new ids."""
        return {self.id(key): one for key, one in parts.items()}

    def formulas(self, formulas: Mapping[str, Expression]) -> dict[str, Expression]:
        """Return formulas with new names, under new ids."""
        return {self.id(key): self.formula(one) for key, one in formulas.items()}

    def formula(self, formula: Expression, hidden: tuple[str, ...] = ()) -> Expression:
        """Return a formula with new names for all but hidden ones."""
        seen = {old: new for old, new in self.formula_names.items() if old not in hidden}
        return self._calls(formula.replaced(seen))

    def _calls(self, formula: Expression) -> Expression:
        args = tuple(self._calls(arg) for arg in formula.args)
        is_call = formula.head == "call"
        return replace(formula, args=args, name=self.id(formula.name) if is_call else formula.name)

    def species(self, species: Species) -> Species:
        """Return a species in its compartment's new id."""
        return replace(
            species,
            compartment=self.id(species.compartment),
            conversion_factor=self.id(species.conversion_factor),
        )

    def reaction(self, reaction: Reaction) -> Reaction:
        """Return a reaction of species with new ids."""
        hidden = tuple(reaction.local)
        return replace(
            reaction,
            reactants=tuple(map(self.reference, reaction.reactants)),
            products=tuple(map(self.reference, reaction.products)),
            modifiers=tuple(map(self.id, reaction.modifiers)),
            rate=None if reaction.rate is None else self.formula(reaction.rate, hidden),
        )

    def reference(self, reference: Reference) -> Reference:
        """Return a reference to a species with a new id."""
        return replace(reference, species=self.id(reference.species), id=self.id(reference.id))

    def function(self, function: Function) -> Function:
        """Return a function that calls others by new ids; its arguments stay."""
        body = function.body
        return replace(function, body=None if body is None else self.formula(body, function.arguments))

    def event(self, event: Event) -> Event:
        """Return an event on quantities with new ids."""
        formulas = {
            part: None if found is None else self.formula(found)
            for part, found in (
                ("trigger", event.trigger),
                ("delay", event.delay),
                ("priority", event.priority),
            )
        }
        return replace(
            event,
            trigger=formulas["trigger"],
            delay=formulas["delay"],
            priority=formulas["priority"],
            assignments=self.formulas(event.assignments),
        )
