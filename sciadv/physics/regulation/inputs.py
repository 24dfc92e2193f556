"""Inputs of circuits: an inducer whose dose scales the production or the activity of a gene, over time.

A dose u of 1 changes nothing. On production the gene makes u times as much, at the same thresholds in
levels; on activity its targets see u times its level. Both act on the constants of a circuit, so that every
integrator that takes `Kinetics` simulates induced circuits: it is restarted where the dose changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sciadv.errors import InputError
from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.trajectories import simulate
from sciadv.registry.checked import checked
from sciadv.types import Count, NotNegative, Positive, Whole

#: Any text in Python, which the constructor answers.
ActsOn = Annotated[str, Literal["production", "activity"]]


def induced(
    kinetics: Kinetics, gene: int | Tensor, dose: float | Tensor, *, acts_on: ActsOn = "production"
) -> Kinetics:
    """Return circuits at a dose: thresholds, which are parts of a largest level, are kept in levels.

    Parameters
    ----------
    kinetics
        Circuits.
    gene
        The induced gene, one for all or one for each circuit ``(batch,)``.
    dose
        Factor of its production or activity, > 0, likewise.
    acts_on
        "production" or "activity".
    """
    rows = torch.arange(len(kinetics.presence), device=kinetics.presence.device)
    factor = torch.ones_like(kinetics.production)
    factor[rows, gene] = torch.as_tensor(dose).to(factor)
    threshold = kinetics.threshold / factor[:, :, None]
    production = kinetics.production * factor if acts_on == "production" else kinetics.production
    return replace(kinetics, threshold=threshold, production=production)


@checked
@dataclass(frozen=True)
class Input:
    """A dose over time, constant between breakpoints: made by `constant`, `step`, `pulse` or `ramp`.

    Parameters
    ----------
    gene
        The induced gene.
    times
        Where each dose starts, rising from 0 [time].
    doses
        Factors of the gene's production or activity, > 0.
    acts_on
        "production" or "activity".

    Raises
    ------
    InputError
        Times that do not rise from 0, doses that are not positive, or not one dose for each time.

    Examples
    --------
    >>> Input.pulse(0, 10.0, start=5.0, end=8.0).doses
    (1.0, 10.0, 1.0)
    """

    gene: Whole
    times: tuple[NotNegative, ...] = (0.0,)
    doses: tuple[Positive, ...] = (1.0,)
    acts_on: ActsOn = "production"

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.times, self.times[1:], strict=False))
        if len(self.times) != len(self.doses) or not self.times or self.times[0] != 0 or not rising:
            raise InputError(
                f"an input has one dose for each time, and times rise from 0, but times are {self.times} and "
                f"doses {self.doses}"
            )
        if self.acts_on not in ("production", "activity"):
            raise InputError(f"acts_on must be production or activity, but it is {self.acts_on!r}")

    @staticmethod
    def constant(gene: int, dose: float, *, acts_on: ActsOn = "production") -> Input:
        """Return one dose from the start."""
        return Input(gene, (0.0,), (dose,), acts_on)

    @staticmethod
    def step(
        gene: int, dose: float, *, start: float, before: float = 1.0, acts_on: ActsOn = "production"
    ) -> Input:
        """Return a dose that changes once, at `start` [time]."""
        return Input(gene, (0.0, start), (before, dose), acts_on)

    @staticmethod
    def pulse(gene: int, dose: float, *, start: float, end: float, acts_on: ActsOn = "production") -> Input:
        """Return a dose between two times, and 1 before and after."""
        return Input(gene, (0.0, start, end), (1.0, dose, 1.0), acts_on)

    @staticmethod
    @checked
    def ramp(  # what a ramp is
        gene: Whole,
        first: Positive,
        last: Positive,
        *,
        t_end: Positive,
        n_steps: Count = 40,
        acts_on: ActsOn = "production",
    ) -> Input:
        """Return a dose that rises or falls by equal factors in `n_steps` steps until `t_end` [time]."""
        times = tuple(t_end * k / n_steps for k in range(n_steps))
        parts = (k / max(n_steps - 1, 1) for k in range(n_steps))
        return Input(gene, times, tuple(first * (last / first) ** part for part in parts), acts_on)

    def at(self, time: float) -> float:
        """Return the dose at a time."""
        return max(
            (start, dose) for start, dose in zip(self.times, self.doses, strict=True) if start <= time
        )[1]


def simulate_induced(
    kinetics: Kinetics,
    initial: Float[Tensor, "batch genes"],
    given: Input,
    *,
    t_end: float = 100.0,
    n_kept: int = 200,
    rtol: float = 1e-6,
) -> tuple[Float[Tensor, " kept"], Float[Tensor, "kept batch genes"]]:
    """Integrate circuits under an input, restarted where its dose changes.

    Parameters
    ----------
    kinetics, initial
        Circuits and their levels at time 0.
    given
        The input.
    t_end
        Time to integrate [time].
    n_kept
        States kept, about: at even times between two changes of the dose, at least one.
    rtol
        Largest error of a step, as a part of each level.

    Returns
    -------
    Times of the kept states, and the levels.

    Raises
    ------
    InputError
        The induced gene is absent from a circuit.
    """
    if given.gene >= kinetics.presence.shape[1] or not bool((kinetics.presence[:, given.gene] > 0).all()):
        raise InputError(
            f"the input acts on gene {given.gene}, counted from 0, but there are circuits of "
            f"{int(kinetics.n_genes.min())} genes; choose another gene"
        )
    starts = [time for time in given.times if time < t_end]
    times, kept = [], []
    for start, end in zip(starts, [*starts[1:], t_end], strict=True):
        length = end - start
        n = max(1, round(n_kept * length / t_end))
        some = induced(kinetics, given.gene, given.at(start), acts_on=given.acts_on)
        levels = simulate(some, initial, t_end=length, n_kept=n, rtol=rtol)
        times.append(start + length * torch.arange(1, n + 1, dtype=levels.dtype) / n)
        kept.append(levels)
        initial = levels[-1]
    return torch.cat(times), torch.cat(kept)
