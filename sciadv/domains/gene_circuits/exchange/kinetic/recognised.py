"""Gene circuits recognised in networks: production by shifted Hill factors, degradation in proportion.

A factor is recognised by its values, not by how it is written: its levels without and with much of its
regulator, and the Hill function between them, which is compared at further levels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.reactions.elementary import OF_FLOATS
from sciadv.physics.reactions.equations import Equations
from sciadv.physics.reactions.expressions import Expression, call
from sciadv.physics.reactions.network import Reaction, ReactionNetwork
from sciadv.physics.reactions.symbols import Running
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import Kinetics, pack


@dataclass(frozen=True)
class RecognisedCircuit:
    """A circuit ``(7, genes, genes)``, the names of its genes, and their levels at time 0 ``(genes,)``."""

    circuit: Tensor
    genes: tuple[str, ...]
    initial: Tensor


@dataclass(frozen=True)
class _Edge:
    """A Hill factor: how the regulator changes a production, which is largest at `largest`."""

    sign: int
    threshold: float
    hill: float
    fold: float
    largest: float


def recognised_circuit(network: ReactionNetwork, model: CircuitModel = RACIPE) -> RecognisedCircuit:
    """Return the circuit that a network is, if each species is produced and degraded as a gene of one.

    Parameters
    ----------
    network
        The reactions.
    model
        Whose ranges the circuit's places are in.

    Raises
    ------
    InputError
        The network is no such circuit (what does not fit is named), or a number is outside its range.
    """
    if network.unexpressed or network.events or network.rate_rules or not network.species:
        raise InputError(f"{network.id} is no circuit of genes: it has events, rate rules or no species")
    reader = _Reader(network)
    genes = tuple(network.species)
    n = len(genes)
    edges = {(i, j): edge for j in range(n) for i, edge in reader.edges(genes[j]).items()}
    production = torch.tensor([reader.production(gene) for gene in genes], dtype=torch.float64)
    degradation = torch.tensor([reader.degradation(gene) for gene in genes], dtype=torch.float64)

    def matrix(read: Callable[[int, _Edge], float], otherwise: float) -> Tensor:
        values = [
            [read(i, edges[i, j]) if (i, j) in edges else otherwise for j in range(n)] for i in range(n)
        ]
        return torch.tensor(values, dtype=torch.float64)[None]

    largest = production / degradation
    kinetics = Kinetics(
        sign=matrix(lambda _, edge: float(edge.sign), 0.0),
        threshold=matrix(lambda i, edge: edge.threshold / float(largest[i]), 1.0),
        hill=matrix(lambda _, edge: edge.hill, 1.0),
        fold=matrix(lambda _, edge: edge.fold, 1.0),
        production=production[None],
        degradation=degradation[None],
        presence=torch.ones(1, n, dtype=torch.float64),
        model=model,
    )
    return RecognisedCircuit(pack(kinetics)[0], genes, reader.initial(genes))


class _Reader:
    """Reads the genes of one network."""

    def __init__(self, network: ReactionNetwork) -> None:
        self.network = network
        self.equations = Equations(network)
        y, constants = self.equations.start()
        self.y = y[:, 0].tolist()
        self.constants = constants[:, 0].tolist()
        self.running = Running(self.equations.laid_out)

    def initial(self, genes: tuple[str, ...]) -> Tensor:
        """Return the levels at time 0."""
        return self.equations.quantities(genes, 0.0, *self.equations.start())[:, 0]

    def _reaction(self, gene: str, *, is_production: bool) -> Reaction:
        """Return the one reaction that makes a gene's product, or takes it away."""
        found = [
            one
            for one in self.network.reactions.values()
            if gene in {part.species for part in (one.products if is_production else one.reactants)}
        ]
        word = "production" if is_production else "degradation"
        if len(found) != 1 or found[0].rate is None:
            raise InputError(f"{gene} has {len(found)} reactions of {word}; a gene of a circuit has one")
        parts = (*found[0].products, *found[0].reactants)
        if len(parts) != 1 or parts[0].stoichiometry != 1.0:
            raise InputError(f"the {word} of {gene} turns other species over; that of a gene does not")
        return found[0]

    def degradation(self, gene: str) -> float:
        """Return the rate constant of a gene's degradation."""
        rate = self._rate(gene, is_production=False)
        value = self._function(rate, gene)
        constant = value(1.0)
        is_proportional = all(math.isclose(value(x), constant * x, rel_tol=1e-9) for x in (0.5, 3.0, 100.0))
        if self._species(rate) != [gene] or not (is_proportional and constant > 0):
            raise InputError(f"the degradation of {gene} is not in proportion to {gene}")
        return constant

    def production(self, gene: str) -> float:
        """Return the largest production of a gene."""
        factors = _factors(self._rate(gene, is_production=True))
        plain = math.prod(self._function(one, "")(0.0) for one in factors if not self._species(one))
        return plain * math.prod(edge.largest for edge in self.edges(gene).values())

    def edges(self, gene: str) -> dict[int, _Edge]:
        """Return the regulators of a gene, by their places."""
        places = {one: i for i, one in enumerate(self.network.species)}
        found: dict[int, _Edge] = {}
        for factor in _factors(self._rate(gene, is_production=True)):
            regulators = self._species(factor)
            if len(regulators) > 1 or (regulators and places[regulators[0]] in found):
                raise InputError(
                    f"the production of {gene} is no product of one factor a regulator: "
                    f"{', '.join(regulators)}"
                )
            if regulators:
                words = f"the effect of {regulators[0]} on {gene}"
                found[places[regulators[0]]] = _hill(self._function(factor, regulators[0]), words)
        return found

    def _rate(self, gene: str, *, is_production: bool) -> Expression:
        """Return the rate of a gene's reaction with rules and functions written out."""
        reaction = self._reaction(gene, is_production=is_production)
        key = next(key for key, one in self.network.reactions.items() if one is reaction)
        return _expanded(self.equations.laid_out.rate(key), self.network)

    def _species(self, formula: Expression) -> list[str]:
        return sorted(formula.names() & {*self.network.species})

    def _function(self, formula: Expression, species: str) -> Callable[[float], float]:
        """Return a formula as a function of one species' level."""
        slot = self.running.builder.add(formula, self.running.resolve)
        tape = self.running.builder.tape([slot], n_inputs=self.equations.laid_out.n_inputs)
        run = tape.function(OF_FLOATS)

        def value(x: float) -> float:
            y = [*self.y]
            if species:
                y[self.equations.states.index(species)] = x * self._volume(species)
            return float(run([0.0, *y, *self.constants])[0])

        return value

    def _volume(self, species: str) -> float:
        part = self.network.species[species]
        return 1.0 if part.is_amount else self.constants[self.equations.constants.index(part.compartment)]


