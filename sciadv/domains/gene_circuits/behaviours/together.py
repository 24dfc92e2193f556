"""Two behaviours at once: circuits that show one, with targets on what is measured of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Behaviour, Measured


@final
@dataclass(frozen=True)
class Together:
    """Both of two behaviours.

    Parameters
    ----------
    first
        The one that robustness is measured of.
    second
        The other; of numbers of one name those of the first count.

    Examples
    --------
    >>> from sciadv.domains.gene_circuits.behaviours.evaluation import behaviour_of, measure
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> import torch
    >>> toggle = circuits_of(torch.tensor([[[0.0, -1], [-1, 0]]]))
    >>> both = Together(behaviour_of("bistability"), behaviour_of("switching"))
    >>> found = measure(toggle, both)
    >>> int(found["n_states"]), bool(both.shown(found)), bool(found["hysteresis_width"] > 0.5)
    (2, True, True)
    """

    first: Behaviour
    second: Behaviour

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return the numbers of both."""
        return self.second.measure(x) | self.first.measure(x)

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether both are shown."""
        return self.first.shown(measured) & self.second.shown(measured)

    def coarser(self) -> Behaviour:
        """Return the quicker test of the first alone."""
        return self.first.coarser()
