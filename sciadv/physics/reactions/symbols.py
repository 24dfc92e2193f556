"""What each name in a network's formulas stands for, at any time and at time 0, as steps of a tape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sciadv.errors import InputError, UnknownNameError
from sciadv.physics.reactions.layout import Layout, declared_values
from sciadv.physics.reactions.network import Species
from sciadv.physics.reactions.tape import TapeBuilder


def _once(found: dict[str, int | None], key: str, make: Callable[[str], int], circle: str) -> int:
    """Return the slot of a quantity, made when it is first asked for; while it is made it is None."""
    if key not in found:
        found[key] = None
        found[key] = make(key)
    slot = found[key]
    if slot is None:
        raise InputError(circle)
    return slot


@dataclass
class Running:
    """Gives slots to the quantities of a network as they are at any time."""

    layout: Layout
    builder: TapeBuilder = field(init=False)
    found: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin a tape with the network's functions."""
        self.builder = TapeBuilder(self.layout.functions())

    def resolve(self, key: str) -> int:
        """Return the slot of a quantity.

        Raises
        ------
        UnknownNameError
            There is no such quantity.
        InputError
            Rules go round in a circle.
        """
        circle = f"{key} depends on itself through rules or rates; break the circle"
        return _once(self.found, key, self._new, circle)

    def _new(self, key: str) -> int:
        network = self.layout.network
        if key == "time":
            return self.builder.input(0)
        if key.startswith("rate of "):
            return self._rate_of(key.removeprefix("rate of "))
        if key in network.assignment_rules:
            return self.builder.add(network.assignment_rules[key], self.resolve)
        if key in network.reactions:
            return self.builder.add(self.layout.rate(key), self.resolve)
        if key not in self.layout.places:
            known = (*self.layout.places, *network.assignment_rules, *network.reactions)
            raise UnknownNameError(f"quantity of model {network.id}", key, known)
        return self._level(key)

    def _level(self, key: str) -> int:
        """Return what a name stands for in formulas, of a state or a constant."""
        stored = self.builder.input(self.layout.places[key])
        species = self.layout.network.species.get(key)
        if species is None or key not in self.layout.by_amount or species.is_amount:
            return stored
        return self.builder.emit("divide", stored, self.resolve(species.compartment))

    def rate_of_state(self, key: str) -> int:
        """Return the slot of a state's derivative."""
        network = self.layout.network
        if key in network.rate_rules:
            return self.builder.add(network.rate_rules[key], self.resolve)
        terms = [
            self._term(reaction_id, reference.id, reference.stoichiometry, sign)
            for reaction_id, reaction in network.reactions.items()
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products))
            for reference in side
            if reference.species == key
        ]
        total = terms[0]
        for term in terms[1:]:
            total = self.builder.emit("plus", total, term)
        factor = network.species[key].conversion_factor or network.conversion_factor
        return self.builder.emit("times", self.resolve(factor), total) if factor else total

    def _term(self, reaction_id: str, reference_id: str, stoichiometry: float | None, sign: float) -> int:
        rate = self.resolve(reaction_id)
        if not reference_id:
            factor = sign * (1.0 if stoichiometry is None else stoichiometry)
            return rate if factor == 1.0 else self.builder.emit("times", self.builder.constant(factor), rate)
        changed = self.builder.emit("times", self.resolve(reference_id), rate)
        return changed if sign > 0 else self.builder.emit("negative", changed)

    def _rate_of(self, key: str) -> int:
        """Return the slot of the rate of a quantity, as ``rateOf`` asks for it."""
        if key in self.layout.network.assignment_rules:
            raise InputError(f"the rate of {key} is asked for, but an assignment rule gives {key}")
        species = self.layout.network.species.get(key)
        own = self.rate_of_state(key) if key in self.layout.states else self.builder.constant(0.0)
        if species is None or key not in self.layout.by_amount or species.is_amount:
            return own
        size = self.resolve(species.compartment)
        growth = self._rate_of(species.compartment) if species.compartment in self.layout.states else None
        if growth is not None:
            diluted = self.builder.emit("times", self.resolve(key), growth)
            own = self.builder.emit("minus", own, diluted)
        return self.builder.emit("divide", own, size)


@dataclass
class Starting:
    """Gives slots to the quantities of a network at time 0, from what it declares."""

    layout: Layout
    builder: TapeBuilder = field(init=False)
    found: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin a tape with the network's functions."""
        self.builder = TapeBuilder(self.layout.functions())
        self.inputs = {key: k for k, key in enumerate(declared_values(self.layout.network))}

    def stored(self, key: str) -> int:
        """Return the slot of a state or constant: of species in amounts, the amount."""
        level = self.resolve(key)
        species = self.layout.network.species.get(key)
        if species is None or key not in self.layout.by_amount or species.is_amount:
            return level
        return self.builder.emit("times", level, self.resolve(species.compartment))

    def resolve(self, key: str) -> int:
        """Return the slot of a quantity.

        Raises
        ------
        UnknownNameError
            There is no such quantity.
        InputError
            Assignments go round in a circle.
        """
        circle = f"{key} depends on itself through initial assignments or rules"
        return _once(self.found, key, self._new, circle)

    def _new(self, key: str) -> int:
        network = self.layout.network
        if key == "time":
            return self.builder.constant(0.0)
        if key.startswith("rate of "):
            raise InputError(f"rateOf({key.removeprefix('rate of ')}) in an initial assignment")
        for formulas in (network.initial_assignments, network.assignment_rules):
            if key in formulas:
                return self.builder.add(formulas[key], self.resolve)
        if key in network.reactions:
            return self.builder.add(self.layout.rate(key), self.resolve)
        if key not in self.inputs:
            raise UnknownNameError(f"quantity of model {network.id}", key, self.inputs)
        given = self.builder.input(self.inputs[key])
        species = network.species.get(key)
        return given if species is None else self._level(given, species)

    def _level(self, given: int, species: Species) -> int:
        """Return what a species' name stands for, of its initial amount or concentration."""
        is_amount = species.concentration is None
        if is_amount == species.is_amount:
            return given
        head = "divide" if is_amount else "times"
        return self.builder.emit(head, given, self.resolve(species.compartment))
