"""Kinetic models of any reactions as data: the parts of SBML Level 3 Core, and what could not be expressed.

M. Hucka et al., The Systems Biology Markup Language (SBML): Language Specification for Level 3 Version 2
Core, Journal of Integrative Bioinformatics 16, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sciadv.physics.reactions.expressions import Expression


@dataclass(frozen=True)
class Compartment:
    """A volume: its size (None where the model gives none), dimensions, and whether it stays as it is."""

    size: float | None = 1.0
    dimensions: float = 3.0
    is_constant: bool = True
    units: str = ""
    name: str = ""


@dataclass(frozen=True)
class Species:
    """A substance in a compartment.

    Parameters
    ----------
    compartment
        Where it is.
    amount, concentration
        At time 0, one of the two; both None where the model gives none.
    is_boundary
        Whether reactions leave it as it is.
    is_constant
        Whether nothing changes it.
    is_amount
        Whether its name stands for its amount in formulas, and not for its concentration.
    conversion_factor
        Parameter that turns extents of reactions into its amount; "" for the model's own.
    """

    compartment: str
    amount: float | None = None
    concentration: float | None = None
    is_boundary: bool = False
    is_constant: bool = False
    is_amount: bool = False
    conversion_factor: str = ""
    units: str = ""
    name: str = ""


@dataclass(frozen=True)
class Parameter:
    """A number with a name: its value (None where the model gives none), and whether it stays as it is."""

    value: float | None
    is_constant: bool = True
    units: str = ""
    name: str = ""


@dataclass(frozen=True)
class Reference:
    """A species in a reaction, with its stoichiometry, which may have a name that rules change."""

    species: str
    stoichiometry: float | None = 1.0
    id: str = ""
    is_constant: bool = True


@dataclass(frozen=True)
class Reaction:
    """Reactants become products at the rate [extent / time]; local parameters hide others."""

    reactants: tuple[Reference, ...] = ()
    products: tuple[Reference, ...] = ()
    modifiers: tuple[str, ...] = ()
    rate: Expression | None = None
    local: Mapping[str, Parameter] = field(default_factory=dict)
    is_reversible: bool = True
    name: str = ""


@dataclass(frozen=True)
class Function:
    """A function that the model defines: its arguments and its formula."""

    arguments: tuple[str, ...]
    body: Expression | None


@dataclass(frozen=True)
class Event:
    """Quantities get new values when the trigger turns true.

    Parameters
    ----------
    trigger
        A condition.
    assignments
        Formulas by the names of the quantities that change.
    delay, priority
        Time between trigger and assignments; which of two events at once goes first, the largest.
    is_persistent
        Whether a delayed event happens even if the trigger turns false before.
    starts_true
        Whether the trigger counts as true before time 0, so that it must turn false first.
    uses_trigger_time
        Whether a delayed event's values are those of the time of the trigger.
    """

    trigger: Expression | None
    assignments: Mapping[str, Expression]
    delay: Expression | None = None
    priority: Expression | None = None
    is_persistent: bool = True
    starts_true: bool = True
    uses_trigger_time: bool = True
    name: str = ""


@dataclass(frozen=True)
class UnitFactor:
    """One factor of a unit: ``(multiplier 10^scale kind)^exponent``."""

    kind: str
    exponent: float = 1.0
    scale: int = 0
    multiplier: float = 1.0


@dataclass(frozen=True)
class ModelUnits:
    """Units of a model: those that it defines, and those of substance, time, extent and sizes by default."""

    defined: Mapping[str, tuple[UnitFactor, ...]] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class ReactionNetwork:
    """A kinetic model: compartments, species, parameters, reactions, rules and events, each by its id.

    Parameters
    ----------
    id, name
        Of the model.
    initial_assignments, assignment_rules, rate_rules
        Formulas by what they are of: its value at time 0, its value always, its rate.
    conversion_factor
        Parameter that turns extents into amounts; "" for none.
    notes
        What was read otherwise than it was written, or left out, and changes no trajectory: sentences.
    unexpressed
        What would change trajectories and cannot be simulated here: sentences with the place of each.
    """

    id: str
    compartments: Mapping[str, Compartment]
    species: Mapping[str, Species]
    parameters: Mapping[str, Parameter]
    reactions: Mapping[str, Reaction]
    functions: Mapping[str, Function] = field(default_factory=dict)
    initial_assignments: Mapping[str, Expression] = field(default_factory=dict)
    assignment_rules: Mapping[str, Expression] = field(default_factory=dict)
    rate_rules: Mapping[str, Expression] = field(default_factory=dict)
    events: Mapping[str, Event] = field(default_factory=dict)
    units: ModelUnits = field(default_factory=ModelUnits)
    conversion_factor: str = ""
    name: str = ""
    notes: tuple[str, ...] = ()
    unexpressed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say what the model is of, and what of it cannot be simulated."""
        sizes = f"{len(self.species)} species, {len(self.reactions)} reactions"
        return "; ".join([f"ReactionNetwork({self.id!r}: {sizes}", *self.unexpressed]) + ")"

    def references(self) -> dict[str, Reference]:
        """Return the references to species that have a name, by it."""
        return {
            one.id: one
            for reaction in self.reactions.values()
            for one in (*reaction.reactants, *reaction.products)
            if one.id
        }
