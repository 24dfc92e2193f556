"""Qualitative models of SBML (package qual) as signed networks, and signed networks as such models.

C. Chaouiya et al., SBML qualitative models, BMC Systems Biology 7, 2013. The sign of an input is the one that
the file states; where it states none, the function terms decide, over all levels of the inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sciadv.domains.gene_circuits.exchange.kinetic.mathml import from_node, libsbml
from sciadv.domains.gene_circuits.exchange.kinetic.sbml_document import refuse_errors
from sciadv.domains.gene_circuits.exchange.safe_names import safe_names
from sciadv.domains.gene_circuits.exchange.signed.boolean_rules import table_signs
from sciadv.domains.gene_circuits.exchange.signed.signed_network import Edge, SignedNetwork
from sciadv.errors import InputError
from sciadv.physics.reactions.elementary import OF_TENSORS
from sciadv.physics.reactions.tape import TapeBuilder


def signed_from_sbml_qual(text: str, *, file: str = "the text") -> SignedNetwork:
    """Return the signed network of a qualitative model.

    Raises
    ------
    InputError
        It is no SBML, or has no qualitative model.
    MissingPackageError
        python-libsbml is not installed.
    """
    document = libsbml().readSBMLFromString(text)
    refuse_errors(document, file)
    model = document.getModel()
    part = None if model is None else model.getPlugin("qual")
    if part is None or not part.getNumQualitativeSpecies():
        raise InputError(f"{file} has no qualitative model (SBML package qual)")
    species = part.getListOfQualitativeSpecies()
    levels = {one.getId(): max(one.getMaxLevel(), 1) if one.isSetMaxLevel() else 1 for one in species}
    edges: list[Edge] = []
    for transition in part.getListOfTransitions():
        edges += _edges(transition, levels)
    return SignedNetwork.of(levels, edges)


def _edges(transition: Any, levels: dict[str, int]) -> list[Edge]:
    """Return the effects of a transition's inputs on its outputs."""
    library = libsbml()
    stated = {library.INPUT_SIGN_POSITIVE: 1, library.INPUT_SIGN_NEGATIVE: -1}
    inputs = list(transition.getListOfInputs())
    outputs = [one.getQualitativeSpecies() for one in transition.getListOfOutputs()]
    open_ones = [one for one in inputs if one.getSign() not in stated]
    found = _by_terms(transition, levels) if open_ones else {}
    edges = []
    for one in inputs:
        source = one.getQualitativeSpecies()
        sign = stated.get(one.getSign()) or found.get(source, 0)
        why = "its terms do not say" if sign == 0 else "dual: it activates and represses"
        edges += [Edge(source, target, sign or 0, "" if sign else why) for target in outputs]
    return edges


def _by_terms(transition: Any, levels: dict[str, int], *, most: int = 2**20) -> dict[str, int | None]:
    """Return the signs of a transition's inputs by its function terms, over all their levels."""
    names = list(dict.fromkeys(one.getQualitativeSpecies() for one in transition.getListOfInputs()))
    shape = [levels[name] + 1 for name in names]
    if np.prod(shape, dtype=float) > most:
        return {}
    return table_signs(_table(transition, names, shape), names)


def _table(transition: Any, names: list[str], shape: list[int]) -> npt.NDArray[np.int64]:
    """Return a transition's result for all levels of its inputs, an axis each."""
    grids = [grid.flatten() for grid in torch.meshgrid(*map(torch.arange, shape), indexing="ij")]
    thresholds = {one.getId(): float(one.getThresholdLevel()) for one in transition.getListOfInputs()}
    builder = TapeBuilder()

    def resolve(name: str) -> int:
        if name in names:
            return builder.input(names.index(name))
        if name in thresholds:
            return builder.constant(thresholds[name])
        raise InputError(f"{name} in transition {transition.getId()} is neither an input nor a threshold")

    terms = list(transition.getListOfFunctionTerms())
    slots = [builder.add(from_node(term.getMath()), resolve) for term in terms]
    run = builder.tape(slots, n_inputs=len(names)).function(OF_TENSORS)
    default = transition.getDefaultTerm()
    result = torch.full_like(grids[0], default.getResultLevel() if default is not None else 0)
    for term, holds in reversed(list(zip(terms, run([grid.double() for grid in grids]), strict=True))):
        level = torch.full_like(result, term.getResultLevel())
        result = torch.where(torch.as_tensor(holds).bool(), level, result)
    table: npt.NDArray[np.int64] = result.reshape(shape).numpy()
    return table


def signed_to_sbml_qual(network: SignedNetwork) -> str:
    """Return a network as a qualitative model: species of two levels, and transitions with signed inputs.

    Signs are all that it says: function terms are left out, but for a default level of 0.

    Raises
    ------
    MissingPackageError
        python-libsbml is not installed.
    """
    library = libsbml()
    namespaces = library.SBMLNamespaces(3, 1, "qual", 1)
    document = library.SBMLDocument(namespaces)
    document.setPackageRequired("qual", True)
    model = document.createModel()
    model.setId("network")
    compartment = model.createCompartment()
    compartment.setId("cell")
    compartment.setConstant(True)
    part = model.getPlugin("qual")
    names = safe_names(list(network.genes), taken=["cell"])
    for gene in network.genes:
        _write_species(part.createQualitativeSpecies(), names[gene], gene)
    for gene in network.genes:
        edges = [edge for edge in network.edges if edge.target == gene]
        if edges:
            _write_transition(part.createTransition(), names, gene, edges)
    return str(library.writeSBMLToString(document))


def _write_species(written: Any, key: str, gene: str) -> None:
    written.setId(key)
    written.setName(gene)
    written.setCompartment("cell")
    written.setConstant(False)
    written.setMaxLevel(1)


def _write_transition(written: Any, names: dict[str, str], gene: str, edges: list[Edge]) -> None:
    library = libsbml()
    signs = {1: library.INPUT_SIGN_POSITIVE, -1: library.INPUT_SIGN_NEGATIVE}
    written.setId(f"to_{names[gene]}")
    for edge in edges:
        one = written.createInput()
        one.setQualitativeSpecies(names[edge.source])
        one.setTransitionEffect(library.INPUT_TRANSITION_EFFECT_NONE)
        one.setSign(signs.get(edge.sign, library.INPUT_SIGN_UNKNOWN))
    output = written.createOutput()
    output.setQualitativeSpecies(names[gene])
    output.setTransitionEffect(library.OUTPUT_TRANSITION_EFFECT_ASSIGNMENT_LEVEL)
    written.createDefaultTerm().setResultLevel(0)
