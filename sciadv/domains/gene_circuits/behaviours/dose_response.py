"""Shapes of the dose response at rest: ultrasensitive, and band-pass."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import Measured
from sciadv.domains.gene_circuits.behaviours.responses import Ends, Ramp, at_pairs


def effective_hill(
    decades: Tensor,
    output: Float[Tensor, "doses ..."],
) -> Float[Tensor, ...]:
    """Return the effective Hill coefficient ``log 81 / log(EC90 / EC10)`` of responses that rise or fall.

    EC10 and EC90 are the doses of 10 and 90 % of the way from the first output to the last, the first at
    which they are passed, interpolated.

    References
    ----------
    A. Goldbeter, D. E. Koshland, PNAS 78, 1981, pages 6840-6844, equation 3.
    """
    part = (output - output[:1]) / (output[-1:] - output[:1])
    passed = [_first_passage(decades, part, height) for height in (0.1, 0.9)]
    return math.log10(81) / (passed[1] - passed[0]).clamp_min(torch.finfo(output.dtype).tiny)


def _first_passage(decades: Tensor, part: Tensor, height: float) -> Tensor:
    """Return where responses first pass a height [decades]."""
    passes = (part[:-1] < height) & (part[1:] >= height)
    first = passes.int().argmax(0, keepdim=True)
    before, after = part[:-1].gather(0, first)[0], part[1:].gather(0, first)[0]
    low = decades.to(part)[first[0]]
    place = low + (decades[1] - decades[0]).to(part) * (height - before) / (after - before)
    return torch.where(passes.any(0), place, torch.nan)


@final
@dataclass(frozen=True)
class Ultrasensitivity:
    """A steep dose response without hysteresis: sharper than cooperative binding, and the same both ways.

    Parameters
    ----------
    ramp
        The doses.
    ends
        Which gene is induced, which is looked at.
    least_hill
        Effective Hill coefficient, at least; 4.9 was predicted for the MAP kinase cascade (Huang and Ferrell,
        PNAS 93, 1996, pages 10078-10083).
    least_ratio
        Ratio of the output's ends, at least.
    most_apart
        Distance of the ways up and down, at most [decades].
    """

    kind: ClassVar[str] = "ultrasensitivity"
    ramp: Ramp = field(default_factory=Ramp)
    ends: Ends = field(default_factory=Ends)
    least_hill: float = 4.9
    least_ratio: float = 2.0
    most_apart: float = 0.02

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return effective Hill coefficient, largest log-gain and ratio of the sharpest pair."""
        levels, at_rest = self.ramp.follow(x, self.ends)
        up = levels[0].log10()
        rise = up.diff(dim=0) / float(self.ramp.decades[1] - self.ramp.decades[0])
        numbers = {
            "effective_hill": effective_hill(self.ramp.decades, levels[0]),
            "largest_log_gain": rise.abs().amax(0),
            "output_ratio": 10 ** (up[-1] - up[0]).abs(),
            "ways_apart": (up - levels[1].log10()).abs().amax(0),
            "is_at_rest": at_rest[..., None].expand_as(up[0]).to(x.dtype),
        }
        graded = (numbers["ways_apart"] <= self.most_apart) & (numbers["output_ratio"] >= self.least_ratio)
        quality = torch.where(graded, numbers["effective_hill"], -1 / numbers["effective_hill"])
        return at_pairs(numbers, quality, self.ends.usable(x), self.ends.inputs(x))

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the response is steep, large and without hysteresis, and rests at every dose."""
        steep = (measured["effective_hill"] >= self.least_hill) & (measured["is_at_rest"] > 0)
        same = measured["ways_apart"] <= self.most_apart
        return steep & same & (measured["output_ratio"] >= self.least_ratio)

    def coarser(self) -> Ultrasensitivity:
        """Return the test with half as many doses."""
        return replace(self, ramp=self.ramp.coarser())


@final
@dataclass(frozen=True)
class BandPass:
    """An output that is high at middle doses only: a band detector.

    S. Basu et al., A synthetic multicellular system for programmed pattern formation, Nature 434, 2005,
    pages 1130-1134.

    Parameters
    ----------
    ramp
        The doses.
    ends
        Which gene is induced, which is looked at.
    least_ratio
        Ratio of the largest output to those at both ends, at least.
    """

    kind: ClassVar[str] = "band-pass"
    ramp: Ramp = field(default_factory=Ramp)
    ends: Ends = field(default_factory=Ends)
    least_ratio: float = 2.0

    def measure(self, x: Float[Tensor, "batch 7 genes genes"]) -> Measured:
        """Return the height of the band over the higher end, its middle and width, of the highest pair."""
        levels, at_rest = self.ramp.follow(x, self.ends)
        log_output = levels.log10().amin(0)  # the lower of both ways
        ends = levels.log10().amax(0)
        height, middle = log_output.max(0)
        over = height - torch.maximum(ends[0], ends[-1])
        decades = self.ramp.decades.to(x)
        half = log_output > (height - math.log10(2))
        numbers = {
            "band_ratio": 10**over,
            "band_dose": 10 ** decades[middle],
            "band_width": half.to(x.dtype).sum(0) * (decades[1] - decades[0]),
            "is_at_rest": at_rest[..., None].expand_as(over).to(x.dtype),
        }
        return at_pairs(numbers, over, self.ends.usable(x), self.ends.inputs(x))

    def shown(self, measured: Measured) -> Bool[Tensor, " batch"]:
        """Whether the band is high enough, and the circuit rests at every dose."""
        return (measured["band_ratio"] >= self.least_ratio) & (measured["is_at_rest"] > 0)

    def coarser(self) -> BandPass:
        """Return the test with half as many doses."""
        return replace(self, ramp=self.ramp.coarser())
