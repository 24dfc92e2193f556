"""What an integration is asked for and what it returns: a span of time, tolerances, trajectories."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sciadv.errors import InputError


@dataclass(frozen=True)
class Span:
    """Where a trajectory begins and ends, which states of it are kept, and where its rate may jump.

    Parameters
    ----------
    end
        Time to integrate to.
    n_kept
        States kept at even times after `keep_from`, the last at `end`.
    start, keep_from
        Beginning of the trajectory, and of what is kept; the former if None.
    breaks
        Times at which rates jump or have a corner: no step crosses them. Those outside do not matter.

    Examples
    --------
    >>> Span(10.0, n_kept=4, keep_from=8.0).times().tolist()
    [8.5, 9.0, 9.5, 10.0]
    """

    end: float
    n_kept: int = 1
    start: float = 0.0
    keep_from: float | None = None
    breaks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check what a user can get wrong."""
        if not (self.start <= self.first < self.end and math.isfinite(self.end - self.start)):
            raise InputError(
                "expected t_start <= keep_from < t_end, but got "
                f"{self.start:g}, {self.first:g} and {self.end:g}"
            )
        if self.n_kept < 1:
            raise InputError(f"expected n_kept >= 1, but got {self.n_kept}")

    @property
    def length(self) -> float:
        """Of the trajectory."""
        return self.end - self.start

    @property
    def first(self) -> float:
        """Time after which states are kept."""
        return self.start if self.keep_from is None else self.keep_from

    @property
    def spacing(self) -> float:
        """Of the kept states."""
        return (self.end - self.first) / self.n_kept

    def times(self) -> Float[Tensor, " kept"]:
        """Return the times of the kept states, float64."""
        return self.first + self.spacing * torch.arange(1, self.n_kept + 1, dtype=torch.float64)

    def n_before(self, t: Tensor) -> Tensor:
        """Return how many kept states lie at or before times."""
        places = (t - self.first) / self.spacing
        return (places + 1e-9).floor().clamp(0, self.n_kept).long()

    def limits(self, device: torch.device) -> Tensor:
        """Return the times that no step crosses: the breaks inside, and the end."""
        inside = sorted({float(time) for time in self.breaks if self.start < time < self.end})
        return torch.tensor([*inside, self.end], dtype=torch.float64, device=device)


@dataclass(frozen=True)
class Tolerances:
    """How exact each step is, and when a system is given up.

    Parameters
    ----------
    rtol, atol
        Largest local error of a step, as a part of a state and of its scale. Of circuits that oscillate for
        40 periods an `rtol` of 1e-5 keeps the phase within a thousandth of a period in 99 %.
    max_steps
        Steps after which a system is given up.
    explicit_steps
        Steps after which a system counts as stiff, where an implicit method can go on; a hundred periods of
        an oscillator take thousands.
    safety, shrink, grow
        Of the step that the error asks for, which part is taken; how much a step changes at most.
    smoothing
        Weight of the last step's error in the next one's length: Hairer, Wanner, Solving Ordinary
        Differential Equations II, 2nd ed. 1996, equation IV.2.43.
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    max_steps: int = 100_000
    explicit_steps: int = 50_000
    safety: float = 0.9
    shrink: float = 0.2
    grow: float = 5.0
    smoothing: float = 0.04

    def __post_init__(self) -> None:
        """Check what a user can get wrong."""
        if not (0 < self.rtol < 1 and 0 < self.atol < 1):
            raise InputError(f"expected 0 < rtol, atol < 1, but got {self.rtol:g} and {self.atol:g}")
        for name in ("max_steps", "explicit_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"expected {name} >= 1, but got {getattr(self, name)}")


@dataclass(frozen=True)
class Integration:
    """Trajectories of a batch of systems, and which of them could not be integrated.

    Parameters
    ----------
    levels
        Kept states ``(kept, batch, states)``; NaN after a system was given up.
    reached
        Time that each system was integrated to ``(batch,)``.
    n_steps
        Steps that each took, refused ones included ``(batch,)``.
    is_done
        Whether it reached the end.
    t_end
        The end.
    """

    levels: Float[Tensor, "kept batch states"]
    reached: Float[Tensor, " batch"]
    n_steps: Int[Tensor, " batch"]
    is_done: Bool[Tensor, " batch"]
    t_end: float

    def with_rows(self, index: Tensor, other: Integration) -> Integration:
        """Return the trajectories of systems replaced by those of another integration."""
        levels = self.levels.index_copy(1, index, other.levels.to(self.levels))
        rest = {
            name: getattr(self, name).index_copy(0, index, getattr(other, name))
            for name in ("reached", "n_steps", "is_done")
        }
        return replace(self, levels=levels, **rest)

    def check(self) -> Integration:
        """Return itself, or say which system was given up.

        Raises
        ------
        InputError
            A system was not integrated to the end.
        """
        bad = (~self.is_done).nonzero()[:, 0]
        if len(bad):
            one = int(bad[0])
            raise InputError(
                f"{len(bad)} of {len(self.is_done)} systems were not integrated to t = {self.t_end:g}: "
                f"system {one} stopped at t = {float(self.reached[one]):g} after "
                f"{int(self.n_steps[one])} steps; it is too stiff (raise max_steps or loosen rtol) or its "
                "rates are not finite (look at its parameters)"
            )
        return self