def _expanded(formula: Expression, network: ReactionNetwork) -> Expression:
    """Return a formula with assignment rules and functions in the place of their names."""
    if formula.head == "name" and formula.name in network.assignment_rules:
        return _expanded(network.assignment_rules[formula.name], network)
    args = tuple(_expanded(arg, network) for arg in formula.args)
    function = network.functions.get(formula.name) if formula.head == "call" else None
    if function is not None and function.body is not None:
        return _expanded(function.body.replaced(dict(zip(function.arguments, args, strict=False))), network)
    return Expression(formula.head, args, formula.value, formula.name)


def _factors(formula: Expression) -> list[Expression]:
    """Return what a formula is a product of; what it is divided by counts as the inverse of it."""
    if formula.head == "times":
        return [factor for arg in formula.args for factor in _factors(arg)]
    if formula.head == "divide" and not formula.args[1].names():
        below = call("divide", Expression("number", value=1.0), formula.args[1])
        return [*_factors(formula.args[0]), below]
    return [formula]


def _hill(value: Callable[[float], float], words: str, *, much: float = 1e30) -> _Edge:
    """Return the Hill function that a factor is.

    Raises
    ------
    InputError
        It is none.
    """
    low = value(0.0)
    high = value(much)
    if not (math.isfinite(low) and math.isfinite(high) and low > 0 and high > 0 and low != high):
        raise InputError(f"{words} is no shifted Hill function: it is {low:g} without and {high:g} with much")

    def odds(x: float) -> float:
        left = high - value(x)
        return (value(x) - low) / left if left else math.inf

    middle = _middle(lambda x: (value(x) - low) / (high - low))
    steepness = odds(2 * middle) / odds(middle / 2) if odds(middle / 2) else math.nan
    if not (math.isfinite(steepness) and steepness > 0):
        raise InputError(f"{words} is no shifted Hill function")
    hill = math.log(steepness) / math.log(4.0)
    for part in (0.2, 0.7, 1.5, 4.0):
        if not math.isclose(odds(part * middle), part**hill, rel_tol=1e-6):
            raise InputError(f"{words} is no shifted Hill function")
    sign = 1 if high > low else -1
    return _Edge(sign, middle, hill, max(low, high) / min(low, high), max(low, high))


def _middle(part: Callable[[float], float], *, least: float = 1e-12, most: float = 1e12) -> float:
    """Return the level at which a factor is halfway, by bisection in its logarithm."""
    for _ in range(200):
        middle = math.sqrt(least * most)
        if part(middle) < 0.5:
            least = middle
        else:
            most = middle
    return math.sqrt(least * most)
