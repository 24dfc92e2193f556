"""Switching by an inducer: an output that jumps up at one dose and down at a lower one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.domains.gene_circuits.behaviours.responses import Ends, Ramp, at_pairs


@final
@dataclass(frozen=True)
class Switching:
    """A hysteresis loop that closes within the range of doses.

    Between two thresholds the way up and the way down are different stable states. The upper threshold is the
    dose at which the way up jumps, the lower that at which the way down does.

    Parameters
    ----------
    ramp
        The doses.
    ends
        Which gene is induced, which is looked at.
    least_ratio
        Ratio of the output on both ways inside the loop, at least.
    least_width
        Width of the loop, at least [decades].
    """

    kind: ClassVar[str] = "switching"
    ramp: Ramp = field(default_factory=Ramp)
    ends: Ends = field(default_factory=Ends)
    least_ratio: float = 2.0
    least_width: float = 0.1

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return width and both thresholds of the widest closed loop, and the ratio of the output inside."""
        levels, at_rest = self.ramp.follow(x, self.ends)
        apart = (levels[0].log10() - levels[1].log10()).abs()
        inside = apart > math.log10(self.least_ratio)
        step = float(self.ramp.decades[1] - self.ramp.decades[0])
        decades = self.ramp.decades.to(x)[:, None, None, None]
        low = torch.where(inside, decades, torch.inf).amin(0) - step / 2
        high = torch.where(inside, decades, -torch.inf).amax(0) + step / 2
        width = (high - low).clamp_min(0).nan_to_num(0.0, 0.0, 0.0)
        closed = ~inside[0] & ~inside[-1]
        numbers = {
            "hysteresis_width": torch.where(closed, width, 0.0),
            "lower_threshold": torch.where(closed & (width > 0), 10**low, torch.nan),
            "upper_threshold": torch.where(closed & (width > 0), 10**high, torch.nan),
            "switch_ratio": 10 ** apart.amax(0),
            "is_irreversible": (inside.any(0) & ~closed).to(x.dtype),
            "is_at_rest": at_rest[..., None].expand_as(width).to(x.dtype),
        }
        quality = numbers["hysteresis_width"] + 1e-3 * numbers["is_irreversible"]
        usable = self.ends.usable(x)
        return at_pairs(numbers, quality, usable, self.ends.inputs(x))

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the loop is closed and wide enough, and the circuit rests at every dose."""
        wide = measured["hysteresis_width"] >= self.least_width
        return wide & (measured["switch_ratio"] >= self.least_ratio) & (measured["is_at_rest"] > 0)

    def coarser(self) -> Switching:
        """Return the test with half as many doses."""
        return replace(self, ramp=self.ramp.coarser())
