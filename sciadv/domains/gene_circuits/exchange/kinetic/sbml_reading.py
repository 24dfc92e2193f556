"""SBML files into reaction networks, by libSBML; what a network cannot express is named with its place.

Levels 1 and 2 are read as Level 3, submodels are flattened (both by libSBML's converters). Annotations and
what is drawn are left out and noted; algebraic rules, delays, fast reactions, random functions and packages
that change the mathematics are not expressed, and a network with any is read but not simulated.
"""

from __future__ import annotations

from math import isnan
from typing import Any

from sciadv.domains.gene_circuits.exchange.kinetic.mathml import from_node, libsbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_document import document_of, package_words
from sciadv.errors import InputError
from sciadv.physics.reactions.expressions import Expression
from sciadv.physics.reactions.network import (
    Compartment,
    Event,
    Function,
    ModelUnits,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
    UnitFactor,
)

_DEFAULT_UNITS = ("Substance", "Time", "Extent", "Volume", "Area", "Length")


def network_from_sbml(text: str, *, file: str = "the text", folder: str = "") -> ReactionNetwork:
    """Return the network of an SBML text.

    Parameters
    ----------
    text
        SBML of any level.
    file
        Its name in messages.
    folder
        Where models that it refers to are; "" for none.

    Raises
    ------
    InputError
        It is not XML, not SBML, or libSBML finds an error, with its line.
    MissingPackageError
        python-libsbml is not installed.
    """
    document = document_of(text, file=file, folder=folder)
    model = document.getModel()
    if model is None:
        raise InputError(f"{file} is SBML without a model; give a file with one")
    notes, unexpressed = package_words(document)
    reader = _Reader(notes, unexpressed)
    return reader.network(model)


class _Reader:
    """Reads the parts of one model and keeps what could not be expressed."""

    def __init__(self, notes: list[str], unexpressed: list[str]) -> None:
        self.notes = notes
        self.unexpressed = unexpressed

    def network(self, model: Any) -> ReactionNetwork:
        """Read a model."""
        rules = self.rules(model)
        assigned, rated = rules
        self._note_left_out(model)
        return ReactionNetwork(
            id=model.getId() or "model",
            name=model.getName(),
            compartments={c.getId(): _compartment(c) for c in model.getListOfCompartments()},
            species={s.getId(): _species(s) for s in model.getListOfSpecies()},
            parameters={p.getId(): _parameter(p) for p in model.getListOfParameters()},
            reactions={r.getId(): self.reaction(r) for r in model.getListOfReactions()},
            functions={f.getId(): self.function(f) for f in model.getListOfFunctionDefinitions()},
            initial_assignments=self.initial_assignments(model),
            assignment_rules=assigned,
            rate_rules=rated,
            events=dict(self.event(e, k) for k, e in enumerate(model.getListOfEvents(), 1)),
            units=_units(model),
            conversion_factor=model.getConversionFactor(),
            notes=tuple(self.notes),
            unexpressed=tuple(self.unexpressed),
        )

    def math(self, element: Any, place: str) -> Expression | None:
        """Read an element's formula, and name what in it is not expressed; None where it has none."""
        if element is None or not element.isSetMath():
            return None
        found = from_node(element.getMath())
        for part in found.walk():
            if part.head == "unexpressed":
                self.unexpressed.append(f"function {part.name} in {place}")
            if part.head == "delay":
                self.unexpressed.append(f"a delay in {place}")
        return found

    def function(self, function: Any) -> Function:
        """Read a function definition."""
        arguments = tuple(function.getArgument(k).getName() for k in range(function.getNumArguments()))
        body = function.getBody()
        return Function(arguments, None if body is None else from_node(body))

    def reaction(self, reaction: Any) -> Reaction:
        """Read a reaction."""
        place = f"reaction {reaction.getId()}"
        kinetics = reaction.getKineticLaw()
        formula = self.math(kinetics, f"the rate of {place}")
        if formula is None:
            self.unexpressed.append(f"{place} has no rate")
        if reaction.isSetFast() and reaction.getFast():
            self.unexpressed.append(f"{place} is fast: it is in equilibrium at all times")
        local = () if kinetics is None else kinetics.getListOfLocalParameters()
        return Reaction(
            reactants=tuple(map(self.reference, reaction.getListOfReactants())),
            products=tuple(map(self.reference, reaction.getListOfProducts())),
            modifiers=tuple(m.getSpecies() for m in reaction.getListOfModifiers()),
            rate=formula,
            local={p.getId(): _parameter(p) for p in local},
            is_reversible=reaction.getReversible(),
            name=reaction.getName(),
        )

    def reference(self, reference: Any) -> Reference:
        """Read a reference to a species."""
        return Reference(
            species=reference.getSpecies(),
            stoichiometry=_number(reference, "Stoichiometry"),
            id=reference.getId(),
            is_constant=reference.getConstant() if reference.isSetConstant() else True,
        )

    def rules(self, model: Any) -> tuple[dict[str, Expression], dict[str, Expression]]:
        """Read assignment rules and rate rules; algebraic ones are not expressed."""
        assigned: dict[str, Expression] = {}
        rated: dict[str, Expression] = {}
        for k, rule in enumerate(model.getListOfRules(), 1):
            what = "algebraic rule" if rule.isAlgebraic() else f"the rule of {rule.getVariable()}"
            formula = self.math(rule, what)
            if rule.isAlgebraic():
                self.unexpressed.append(f"rule {k} is algebraic: {_formula(rule)} = 0")
            elif formula is None:
                self.notes.append(f"{what} has no formula and is left out, as SBML says")
            elif rule.isAssignment():
                assigned[rule.getVariable()] = formula
            else:
                rated[rule.getVariable()] = formula
        return assigned, rated

    def initial_assignments(self, model: Any) -> dict[str, Expression]:
        """Read initial assignments."""
        found: dict[str, Expression] = {}
        for one in model.getListOfInitialAssignments():
            formula = self.math(one, f"the initial assignment of {one.getSymbol()}")
            if formula is None:
                self.notes.append(f"the initial assignment of {one.getSymbol()} has no formula: left out")
            else:
                found[one.getSymbol()] = formula
        return found

    def event(self, event: Any, k: int) -> tuple[str, Event]:
        """Read an event: its id, and what it is."""
        place = f"event {event.getId() or k}"
        trigger = event.getTrigger()
        assignments = {a.getVariable(): self.math(a, place) for a in event.getListOfEventAssignments()}
        return event.getId() or f"event_{k}", Event(
            trigger=self.math(trigger, place),
            assignments={key: formula for key, formula in assignments.items() if formula is not None},
            delay=self.math(event.getDelay(), place),
            priority=self.math(event.getPriority(), place),
            is_persistent=trigger is None or not trigger.isSetPersistent() or trigger.getPersistent(),
            starts_true=trigger is None or not trigger.isSetInitialValue() or trigger.getInitialValue(),
            uses_trigger_time=event.getUseValuesFromTriggerTime(),
            name=event.getName(),
        )

    def _note_left_out(self, model: Any) -> None:
        """Note what changes no trajectory and is not kept."""
        if model.getNumConstraints():
            self.notes.append(f"{model.getNumConstraints()} constraints are left out: they change nothing")
        elements = [model, *model.getListOfAllElements()]
        if any(one.isSetAnnotation() or one.isSetNotes() or one.isSetSBOTerm() for one in elements):
            self.notes.append("annotations, notes and SBO terms are not kept")


