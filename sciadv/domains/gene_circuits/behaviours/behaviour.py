"""What a behaviour is, the table of those that there are, and a user's own function as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import unpack
from sciadv.physics.regulation.rest import largest_levels
from sciadv.physics.regulation.trajectories import simulate
from sciadv.registry.registry import Registry

Measured = dict[str, Tensor]


@runtime_checkable
class Behaviour(Protocol):
    """A behaviour: numbers that are measured of circuits, and the condition on them.

    Its settings are fields with defaults, so that ``BEHAVIOURS.find(name)()`` is the standard test.
    """

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return numbers of each circuit by name ``(batch,)``, NaN where there is nothing to measure."""
        ...

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether circuits with these numbers show the behaviour."""
        ...

    def coarser(self) -> Behaviour:
        """Return a quicker test, for the many parameter sets of a robustness; itself where there is none."""
        ...


#: The behaviours that a file can name; another package registers its own under ``sciadv.behaviours``.
BEHAVIOURS: Registry[Callable[[], Behaviour]] = Registry(
    "behaviour", "sciadv.domains.gene_circuits.behaviours", group="sciadv.behaviours"
)


@final
@dataclass(frozen=True)
class OwnBehaviour:
    """A user's function of trajectories as a behaviour.

    Parameters
    ----------
    function
        Given times ``(time,)`` and levels ``(time, batch, genes)``, returns whether each circuit shows it
        ``(batch,)``, or numbers by name with that under ``"shown"``.
    t_end, rtol, n_kept
        Length of a trajectory [time], largest error of a step as a part of each level, and states kept of it.
    first, last
        Initial levels of the first and the last gene, as parts of their largest.
    model
        What circuits stand for; its times are those of the settings.

    Examples
    --------
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> ends_low = OwnBehaviour(lambda times, levels: levels[-1, :, 0] < 1.0)
    >>> x = circuits_of(torch.zeros(1, 1, 1))
    >>> ends_low.shown(ends_low.measure(x))
    tensor([False])
    """

    function: Callable[[Tensor, Tensor], Tensor | Mapping[str, Tensor]]
    t_end: float = 200.0
    rtol: float = 1e-6
    n_kept: int = 400
    first: float = 0.5
    last: float = 0.1
    model: CircuitModel = RACIPE

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Integrate circuits and ask the function.

        Raises
        ------
        InputError
            The function does not return one value for each circuit.
        """
        kinetics = unpack(x, self.model)
        initial = uneven_levels(x, first=self.first, last=self.last, model=self.model)
        levels = simulate(kinetics, initial, t_end=self.t_end, n_kept=self.n_kept, rtol=self.rtol)
        times = torch.arange(1, len(levels) + 1, dtype=x.dtype, device=x.device) * self.t_end / len(levels)
        answer = self.function(times, levels)
        numbers = dict(answer) if isinstance(answer, Mapping) else {"shown": answer}
        wrong = [name for name, value in numbers.items() if tuple(value.shape) != (len(x),)]
        if wrong or "shown" not in numbers:
            raise InputError(
                f"a behaviour of one's own returns `shown`, and other numbers, of shape ({len(x)},), one for "
                f"each circuit, but it returned { ({k: tuple(v.shape) for k, v in numbers.items()}) }"
            )
        return numbers

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the function said so."""
        return measured["shown"].bool()

    def coarser(self) -> OwnBehaviour:
        """Return the same test."""
        return self


def uneven_levels(
    x: Float[Tensor, "batch 7 genes genes"],
    *,
    first: float = 0.5,
    last: float = 0.1,
    model: CircuitModel = RACIPE,
) -> Float[Tensor, "batch genes"]:
    """Return initial levels: parts of each gene's largest that fall from the first gene to the last."""
    parts = torch.linspace(first, last, x.shape[-1], dtype=x.dtype, device=x.device)
    return parts * largest_levels(unpack(x, model))
