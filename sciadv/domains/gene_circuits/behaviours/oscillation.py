"""Oscillation that lasts: settled amplitude, period and duty of the gene that moves most."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured, uneven_levels
from sciadv.physics.dynamics.oscillations import measure_oscillations
from sciadv.physics.regulation.circuit_model import RACIPE, CircuitModel
from sciadv.physics.regulation.kinetics import Kinetics, unpack
from sciadv.physics.regulation.rest import Settling, largest_levels, settle
from sciadv.physics.regulation.trajectories import simulate


@final
@dataclass(frozen=True)
class Oscillation:
    """Levels that go up and down for ever, sine or spike, from one initial state.

    A trajectory is cut into a transient and two windows. It oscillates if the gene that moves most, relative
    to its mean, rises at least three times through its middle in the last window, and moves there no less
    than before. Those that still move but less, or have not had three cycles, are integrated on.

    Parameters
    ----------
    t_end, rtol, n_kept
        Length of a trajectory [time], largest error of a step as a part of each level, and states kept of its
        second half, which is tested.
    least_amplitude
        Least amplitude: largest less least level, over the mean.
    least_part
        Least difference of the largest and the least level, as a part of the gene's largest level: what moves
        less is off, and its levels are as small as the errors of the integration.
    most_decay
        Largest loss of amplitude from the first window to the second, as a part.
    least_cycles
        Complete cycles in the second half, at least.
    n_extensions, longer
        How often an undecided trajectory is integrated on, each time `longer` times as long.
    settling
        How trajectories are first followed: those that rest are integrated no further.
    chunk
        Circuits integrated at once.
    model
        What circuits stand for; its times are those of the settings.
    """

    kind: ClassVar[str] = "oscillation"
    t_end: float = 400.0
    rtol: float = 1e-6
    n_kept: int = 400
    least_amplitude: float = 0.05
    least_part: float = 1e-4
    most_decay: float = 0.01
    least_cycles: int = 3
    n_extensions: int = 1
    longer: float = 4.0
    settling: Settling = field(default_factory=partial(Settling, times=(50.0,), near=0.02))
    chunk: int = 4096
    model: CircuitModel = RACIPE

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return amplitude, period [time], duty, gene, decay and number of cycles."""
        parts = [self._measured(some) for some in torch.split(x, self.chunk)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _measured(self, x: Tensor) -> Measured:
        """Integrate one chunk, then on and on what is undecided."""
        kinetics = unpack(x, self.model)
        levels, at_rest = settle(kinetics, uneven_levels(x, model=self.model), self.settling)
        measured = self._at_rest(x)
        rows = (~at_rest).nonzero()[:, 0]
        for k in range(self.n_extensions + 1):
            if len(rows) == 0:
                break
            t_end = self.t_end * self.longer**k
            found, levels[rows] = self._windows(kinetics.rows(rows), levels[rows], t_end)
            for name, values in found.items():
                measured[name][rows] = values
            undecided = (found["amplitude"] > self.least_amplitude) & ~self.shown(found)
            rows = rows[undecided]
        return measured

    def _at_rest(self, x: Tensor) -> Measured:
        """Return the numbers of circuits that do not move."""
        nothing = x.new_zeros(len(x))
        names = ("amplitude", "period", "duty", "oscillating_gene", "decay", "n_cycles")
        moving = ("period", "duty", "oscillating_gene", "decay")
        return {name: nothing + torch.nan if name in moving else nothing.clone() for name in names}

    def _windows(
        self,
        kinetics: Kinetics,
        initial: Tensor,
        t_end: float,
    ) -> tuple[Measured, Tensor]:
        """Integrate and measure the second half; return the last levels as well."""
        n_kept = round(self.n_kept * t_end / self.t_end)
        second = simulate(kinetics, initial, t_end=t_end, n_kept=n_kept, keep_from=t_end / 2, rtol=self.rtol)
        before, after = (swing(window) for window in second.chunk(2))
        relative = after / second.mean(0).clamp_min(torch.finfo(second.dtype).tiny)
        is_on = after > self.least_part * largest_levels(kinetics)
        relative = torch.where(is_on, relative, 0.0)
        gene = relative.argmax(1)
        rows = torch.arange(len(gene), device=gene.device)
        found = measure_oscillations(second[:, rows, gene], spacing=t_end / 2 / n_kept)
        measured = {
            "amplitude": relative[rows, gene],
            "period": found.period,
            "duty": found.duty,
            "oscillating_gene": gene.to(second.dtype),
            "decay": 1 - after[rows, gene] / before[rows, gene].clamp_min(torch.finfo(second.dtype).tiny),
            "n_cycles": found.n_cycles.to(second.dtype),
        }
        return measured, second[-1].clone()

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the amplitude is large enough and lasts, over enough cycles."""
        lasts = measured["decay"] <= self.most_decay
        enough = measured["n_cycles"] >= self.least_cycles
        return (measured["amplitude"] > self.least_amplitude) & lasts & enough & ~measured["period"].isnan()

    def coarser(self) -> Oscillation:
        """Return the test without extensions of undecided trajectories, integrated less exactly."""
        return replace(self, n_extensions=0, rtol=100 * self.rtol)


def swing(series: Float[Tensor, "time ..."]) -> Float[Tensor, ...]:
    """Return largest less least value of series, both at the vertex of a parabola through three samples.

    Examples
    --------
    >>> coarse = torch.sin(0.7 * torch.arange(40, dtype=torch.float64))
    >>> round(float(swing(coarse)), 2)
    2.0
    """
    return _top(series) + _top(-series)


def _top(series: Tensor) -> Tensor:
    before, here, after = series[:-2], series[1:-1], series[2:]
    bend = (2 * here - before - after).clamp_min(torch.finfo(series.dtype).tiny)
    peak = here + (after - before).square() / (8 * bend)
    is_peak = (here >= before) & (here >= after)
    return torch.where(is_peak, peak, here).amax(0)