def _formula(element: Any) -> str:
    """Return a formula as text, for a message."""
    text = libsbml().formulaToL3String(element.getMath()) if element.isSetMath() else ""
    return str(text)[:80]


def _number(element: Any, what: str) -> float | None:
    """Return a number of an element; None where it is not set, or is NaN."""
    value = float(getattr(element, f"get{what}")())
    return value if getattr(element, f"isSet{what}")() and not isnan(value) else None


def _compartment(one: Any) -> Compartment:
    return Compartment(
        size=_number(one, "Size"),
        dimensions=one.getSpatialDimensionsAsDouble() if one.isSetSpatialDimensions() else 3.0,
        is_constant=one.getConstant(),
        units=one.getUnits(),
        name=one.getName(),
    )


def _species(one: Any) -> Species:
    concentration = _number(one, "InitialConcentration")
    return Species(
        compartment=one.getCompartment(),
        amount=_number(one, "InitialAmount"),
        concentration=concentration,
        is_boundary=one.getBoundaryCondition(),
        is_constant=one.getConstant(),
        is_amount=one.getHasOnlySubstanceUnits(),
        conversion_factor=one.getConversionFactor(),
        units=one.getSubstanceUnits(),
        name=one.getName(),
    )


def _parameter(one: Any) -> Parameter:
    return Parameter(
        value=_number(one, "Value"),
        is_constant=bool(one.getConstant()),
        units=one.getUnits(),
        name=one.getName(),
    )


def _units(model: Any) -> ModelUnits:
    """Return the units that a model defines, and its defaults."""
    defaults = {word.lower(): str(getattr(model, f"get{word}Units")()) for word in _DEFAULT_UNITS}
    return ModelUnits(
        {
            unit.getId(): tuple(map(_factor, unit.getListOfUnits()))
            for unit in model.getListOfUnitDefinitions()
        },
        {word: unit for word, unit in defaults.items() if unit},
    )


def _factor(unit: Any) -> UnitFactor:
    return UnitFactor(
        kind=libsbml().UnitKind_toString(unit.getKind()),
        exponent=unit.getExponentAsDouble(),
        scale=unit.getScale(),
        multiplier=unit.getMultiplier(),
    )
