"""A generator of designs: rows of physical numbers within bounds, for a target that is part of the latent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.bounded.box import between, place_between
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive

#: One positive number or more.
Row = Annotated[Sequence[Positive], Field(min_length=1)]


class DesignDecoder(nn.Module):
    """Latents ``(z, c)`` to designs between bounds: ``x = lower (upper / lower)^sigmoid(W h(z, Phi(c)))``.

    Variables that are not spread in the logarithm are ``lower + (upper - lower) sigmoid(...)``. The last
    latents c are the targets, one each: ``target = low (high / low)^Phi(c)`` with the normal distribution
    function Phi, so that c ~ N(0, 1), as every latent, makes targets log-uniform. The other latents choose
    among the designs that have the target.

    Parameters
    ----------
    n_latent
        Length of the latent, targets included.
    lower, upper
        Bounds of each design variable, in its unit, lower < upper; > 0 where `is_log`. A recipe that leaves
        them out gets those of its problem's variables.
    is_log
        Which variables are spread in the logarithm; all where it is left out.
    targets
        Low and high end of each target's range, 0 < low < high.
    hidden
        Widths of the hidden layers.
    tail
        Conditions stand for quantiles from `tail` to ``1 - tail`` of the target's range, since the ends of
        N(0, 1) are out of reach.

    Raises
    ------
    InputError
        Bounds or ranges are not positive and increasing, or no latent is left beside the targets.

    Examples
    --------
    >>> net = DesignDecoder(n_latent=2, lower=[1e-9], upper=[1e-7], targets=[[0.1, 0.3]], hidden=[8])
    >>> x = net(torch.randn(50, 2))
    >>> x.shape, bool((x > 1e-9).all() and (x < 1e-7).all())
    (torch.Size([50, 1]), True)
    >>> net.target(torch.zeros(1, 2))
    tensor([[0.1732]])
    """

    kind = "design-decoder"

    lower: Tensor
    upper: Tensor
    is_log: Tensor
    targets: Tensor

    @checked
    def __init__(
        self,
        *,
        n_latent: Count,
        targets: Annotated[Sequence[Row], Field(min_length=1)],
        lower: Sequence[float] = (),
        upper: Sequence[float] = (),
        is_log: Sequence[bool] = (),
        hidden: Sequence[Count] = (64, 64),
        tail: Annotated[float, Field(gt=0, lt=0.5)] = 1e-3,
    ) -> None:
        super().__init__()
        is_log = is_log or [True] * len(lower)
        _check_bounds(lower, upper, is_log)
        if not targets or not all(len(pair) == 2 and 0 < pair[0] < pair[1] < math.inf for pair in targets):
            raise InputError(f"targets need 0 < low < high for each, but they are {list(targets)}")
        if n_latent <= len(targets):
            raise InputError(
                f"n_latent must be more than the {len(targets)} targets, but it is {n_latent}: without "
                f"another latent a target has one design only"
            )
        self.settings = {
            "n_latent": n_latent,
            "lower": list(lower),
            "upper": list(upper),
            "is_log": list(is_log),
            "targets": [list(pair) for pair in targets],
            "hidden": list(hidden),
            "tail": tail,
        }
        self.tail = tail
        self.n_targets = len(targets)
        known = {
            "lower": lower,
            "upper": upper,
            "is_log": is_log,
            "targets": targets,
        }
        for name, numbers in known.items():
            self.register_buffer(name, torch.tensor(numbers), persistent=False)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise([n_latent, *hidden]):
            layers += [nn.Linear(n_in, n_out), nn.SiLU()]
        self.hidden = nn.Sequential(*layers)
        self.last = nn.Linear(hidden[-1], len(lower))

    def forward(self, z: Tensor) -> Tensor:
        """Generate designs ``(batch, variables)`` from latents ``(batch, n_latent)``."""
        free = z[:, : -self.n_targets]
        condition = z[:, -self.n_targets :]
        features = torch.cat([free, 4 * torch.special.ndtr(condition) - 2], 1)
        places: Tensor = self.last(self.hidden(features)).sigmoid()
        return self.from_unit(places)

    def from_unit(self, u: Tensor) -> Tensor:
        """Return the designs at places u in [0, 1] between the bounds."""
        return between(u, self.lower, self.upper, self.is_log)

    def to_unit(self, x: Tensor) -> Tensor:
        """Return the places of designs between the bounds; 0 at the lower one."""
        return place_between(x, self.lower, self.upper, self.is_log)

    def target(self, z: Tensor) -> Tensor:
        """Return the targets ``(batch, targets)`` that latents ask for."""
        low, high = self.targets.unbind(1)
        quantile: Tensor = torch.special.ndtr(z[:, -self.n_targets :])
        return low * (high / low) ** quantile

    def condition(self, target: Tensor) -> Tensor:
        """Return the last latents c ``(batch, targets)`` that ask for targets; the nearest in the range."""
        low, high = self.targets.unbind(1)
        quantile = (target / low).log() / (high / low).log()
        condition: Tensor = torch.special.ndtri(quantile.clamp(self.tail, 1 - self.tail))
        return condition


def _check_bounds(lower: Sequence[float], upper: Sequence[float], is_log: Sequence[bool]) -> None:
    """Check that there are bounds, one pair and one scale a variable.

    Raises
    ------
    InputError
        There are none, or they do not grow, or a logarithm is to be taken of what is not positive.
    """
    if not lower or not len(lower) == len(upper) == len(is_log):
        raise InputError(
            f"a generator of designs needs lower, upper and is_log for each variable, but has {len(lower)}, "
            f"{len(upper)} and {len(is_log)} of them"
        )
    for low, high, positive in zip(lower, upper, is_log, strict=True):
        if not (0 if positive else -math.inf) < low < high < math.inf:
            least = "0 < lower" if positive else "lower"
            raise InputError(f"bounds need {least} < upper, but a variable has {low:g} and {high:g}")
