"""Classes of behaviour that a generator of circuits can be asked for: periods, numbers of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Behaviour
from sciadv.domains.gene_circuits.behaviours.evaluation import measure, meets
from sciadv.domains.gene_circuits.behaviours.oscillation import Oscillation
from sciadv.domains.gene_circuits.behaviours.robustness import fresh
from sciadv.domains.gene_circuits.behaviours.states import Bistability, Multistability
from sciadv.domains.gene_circuits.behaviours.targets import Target, read_targets
from sciadv.domains.gene_circuits.cores import minimal_cores
from sciadv.forward.circuits.gene_circuit import GeneCircuit


@dataclass(frozen=True)
class AskedClass:
    """A behaviour and an interval of a number that is measured of it.

    Parameters
    ----------
    name
        In tables.
    behaviour
        Name of the behaviour whose designs it can begin, and of the screen by which cores are found; "" where
        circuits without edges are of the class.
    test
        Of the behaviour.
    target
        The interval.
    """

    name: str
    behaviour: str
    test: Behaviour
    target: Target

    def can_have(self, behaviour: str, targets: Sequence[Target]) -> bool:
        """Whether a circuit of the class can show a behaviour within targets on the number of the class."""
        low, high = self.target.low, self.target.high
        fits = behaviour == self.behaviour
        for one in targets:
            if one.name == self.target.name:
                is_inside = low <= one.low <= one.high <= high
                fits = fits and (is_inside or (low < one.high and one.low < high))
        return fits

    def cores(self, x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, "batch 7 genes genes"]:
        """Return minimal cores by the screen; circuits themselves where the class needs no edge."""
        if not self.behaviour:
            return x
        screen = GeneCircuit(tuple(x.shape[1:]), self.behaviour, n_sets=1, n_starts=16)
        return minimal_cores(x, lambda some: screen.margins(some) > 0)


def asked_classes() -> tuple[AskedClass, ...]:
    """Return all classes: three thirds of periods, then one, two, and three or more stable states.

    The thirds are those of the 192 oscillating circuits among 12,000 draws of the prior ``gene-circuits``,
    8.2 and 15.2, rounded to powers of two.

    Examples
    --------
    >>> [one.name for one in asked_classes()][:2]
    ['period below 8', 'period 8 to 16']
    """
    period = Oscillation()
    states = Multistability(least_states=1)
    rows: Sequence[tuple[str, str, Behaviour, Mapping[str, object]]] = (
        ("period below 8", "oscillation", period, {"period": "<=8"}),
        ("period 8 to 16", "oscillation", period, {"period": (8, 16)}),
        ("period above 16", "oscillation", period, {"period": ">=16"}),
        ("one stable state", "", states, {"n_states": 1}),
        ("two stable states", "bistability", Bistability(), {"n_states": 2}),
        ("three stable states or more", "multistability", states, {"n_states": ">=3"}),
    )
    return tuple(
        AskedClass(
            name,
            behaviour,
            test,
            read_targets(target)[0],
        )
        for name, behaviour, test, target in rows
    )


def families(classes: Sequence[AskedClass]) -> list[list[int]]:
    """Return the numbers of classes whose number is measured by one test, together."""
    measured = [one.target.name for one in classes]
    return [[i for i, name in enumerate(measured) if name == number] for number in dict.fromkeys(measured)]


def class_among(
    x: Float[Tensor, "batch 7 genes genes"], classes: Sequence[AskedClass], family: Sequence[int]
) -> Int[Tensor, " batch"]:
    """Return the class of circuits among those of a family; -1 where it is none of them."""
    tests = [classes[i].test.coarser() for i in family]
    found = measure(x, tests[0])
    number = torch.full((len(x),), -1)
    for i, test in zip(family, tests, strict=True):
        number[meets(found, test, (classes[i].target,))] = i
    return number


def share_nearby(
    x: Float[Tensor, "batch 7 genes genes"],
    asked: Int[Tensor, " batch"],
    classes: Sequence[AskedClass],
    family: Sequence[int],
    *,
    n_sets: int,
    spread: float,
    seed: int,
) -> Float[Tensor, " batch"]:
    """Return in which share of parameter sets near their own circuits are of the class of each."""
    near = fresh(x, n_sets, spread=spread, seed=seed).flatten(0, 1)
    found = class_among(near, classes, family).reshape(n_sets, len(x))
    return (found == asked).to(x.dtype).mean(0)
