"""The standard behaviour tests under the names that the search of circuits uses; see `behaviours`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Behaviour
from sciadv.domains.gene_circuits.behaviours.evaluation import robustness as robustness_of
from sciadv.domains.gene_circuits.behaviours.evaluation import shows
from sciadv.domains.gene_circuits.behaviours.oscillation import Oscillation
from sciadv.domains.gene_circuits.behaviours.robustness import Robustness, fresh, wilson_interval
from sciadv.domains.gene_circuits.behaviours.stability import Stability
from sciadv.domains.gene_circuits.behaviours.states import Bistability
from sciadv.errors import UnknownNameError

__all__ = [
    "BEHAVIOURS",
    "BehaviourTest",
    "Robustness",
    "fresh",
    "oscillates",
    "robustness",
    "wilson_interval",
]


@dataclass(frozen=True)
class BehaviourTest:
    """The tests of three behaviours with their settings."""

    oscillation: Oscillation = field(default_factory=Oscillation)
    bistability: Bistability = field(default_factory=Bistability)
    stability: Stability = field(default_factory=Stability)


STANDARD = BehaviourTest()


def oscillates(
    x: Float[Tensor, "batch 7 genes genes"], test: BehaviourTest = STANDARD
) -> Bool[Tensor, " batch"]:
    """Whether circuits oscillate, by their trajectories."""
    return shows(x, test.oscillation)


#: What tests each behaviour: of circuits and settings, whether each circuit shows it.
BEHAVIOURS: dict[str, Callable[[Tensor, BehaviourTest], Tensor]] = {
    "oscillation": oscillates,
    "bistability": lambda x, test: shows(x, test.bistability),
    "stability": lambda x, test: shows(x, test.stability),
}


def robustness(
    x: Float[Tensor, "batch 7 genes genes"],
    behaviour: str,
    *,
    n_sets: int = 64,
    spread: float = 0.2,
    seed: int = 1000,
    test: BehaviourTest = STANDARD,
) -> Robustness:
    """Measure in which share of fresh parameter sets circuits show a behaviour, by their trajectories.

    Raises
    ------
    UnknownNameError
        There is no such behaviour.
    """
    if behaviour not in BEHAVIOURS:
        raise UnknownNameError("behaviour", behaviour, BEHAVIOURS)
    settings: dict[str, Behaviour] = {
        "oscillation": test.oscillation,
        "bistability": test.bistability,
        "stability": test.stability,
    }
    return robustness_of(x, settings[behaviour], n_sets=n_sets, spread=spread, seed=seed)
