"""Which designs differ: distances in the variables' own scale, counted and sought."""

from __future__ import annotations

import torch
from torch import Tensor

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
