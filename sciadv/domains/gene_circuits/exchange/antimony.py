"""Circuits as Antimony models, the text that tellurium, COPASI and the SBML tools read.

L. P. Smith et al., Antimony: a modular model definition language, Bioinformatics 25, 2009. A gene is a
species, its production one reaction with the shifted Hill factors as its rate, its degradation another.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.domains.gene_circuits.circuit_plot import gene_name
from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import Kinetics, check_circuits, unpack

_HEAD = [
    "  // levels and time in arbitrary units: g [levels / time], k [1 / time], K [levels], n and fold [1]",
    "  compartment cell = 1;",
]


def to_antimony(x: Tensor, *, name: str = "circuit", initial: Tensor | None = None) -> str:
    """Return one circuit ``(7, genes, genes)`` as an Antimony model in physical units.

    Parameters
    ----------
    x
        The circuit.
    name
        Of the model.
    initial
        Levels at time 0 ``(genes,)``; uneven parts of the largest ones if None.

    Raises
    ------
    InputError
        It is not one circuit, the name is no identifier, or the initial levels are not one >= 0 a gene.

    Examples
    --------
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> text = to_antimony(circuits_of(-torch.eye(2).roll(1, 1)[None])[0], name="toggle")
    >>> text.splitlines()[0]
    'model toggle()'
    """
    kinetics = unpack(check_circuits(x[None].double()))
    if not (name.isidentifier() and name.isascii()):
        raise InputError(f"a model's name has letters, digits and _ only, but it is {name!r}")
    n = int(kinetics.presence.sum())
    largest = kinetics.production[0] / kinetics.degradation[0]
    if initial is None:
        initial = torch.linspace(0.5, 0.1, x.shape[-1], dtype=torch.float64) * largest
    if initial.shape != largest.shape or not bool(((initial >= 0) & initial.isfinite()).all()):
        raise InputError(
            f"initial levels must be {len(largest)} finite numbers >= 0, one a gene, but they are {initial}"
        )
    genes = [gene_name(j) for j in range(n)]
    lines, values = [f"model {name}()", *_HEAD, *(f"  species {gene} in cell;" for gene in genes)], []
    for j, gene in enumerate(genes):
        factors = [_factor(kinetics, i, j) for i in range(n) if float(kinetics.sign[0, i, j])]
        rate = " * ".join([f"g_{gene}", *factors])
        lines += [
            f"  production_{gene}: => {gene}; {rate};",
            f"  degradation_{gene}: {gene} => ; k_{gene} * {gene};",
        ]
        values += [
            f"  {gene} = {float(initial[j])!r};",
            f"  g_{gene} = {float(kinetics.production[0, j])!r};",
            f"  k_{gene} = {float(kinetics.degradation[0, j])!r};",
        ]
    for i, j in kinetics.sign[0].nonzero().tolist():
        edge = gene_name(i) + gene_name(j)
        values += [
            f"  K_{edge} = {float(kinetics.threshold[0, i, j] * largest[i])!r};",
            f"  n_{edge} = {float(kinetics.hill[0, i, j])!r};",
            f"  fold_{edge} = {float(kinetics.fold[0, i, j])!r};",
        ]
    return "\n".join([*lines, *values, "end", ""])


def _factor(kinetics: Kinetics, i: int, j: int) -> str:
    """Return the shifted Hill factor by which gene i changes the production of gene j."""
    regulator, edge = gene_name(i), gene_name(i) + gene_name(j)
    ratio = f"({regulator} / K_{edge})^n_{edge}"
    low = f"1 / fold_{edge}"
    if float(kinetics.sign[0, i, j]) > 0:
        return f"({low} + (1 - {low}) * {ratio} / (1 + {ratio}))"
    return f"({low} + (1 - {low}) / (1 + {ratio}))"
