"""Circuits of any model as reaction networks, which are written as SBML and Antimony.

Each stage of a gene (protein, what matures to it, mRNA) is a species; production, translation and degradation
are reactions, maturation turns one stage into the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sciadv.domains.gene_circuits.circuit_plot import gene_name
from sciadv.domains.gene_circuits.exchange.kinetic.circuit_units import units_of
from sciadv.domains.gene_circuits.exchange.kinetic.promoter_formulas import (
    Promoter,
    Site,
    between,
    product,
)
from sciadv.domains.gene_circuits.exchange.safe_names import safe_names
from sciadv.errors import InputError
from sciadv.physics.reactions.expressions import Expression, name
from sciadv.physics.reactions.network import (
    Compartment,
    Parameter,
    Reaction,
    ReactionNetwork,
    Reference,
    Species,
)
from sciadv.physics.regulation.hill import HillEquations, stage_rates
from sciadv.physics.regulation.kinetics import Kinetics

_CELL = "cell"


def circuit_network(
    kinetics: Kinetics,
    *,
    genes: Sequence[str] | None = None,
    initial: Tensor | None = None,
    id: str = "circuit",  # as in `ReactionNetwork`
) -> ReactionNetwork:
    """Return a circuit of any model as a reaction network with its parameters, levels and units.

    Parameters
    ----------
    kinetics
        One circuit.
    genes
        Names of the genes; letters if None.
    initial
        Levels of protein at time 0 ``(genes,)``, every other stage in balance with them; a tenth of the
        largest ones if None.
    id
        Of the network.

    Raises
    ------
    InputError
        It is not one circuit, or names or levels are not one a gene.

    Examples
    --------
    >>> import torch
    >>> from sciadv.physics.regulation.kinetics import circuits_of, unpack
    >>> toggle = unpack(circuits_of(-torch.eye(2).roll(1, 1)[None], places=0.5))
    >>> circuit_network(toggle, genes=["lacI", "tetR"])
    ReactionNetwork('circuit': 2 species, 4 reactions)
    """
    if len(kinetics.sign) != 1:
        raise InputError(f"one circuit is written at a time, but there are {len(kinetics.sign)}")
    n = int(kinetics.presence.sum())
    asked = [gene_name(j) for j in range(n)] if genes is None else list(genes)
    if len(asked) != n or len(set(asked)) != n:
        raise InputError(f"genes must be {n} different names, one a gene, but they are {asked}")
    levels = 0.1 * kinetics.largest[0] if initial is None else initial
    if levels.shape != kinetics.presence.shape[1:]:
        raise InputError(f"initial levels must be one a gene, {n}, but their shape is {tuple(levels.shape)}")
    writer = _Writer(kinetics, [*safe_names(asked, taken=[_CELL]).values()])
    state = HillEquations.of(kinetics).state(levels[:, None]).reshape(kinetics.model.n_stages, -1)
    species = {
        writer.species(j, stage): Species(_CELL, concentration=float(state[stage, j]), name=asked[j])
        for j in range(n)
        for stage in range(kinetics.model.n_stages)
    }
    units, notes = units_of(kinetics.model)
    reactions = {key: one for j in range(n) for key, one in writer.reactions(j).items()}
    parameters = writer.parameters()
    clash = sorted({*species} & {*parameters, *reactions})
    if clash or len(species) < n * kinetics.model.n_stages:
        raise InputError(
            f"genes are named as what is written of others, {', '.join(clash) or asked}; rename them"
        )
    return ReactionNetwork(
        id,
        {_CELL: Compartment(units=units.defaults["volume"])},
        species,
        parameters,
        reactions,
        units=units,
        notes=notes,
    )


@dataclass(frozen=True)
class _Writer:
    """Writes the parts of one circuit.

    Parameters
    ----------
    kinetics
        The circuit.
    genes
        Identifiers of its genes.
    """

    kinetics: Kinetics
    genes: list[str]

    def species(self, j: int, stage: int) -> str:
        """Return the identifier of a stage of a gene: that of the gene for its protein."""
        words = self.kinetics.model.stage_names()[stage].replace(" ", "_")
        return self.genes[j] if stage == 0 else f"{self.genes[j]}_{words}"

    def rate(self, j: int, stage: int) -> str:
        """Return the parameter by which a stage is lost."""
        words = self.kinetics.model.stage_names()[stage].split(" ")[0]
        kinds = {"protein": "k", "immature": "k_maturation", "mrna": "k_mrna"}
        return f"{kinds[words]}_{self.genes[j]}"

    def reactions(self, j: int) -> dict[str, Reaction]:
        """Return the reactions of a gene."""
        gene = self.genes[j]
        last = self.kinetics.model.n_stages - 1
        regulators = [i for i in range(len(self.genes)) if float(self.kinetics.sign[0, i, j])]
        made = Reaction(
            products=(Reference(self.species(j, last)),),
            modifiers=tuple(self.genes[i] for i in regulators),
            rate=product([name(_CELL), name(f"g_{gene}"), *self._regulation(j, regulators)]),
            is_reversible=False,
        )
        found = {f"production_{gene}": made}
        for stage in range(last + 1):
            found |= self._loss(j, stage)
        return found

    def _regulation(self, j: int, regulators: Sequence[int]) -> list[Expression]:
        """Return the factor by which regulators change a gene's production, if it has some."""
        if not regulators:
            return []
        gene = self.genes[j]
        sites = tuple(
            Site(self.genes[i], *self._edge(i, j), float(self.kinetics.sign[0, i, j]) > 0) for i in regulators
        )
        promoter = Promoter(sites, f"largest_{gene}", f"second_site_{gene}")
        f = promoter.formula(self.kinetics.model.logic)
        return [between(name(f"basal_{gene}"), f)]

    def _loss(self, j: int, stage: int) -> dict[str, Reaction]:
        """Return how a stage is lost, and how it makes the one before."""
        gene = self.genes[j]
        here = self.species(j, stage)
        lost = (Reference(here),)
        rate = product([name(_CELL), name(self.rate(j, stage)), name(here)])
        before = (Reference(self.species(j, stage - 1)),)
        if 0 < stage <= self.kinetics.model.n_maturation:
            return {f"maturation_{here}": Reaction(lost, before, rate=rate, is_reversible=False)}
        found = {f"degradation_{here}": Reaction(lost, rate=rate, is_reversible=False)}
        if stage:
            translated = product([name(_CELL), name(f"k_translation_{gene}"), name(here)])
            found[f"translation_{gene}"] = Reaction(
                products=before, modifiers=(here,), rate=translated, is_reversible=False
            )
        return found

    def _edge(self, i: int, j: int) -> tuple[str, str, str]:
        """Return the names of an edge's threshold, Hill coefficient and fold change."""
        pair = f"{self.genes[i]}_{self.genes[j]}"
        return f"K_{pair}", f"n_{pair}", f"fold_{pair}"

    def parameters(self) -> dict[str, Parameter]:
        """Return every parameter with its value and unit."""
        found: dict[str, Parameter] = {}
        for j in range(len(self.genes)):
            found |= self._of_gene(j)
        k = self.kinetics
        levels = k.threshold * k.largest[:, :, None]
        for i, j in k.sign[0].nonzero().tolist():
            threshold, hill, fold = self._edge(i, j)
            found[threshold] = Parameter(float(levels[0, i, j]), units="unit_of_level")
            found[hill] = Parameter(float(k.hill[0, i, j]), units="dimensionless")
            found[fold] = Parameter(float(k.fold[0, i, j]), units="dimensionless")
        return found

    def _of_gene(self, j: int) -> dict[str, Parameter]:
        k = self.kinetics
        gene = self.genes[j]
        rates = stage_rates(k)[0, :, j].tolist()
        folds = [float(one) for one in k.fold[0, :, j][k.sign[0, :, j] > 0]]
        plain = {"basal": float(k.of_genes("basal")[0, j])}
        if k.model.logic in ("competitive", "two-site"):
            plain["largest"] = max([1.0, *folds])
        if k.model.logic == "two-site":
            plain["second_site"] = float(k.of_genes("second_site")[0, j])
        found = {f"g_{gene}": Parameter(float(k.production[0, j]), units="level_per_time")}
        for stage, rate in enumerate(rates):
            found[self.rate(j, stage)] = Parameter(rate, units="per_time")
        if k.model.expression == "mrna":
            translation = float(k.of_genes("translation")[0, j])
            found[f"k_translation_{gene}"] = Parameter(translation, units="per_time")
        return found | {
            f"{word}_{gene}": Parameter(value, units="dimensionless") for word, value in plain.items()
        }
