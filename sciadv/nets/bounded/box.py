"""Every design between bounds alike: the generator of a search where none was trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn


@final
class Box(nn.Module):
    """Latents to designs between bounds, nothing learned: ``x = lower + (upper - lower) Phi(z)``.

    Phi is the normal distribution function, so that z ~ N(0, 1) makes designs uniform: in the variable, in
    its logarithm, or over its levels.

    Parameters
    ----------
    lower, upper
        Bounds of each variable, in its unit.
    is_log
        Which variables are uniform in the logarithm.
    levels
        How many values a variable has, evenly from bound to bound; 0 for any between them.

    Examples
    --------
    >>> box = Box([1.0, 0.0], [100.0, 3.0], is_log=[True, False], levels=[0, 4])
    >>> box(torch.zeros(1, 2, dtype=torch.float64)).tolist()
    [[10.0, 2.0]]
    """

    lower: Tensor
    upper: Tensor
    is_log: Tensor
    levels: Tensor

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        *,
        is_log: Sequence[bool],
        levels: Sequence[int],
    ) -> None:
        super().__init__()
        self.register_buffer("lower", torch.tensor(lower, dtype=torch.float64))
        self.register_buffer("upper", torch.tensor(upper, dtype=torch.float64))
        self.register_buffer("is_log", torch.tensor(is_log))
        self.register_buffer("levels", torch.tensor(levels, dtype=torch.float64))

    def forward(self, z: Tensor) -> Tensor:
        """Return the designs ``(batch, variables)`` of latents ``(batch, variables)``."""
        places: Tensor = torch.special.ndtr(z)
        return self.from_unit(places)

    def from_unit(self, u: Tensor) -> Tensor:
        """Return the designs at places u in [0, 1] ``(batch, variables)``; 0 is the lower bound."""
        level = torch.minimum((u.detach() * self.levels).floor(), self.levels - 1)
        place = torch.where(self.levels > 0, level / (self.levels - 1).clamp_min(1), u)
        return between(place, self.lower, self.upper, self.is_log)

    def to_unit(self, x: Tensor) -> Tensor:
        """Return the places of designs ``(batch, variables)`` in [0, 1]; the nearest of what is outside."""
        place = place_between(x.to(self.lower), self.lower, self.upper, self.is_log)
        middle = ((place * (self.levels - 1)).round() + 0.5) / self.levels.clamp_min(1)
        return torch.where(self.levels > 0, middle, place)

    def to_latent(self, x: Tensor, *, edge: float = 1e-9) -> Tensor:
        """Return the latents of designs ``(batch, variables)``; none nearer to a bound than a part `edge`."""
        latent: Tensor = torch.special.ndtri(self.to_unit(x).clamp(edge, 1 - edge))
        return latent


def between(place: Tensor, lower: Tensor, upper: Tensor, is_log: Tensor) -> Tensor:
    """Return the numbers at places from 0, `lower`, to 1, `upper`: even, or in the logarithm."""
    ratio = torch.where(is_log, upper / lower, 1.0)
    return torch.where(is_log, lower * ratio**place, lower + (upper - lower) * place)


def place_between(x: Tensor, lower: Tensor, upper: Tensor, is_log: Tensor) -> Tensor:
    """Return the places of numbers between bounds, that of the nearest bound for what is outside."""
    inside = torch.minimum(torch.maximum(x, lower), upper)
    ratio = torch.where(is_log, inside / lower, 1.0)
    whole = torch.where(is_log, upper / lower, 2.0)
    return torch.where(is_log, ratio.log() / whole.log(), (inside - lower) / (upper - lower))
