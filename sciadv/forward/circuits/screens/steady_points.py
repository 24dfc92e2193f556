"""The steady states of circuits that screens look at, with their Jacobians and spectra."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.steady import Relative, Spectrum, differentiable, jacobians, steady_states


@dataclass(frozen=True)
class ScreenSettings:
    """What screens go by; see `sciadv.forward.GeneCircuit`, which has these as arguments.

    Parameters
    ----------
    shortfall, resolution, period, input_gene
        As there.
    """

    shortfall: float = 1.0
    resolution: float = 0.05
    period: float | None = None
    input_gene: int = 0


@dataclass(frozen=True)
class SteadyPoints:
    """The steady states found: relative levels ``(starts, batch, genes)``, their Jacobians and spectra.

    Jacobians are in mean degradation rates, `mean_rate` ``(batch,)``.
    """

    kinetics: Kinetics
    states: Tensor
    solved: Tensor
    matrix: Tensor
    spectrum: Spectrum
    mean_rate: Tensor

    @staticmethod
    def of(kinetics: Kinetics, starts: Float[Tensor, "starts genes"]) -> SteadyPoints:
        """Look for steady states from starts; they and their Jacobians are differentiable."""
        equations = Relative.of(kinetics)
        found, solved = steady_states(equations, starts)
        states = differentiable(equations, found)
        mean = (kinetics.degradation * kinetics.presence).sum(1) / kinetics.presence.sum(1).clamp_min(1)
        mean = torch.where(mean > 0, mean, 1)  # no gene at all
        matrix = jacobians(equations, states) / mean[:, None, None]
        return SteadyPoints(kinetics, states, solved, matrix, Spectrum.of(matrix), mean)

    @property
    def is_stable(self) -> Bool[Tensor, "starts batch"]:
        """Which steady states are solutions and stable."""
        stable: Tensor = self.solved & (self.spectrum.values.real < 0).all(-1)
        return stable

    def leading(self, which: Tensor) -> Tensor:
        """Return the largest real part among some eigenvalues ``(starts, batch)``, -inf without any."""
        largest, index = self.spectrum.values.real.masked_fill(~which, -torch.inf).max(-1)
        return torch.where(largest.isfinite(), self.spectrum.real_part(self.matrix, index), largest)

    def log_period(self) -> Tensor:
        """Return the logarithm of the period of the leading oscillating pair ``(starts, batch)``.

        2 pi over its frequency [time], differentiable; 0 where there is no such pair.
        """
        values = self.spectrum.values
        index = values.real.masked_fill(~self.spectrum.is_oscillating, -torch.inf).argmax(-1)
        turned = Spectrum(-1j * values, self.spectrum.left, -1j * self.spectrum.right)
        frequency = turned.real_part(self.matrix, index).abs() * self.mean_rate
        period = 2 * math.pi / frequency.clamp_min(1e-4)
        return torch.where(self.spectrum.is_oscillating.any(-1), period.log(), 0.0)

    def extreme(self, growth: Tensor, *, is_least: bool) -> Tensor:
        """Return the least or the largest growth over the states found; -1 where there is none."""
        usable = self.solved & growth.isfinite()
        filled = torch.where(usable, growth, torch.inf if is_least else -torch.inf)
        chosen = filled.amin(0) if is_least else filled.amax(0)
        return torch.where(usable.any(0), chosen, -1.0)
