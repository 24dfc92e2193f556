"""Reaction networks as SBML Level 3 Version 2, by libSBML: all that a network holds."""

from __future__ import annotations

from typing import Any

from sciadv.domains.gene_circuits.exchange.kinetic.mathml import libsbml, to_node
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
)


def network_to_sbml(network: ReactionNetwork) -> str:
    """Return a network as SBML.

    Raises
    ------
    InputError
        It has parts that are not expressed, so that the file would say something else; they are named.
    MissingPackageError
        python-libsbml is not installed.
    """
    if network.unexpressed:
        raise InputError(
            f"{network.id} is not written: the file would lack what is not expressed: "
            f"{'; '.join(network.unexpressed)}"
        )
    library = libsbml()
    document = library.SBMLDocument(3, 2)
    model = document.createModel()
    model.setId(network.id)
    _named(model, network.name)
    if network.conversion_factor:
        model.setConversionFactor(network.conversion_factor)
    _write_units(model, network.units)
    _write_quantities(model, network)
    _write_formulas(model, network)
    for key, reaction in network.reactions.items():
        _write_reaction(model.createReaction(), key, reaction)
    for key, event in network.events.items():
        _write_event(model.createEvent(), key, event)
    return str(library.writeSBMLToString(document))


def _named(element: Any, name: str) -> None:
    if name:
        element.setName(name)


def _math(element: Any, formula: Expression) -> None:
    element.setMath(to_node(formula))


def _write_units(model: Any, units: ModelUnits) -> None:
    for key, factors in units.defined.items():
        defined = model.createUnitDefinition()
        defined.setId(key)
        for factor in factors:
            unit = defined.createUnit()
            unit.setKind(libsbml().UnitKind_forName(factor.kind))
            unit.setExponent(factor.exponent)
            unit.setScale(factor.scale)
            unit.setMultiplier(factor.multiplier)
    for word, unit_id in units.defaults.items():
        getattr(model, f"set{word.capitalize()}Units")(unit_id)


def _write_quantities(model: Any, network: ReactionNetwork) -> None:
    for key, function in network.functions.items():
        _write_function(model.createFunctionDefinition(), key, function)
    for key, compartment in network.compartments.items():
        _write_compartment(model.createCompartment(), key, compartment)
    for key, species in network.species.items():
        _write_species(model.createSpecies(), key, species)
    for key, parameter in network.parameters.items():
        written = model.createParameter()
        _write_parameter(written, key, parameter)
        written.setConstant(parameter.is_constant)


def _write_function(written: Any, key: str, function: Function) -> None:
    written.setId(key)
    if function.body is None:
        return
    library = libsbml()
    node = library.ASTNode(library.AST_LAMBDA)
    for argument in function.arguments:
        bound = to_node(Expression("name", name=argument))
        bound.setBvar()
        node.addChild(bound)
    node.addChild(to_node(function.body))
    written.setMath(node)


def _write_compartment(written: Any, key: str, compartment: Compartment) -> None:
    written.setId(key)
    _named(written, compartment.name)
    written.setConstant(compartment.is_constant)
    written.setSpatialDimensions(compartment.dimensions)
    if compartment.size is not None:
        written.setSize(compartment.size)
    if compartment.units:
        written.setUnits(compartment.units)


def _write_species(written: Any, key: str, species: Species) -> None:
    written.setId(key)
    _named(written, species.name)
    written.setCompartment(species.compartment)
    if species.concentration is not None:
        written.setInitialConcentration(species.concentration)
    elif species.amount is not None:
        written.setInitialAmount(species.amount)
    written.setBoundaryCondition(species.is_boundary)
    written.setConstant(species.is_constant)
    written.setHasOnlySubstanceUnits(species.is_amount)
    if species.conversion_factor:
        written.setConversionFactor(species.conversion_factor)
    if species.units:
        written.setSubstanceUnits(species.units)


def _write_parameter(written: Any, key: str, parameter: Parameter) -> None:
    written.setId(key)
    _named(written, parameter.name)
    if parameter.value is not None:
        written.setValue(parameter.value)
    if parameter.units:
        written.setUnits(parameter.units)


def _write_formulas(model: Any, network: ReactionNetwork) -> None:
    for key, formula in network.initial_assignments.items():
        assignment = model.createInitialAssignment()
        assignment.setSymbol(key)
        _math(assignment, formula)
    for make, formulas in (
        (model.createAssignmentRule, network.assignment_rules),
        (model.createRateRule, network.rate_rules),
    ):
        for key, formula in formulas.items():
            rule = make()
            rule.setVariable(key)
            _math(rule, formula)


def _write_reaction(written: Any, key: str, reaction: Reaction) -> None:
    written.setId(key)
    _named(written, reaction.name)
    written.setReversible(reaction.is_reversible)
    for reference in reaction.reactants:
        _write_reference(written.createReactant(), reference)
    for reference in reaction.products:
        _write_reference(written.createProduct(), reference)
    for species in reaction.modifiers:
        written.createModifier().setSpecies(species)
    if reaction.rate is not None:
        kinetics = written.createKineticLaw()
        _math(kinetics, reaction.rate)
        for name, parameter in reaction.local.items():
            _write_parameter(kinetics.createLocalParameter(), name, parameter)


def _write_reference(written: Any, reference: Reference) -> None:
    written.setSpecies(reference.species)
    written.setConstant(reference.is_constant)
    if reference.stoichiometry is not None:
        written.setStoichiometry(reference.stoichiometry)
    if reference.id:
        written.setId(reference.id)


def _write_event(written: Any, key: str, event: Event) -> None:
    written.setId(key)
    _named(written, event.name)
    written.setUseValuesFromTriggerTime(event.uses_trigger_time)
    trigger = written.createTrigger()
    trigger.setPersistent(event.is_persistent)
    trigger.setInitialValue(event.starts_true)
    if event.trigger is not None:
        _math(trigger, event.trigger)
    if event.delay is not None:
        _math(written.createDelay(), event.delay)
    if event.priority is not None:
        _math(written.createPriority(), event.priority)
    for key_changed, formula in event.assignments.items():
        assignment = written.createEventAssignment()
        assignment.setVariable(key_changed)
        _math(assignment, formula)
