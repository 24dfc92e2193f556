"""Circuits as Antimony models, the text that tellurium, COPASI and the SBML tools read.

L. P. Smith et al., Antimony: a modular model definition language, Bioinformatics 25, 2009. A gene is a
species, its production one reaction with the shifted Hill factors as its rate, its degradation another.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sciadv.domains.gene_circuits.circuit_plot import gene_name
from sciadv.domains.gene_circuits.exchange.safe_names import renamed_words, safe_name, safe_names
from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import Kinetics, check_circuits, unpack

_HEAD = [
    "  // levels and time in arbitrary units: g [levels / time], k [1 / time], K [levels], n and fold [1]",
    "  compartment cell = 1;",
]
_PREFIXES = ("production_", "degradation_", "g_", "k_", "K_", "n_", "fold_")


def to_antimony(
    x: Tensor,
    *,
    name: str = "circuit",
    initial: Tensor | None = None,
    genes: Sequence[str] | None = None,
) -> str:
    """Return one circuit ``(7, genes, genes)`` as an Antimony model in physical units.

    A name that Antimony reserves (`model`, `time`, `pi`, `sin`) is changed, and a comment says so.

    Parameters
    ----------
    x
        The circuit.
    name
        Of the model.
    initial
        Levels at time 0 ``(genes,)``; uneven parts of the largest ones if None.
    genes
        Names of the genes; letters if None.

    Raises
    ------
    InputError
        It is not one circuit, the name is no identifier, names of genes are not one a gene and different,
        or the initial levels are not one >= 0 a gene.

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
    levels = _initial_levels(kinetics, initial)
    names = _gene_names(genes, n)
    model = {name: safe_name(name)}
    written = [_gene_lines(kinetics, names, j) for j in range(n)]
    lines = [
        f"model {model[name]}()",
        *(f"  // {words}" for words in renamed_words(model) + renamed_words(names)),
        *_HEAD,
        *(f"  species {gene} in cell;" for gene in names.values()),
        *(line for gene in written for line in gene),
        *(f"  {gene} = {float(level)!r};" for gene, level in zip(names.values(), levels, strict=False)),
        *_values(kinetics, [*names.values()]),
    ]
    return "\n".join([*lines, "end", ""])


def _initial_levels(kinetics: Kinetics, initial: Tensor | None) -> Tensor:
    """Return the levels at time 0, one a gene."""
    largest = kinetics.production[0] / kinetics.degradation[0]
    if initial is None:
        return torch.linspace(0.5, 0.1, len(largest), dtype=torch.float64) * largest
    if initial.shape != largest.shape or not bool(((initial >= 0) & initial.isfinite()).all()):
        raise InputError(
            f"initial levels must be {len(largest)} finite numbers >= 0, one a gene, but they are {initial}"
        )
    return initial


def _gene_names(genes: Sequence[str] | None, n: int) -> dict[str, str]:
    """Return an identifier for each gene by its name."""
    asked = [gene_name(j) for j in range(n)] if genes is None else list(genes)
    if len(asked) != n or len(set(asked)) != n:
        raise InputError(f"genes must be {n} different names, one a gene, but they are {asked}")
    parts = [*asked, *(_edge(asked, i, j) for i in range(n) for j in range(n))]
    return safe_names(asked, taken=["cell", *(prefix + part for prefix in _PREFIXES for part in parts)])


def _gene_lines(kinetics: Kinetics, names: dict[str, str], j: int) -> list[str]:
    """Return the two reactions of a gene."""
    genes = [*names.values()]
    factors = [_factor(kinetics, genes, i, j) for i in range(len(genes)) if float(kinetics.sign[0, i, j])]
    rate = " * ".join([f"g_{genes[j]}", *factors])
    return [
        f"  production_{genes[j]}: => {genes[j]}; {rate};",
        f"  degradation_{genes[j]}: {genes[j]} => ; k_{genes[j]} * {genes[j]};",
    ]


def _edge(genes: Sequence[str], i: int, j: int) -> str:
    """Return the name of an edge: two letters, or numbers where genes have longer names."""
    if all(len(gene) == 1 for gene in genes):
        return genes[i] + genes[j]
    return f"{i + 1}_{j + 1}"


def _values(kinetics: Kinetics, genes: Sequence[str]) -> list[str]:
    """Return the lines that give parameters their values."""
    lines = []
    for j, gene in enumerate(genes):
        lines += [
            f"  g_{gene} = {float(kinetics.production[0, j])!r};",
            f"  k_{gene} = {float(kinetics.degradation[0, j])!r};",
        ]
    largest = kinetics.production[0] / kinetics.degradation[0]
    for i, j in kinetics.sign[0].nonzero().tolist():
        edge = _edge(genes, i, j)
        lines += [
            f"  K_{edge} = {float(kinetics.threshold[0, i, j] * largest[i])!r};",
            f"  n_{edge} = {float(kinetics.hill[0, i, j])!r};",
            f"  fold_{edge} = {float(kinetics.fold[0, i, j])!r};",
        ]
    return lines


def _factor(kinetics: Kinetics, genes: Sequence[str], i: int, j: int) -> str:
    """Return the shifted Hill factor by which gene i changes the production of gene j."""
    edge = _edge(genes, i, j)
    ratio = f"({genes[i]} / K_{edge})^n_{edge}"
    low = f"1 / fold_{edge}"
    if float(kinetics.sign[0, i, j]) > 0:
        return f"({low} + (1 - {low}) * {ratio} / (1 + {ratio}))"
    return f"({low} + (1 - {low}) / (1 + {ratio}))"
