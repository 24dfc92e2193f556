"""The line search of Gauss-Newton steps: each row takes the longest of a few that lowers its objective."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sciadv.types import SomeRows


def shorten(
    start: SomeRows,
    trial: Callable[[Tensor, float], tuple[SomeRows, Tensor]],
    *,
    like: Tensor,
    n_trials: int,
    factor: float,
) -> SomeRows:
    """Try each row's step at the lengths ``1, factor, factor^2, ...`` until one lowers its objective.

    Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, algorithm 3.1, with simple decrease.

    Parameters
    ----------
    start
        Where the rows are; a row that no length lowers stays there.
    trial
        Of some rows, as indices, and a length: where they come, and the mask of those that are lower. NaN is
        not lower.
    like
        A tensor with one row per row.
    n_trials
        Lengths that are tried.
    factor
        Each is this part of the one before.
    """
    reached, length = start, 1.0
    pending = torch.arange(len(like), device=like.device)
    for _ in range(n_trials):
        there, is_lower = trial(pending, length)
        reached = reached.put(pending[is_lower], there.take(is_lower.nonzero().squeeze(1)))
        pending = pending[~is_lower]
        if len(pending) == 0:
            break
        length = length * factor
    return reached
