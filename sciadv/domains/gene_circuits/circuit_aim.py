"""What circuits are designed for: a behaviour, and targets on what is measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Behaviour
from sciadv.domains.gene_circuits.behaviours.evaluation import behaviour_of, measure, meets
from sciadv.domains.gene_circuits.behaviours.targets import Target, read_targets
from sciadv.domains.gene_circuits.behaviours.together import Together
from sciadv.errors import InputError, UnknownNameError
from sciadv.nets.graph import signs_and_presence
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import circuits_of

#: What is asked of the number of edges when the simplest circuits are.
SIMPLEST = ("minimise", "minimize", "minimum", "min")
#: Behaviours that a target can add, by those of which it is asked: hysteresis of what has several states.
BESIDE = {"bistability": "switching", "multistability": "switching"}


@dataclass(frozen=True)
class CircuitAim:
    """What circuits are designed for.

    Parameters
    ----------
    name
        Of the behaviour.
    test
        Its test.
    targets
        Intervals of what is measured.
    is_simplest
        Whether the circuits with the fewest edges are asked for.
    model
        What circuits stand for.
    """

    name: str
    test: Behaviour
    targets: tuple[Target, ...] = ()
    is_simplest: bool = False
    model: CircuitModel = RACIPE

    @staticmethod
    def read(behaviour: str, wanted: Mapping[str, object], *, model: CircuitModel = RACIPE) -> CircuitAim:
        """Read targets on circuits in a model; ``edges=minimise`` asks for the simplest circuits.

        A target on the hysteresis of a circuit with several states asks that it switches, too.

        Raises
        ------
        UnknownNameError
            There is no such behaviour, or it has no number of a target's name.
        InputError
            A target cannot be read, or contradicts the behaviour.
        """
        own_model = None if model == RACIPE else model
        test = behaviour_of(behaviour, own_model)
        is_simplest = str(wanted.get("edges", "")).strip().lower() in SIMPLEST
        others = {name: value for name, value in wanted.items() if not (is_simplest and name == "edges")}
        targets = read_targets(others)
        known = _numbers(test)
        if behaviour in BESIDE and any(target.name not in known for target in targets):
            test = Together(test, behaviour_of(BESIDE[behaviour], own_model))
            known = _numbers(test)
        for target in targets:
            if target.name not in known:
                raise UnknownNameError(f"number that is measured of {behaviour}", target.name, known)
            is_other = target.name == "n_states" and not target.low <= 2 <= target.high
            if behaviour == "bistability" and is_other:
                raise InputError(
                    f"bistability is two stable states, so n_states of {target.low:g} to {target.high:g} "
                    'contradicts it; set behaviour = "multistability" in the problem\'s [forward]'
                )
        return CircuitAim(behaviour, test, targets, is_simplest, model)

    def meets(self, x: Float[Tensor, "batch 7 genes genes"]) -> Bool[Tensor, " batch"]:
        """Whether circuits show the behaviour and meet every target."""
        return meets(measure(x, self.test), self.test, self.targets)

    def shows(self, x: Float[Tensor, "batch 7 genes genes"]) -> Bool[Tensor, " batch"]:
        """Whether circuits show the behaviour, whatever the targets, by the coarser test."""
        test = self.test.coarser()
        return meets(measure(x, test), test, ())

    def misfit(self, x: Float[Tensor, "batch 7 genes genes"]) -> Float[Tensor, " batch"]:
        """Return by how many genes and edges circuits miss the targets on them; 0 for none."""
        signs, presence = signs_and_presence(x)
        sizes = {"genes": presence.sum(1), "edges": (signs != 0).sum((1, 2)).to(x.dtype)}
        off = torch.zeros_like(sizes["genes"])
        for target in self.targets:
            if target.name in sizes:
                size = sizes[target.name]
                off = off + (target.low - size).clamp_min(0) + (size - target.high).clamp_min(0)
        return off


def _numbers(test: Behaviour) -> list[str]:
    """Return the names of what is measured for a test."""
    return [*measure(circuits_of(torch.zeros(1, 1, 1)), test)]
