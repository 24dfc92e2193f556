"""Shapes of the response to a step of an inducer: adaptation, and a pulse."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.domains.gene_circuits.behaviours.responses import Ends, Step, at_pairs


@final
@dataclass(frozen=True)
class Adaptation:
    """An output that answers a lasting step of the input, and comes back to where it was.

    Sensitivity is the relative change of the output at its peak over that of the input, precision the
    relative change of the input over that of the output at rest.

    W. Ma, A. Trusina, H. El-Samad, W. A. Lim, C. Tang, Defining network topologies that can achieve
    biochemical adaptation, Cell 138, 2009, pages 760-773: a step of 20 %, sensitivity above 1 and precision
    above 10.

    Parameters
    ----------
    step
        The step.
    ends
        Which gene is induced, which is looked at.
    least_sensitivity, least_precision
        Above these a circuit adapts.
    """

    kind: ClassVar[str] = "adaptation"
    step: Step = field(default_factory=Step)
    ends: Ends = field(default_factory=Ends)
    least_sensitivity: float = 1.0
    least_precision: float = 10.0

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return sensitivity and precision of the pair that comes nearest to both bounds."""
        levels, at_rest = self.step.follow(x, self.ends)
        relative = (levels - levels[0]) / levels[0].clamp_min(torch.finfo(x.dtype).tiny)
        change = abs(self.step.dose - 1)
        floor = 1e-6  # rounding: beyond a precision of a million it is not known
        numbers = {
            "sensitivity": relative.abs().amax(0) / change,
            "precision": change / relative[-1].abs().clamp_min(floor),
            "is_at_rest": at_rest[..., None].expand_as(relative[0]).to(x.dtype),
        }
        quality = torch.minimum(
            (numbers["sensitivity"] / self.least_sensitivity).log(),
            (numbers["precision"] / self.least_precision).log(),
        )
        return at_pairs(numbers, quality, self.ends.usable(x), self.ends.inputs(x))

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the output is sensitive and precise, and rests before and after."""
        sensitive = measured["sensitivity"] > self.least_sensitivity
        precise = measured["precision"] > self.least_precision
        return sensitive & precise & (measured["is_at_rest"] > 0)

    def coarser(self) -> Adaptation:
        """Return the same test."""
        return self


@final
@dataclass(frozen=True)
class Pulse:
    """An output that rises after a lasting step of the input and falls again, at least half of the way.

    S. Basu, R. Mehreja, S. Thiberge, M.-T. Chen, R. Weiss, Spatiotemporal control of gene expression with
    pulse-generating networks, PNAS 101, 2004, pages 6355-6360.

    Parameters
    ----------
    step
        The step, tenfold.
    ends
        Which gene is induced, which is looked at.
    least_height
        Ratio of the peak to the output before, at least.
    least_return
        Part of the rise that is lost again, at least.
    """

    kind: ClassVar[str] = "pulse"
    step: Step = field(default_factory=partial(Step, dose=10.0))
    ends: Ends = field(default_factory=Ends)
    least_height: float = 2.0
    least_return: float = 0.5

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return height, return and time of the peak, of the pair with the highest pulse that returns."""
        levels, at_rest = self.step.follow(x, self.ends)
        first, last = levels[0], levels[-1]
        peak, when = levels.max(0)
        tiny = torch.finfo(x.dtype).tiny
        spacing = self.step.t_end / self.step.n_kept
        numbers = {
            "pulse_height": peak / first.clamp_min(tiny),
            "pulse_return": (peak - last) / (peak - first).clamp_min(tiny),
            "pulse_time": when.to(x.dtype) * spacing,
            "is_at_rest": at_rest[..., None].expand_as(peak).to(x.dtype),
        }
        returns = numbers["pulse_return"] >= self.least_return
        quality = torch.where(returns, numbers["pulse_height"], 0.0)
        return at_pairs(numbers, quality, self.ends.usable(x), self.ends.inputs(x))

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the pulse is high enough and returns, and the circuit rests before and after."""
        high = measured["pulse_height"] >= self.least_height
        returns = measured["pulse_return"] >= self.least_return
        return high & returns & (measured["is_at_rest"] > 0)

    def coarser(self) -> Pulse:
        """Return the same test."""
        return self
