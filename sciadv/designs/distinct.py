"""Which designs differ: distances in the variables' own scale, counted and sought."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.forward import PropertyModel
from sciadv.forward.design.quantity import box_of


def places(model: PropertyModel, x: Tensor) -> Tensor:
    """Return designs in comparable coordinates ``(n, d)``, the same for all that symmetry makes equal.

    The variables' places between their bounds, 0 to 1 (in the logarithm where they are spread so); the
    elements themselves where designs have no variables.

    Parameters
    ----------
    model
        With its variables and, where it has symmetries, ``canonical``.
    x
        Designs ``(n, *shape)``.
    """
    canonical = getattr(model, "canonical", None)
    same = x if canonical is None else canonical(x)
    return box_of(model).to_unit(same) if model.variables else same.flatten(1)


def count_distinct(where: Tensor, apart: float) -> int:
    """Return how many designs ``(n, d)`` differ by more than `apart` in some coordinate from those before.

    Examples
    --------
    >>> count_distinct(torch.tensor([[0.1, 0.5], [0.1001, 0.5], [0.3, 0.5]]), 0.01)
    2
    """
    kept: list[Tensor] = []
    for one in where:
        if not kept or bool((torch.stack(kept) - one).abs().amax(1).gt(apart).all()):
            kept.append(one)
    return len(kept)


def farthest_points(where: Tensor, n: int, *, others: Tensor | None = None) -> Tensor:
    """Return the rows of `n` designs ``(m, d)``, each the farthest from those before it and from `others`.

    Without others ``(k, d)`` the first is the first row.

    Gonzalez, Clustering to minimize the maximum intercluster distance, Theor. Comput. Sci. 38, 1985.
    """
    distance = torch.full((len(where),), torch.inf, dtype=where.dtype)
    for one in () if others is None else others:
        distance = torch.minimum(distance, (where - one).abs().amax(1))
    taken = [int(distance.argmax())]
    for _ in range(min(n, len(where)) - 1):
        distance = torch.minimum(distance, (where - where[taken[-1]]).abs().amax(1))
        distance[taken[-1]] = -torch.inf
        taken.append(int(distance.argmax()))
    return torch.tensor(taken)


def spread_apart(aim: Aim, x: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the rows of `n` designs far from each other, and these moved to the values asked for.

    Parameters
    ----------
    aim
        What is asked for.
    x
        Designs that do it ``(m, *shape)``.
    n
        How many at most.
    """
    some = farthest_points(places(aim.model, x), 4 * n)
    centred = aim.centred(x[some])
    rows = farthest_points(places(aim.model, centred), n)
    return some[rows], centred[rows]


def count_hits(aim: Aim, x: Tensor, n: int, *, apart: float, is_centred: bool = False) -> int:
    """Count the distinct ones, up to `n`, among designs that do what is asked ``(m, *shape)``.

    Parameters
    ----------
    aim
        What is asked for.
    x
        The designs.
    n
        How many at most.
    apart
        As in `count_distinct`.
    is_centred
        Whether `n` of them have been moved to the values asked for already, and are not moved again.
    """
    if not len(x):
        return 0
    moved = x if is_centred and len(x) >= n else spread_apart(aim, x, n)[1]
    return count_distinct(places(aim.model, moved), apart)
