"""Stability: levels come to rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured, uneven_levels
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.rest import Settling, settle


@final
@dataclass(frozen=True)
class Stability:
    """A trajectory from one initial state that comes to rest in a stable steady state.

    Parameters
    ----------
    settling
        How it is followed.
    model
        What circuits stand for; its times are those of the settings.
    """

    kind: ClassVar[str] = "stability"
    settling: Settling = field(default_factory=Settling)
    model: CircuitModel = RACIPE

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return 1 where circuits come to rest, else 0."""
        initial = uneven_levels(x, model=self.model)
        _, at_rest = settle(unpack(x, self.model), initial, self.settling)
        return {"at_rest": at_rest.to(x.dtype)}

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether they come to rest."""
        return measured["at_rest"] > 0

    def coarser(self) -> Stability:
        """Return the same test."""
        return self
