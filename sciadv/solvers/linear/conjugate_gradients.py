"""Conjugate gradients on a batch of symmetric positive systems that are known by their products alone.

M. R. Hestenes, E. Stiefel. Methods of conjugate gradients for solving linear systems. Journal of Research of
the National Bureau of Standards 49 (1952) 409-436.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: What a denominator is at least.
_TINY = 1e-30


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    right: Tensor,
    *,
    n_steps: int,
    start: Tensor | None = None,
    diagonal: Tensor | None = None,
    tolerance: float = 0.0,
) -> Tensor:
    """Solve ``H x = right`` for each row, H symmetric and positive; each row ends by itself.

    A row with a NaN goes on, and is NaN in the end.

    Parameters
    ----------
    apply
        ``H x`` of every row ``(rows, *shape)``.
    right
        ``(rows, *shape)``.
    n_steps
        Steps at most; each applies H once.
    start
        Where the search starts ``(rows, *shape)``, at the cost of one more product; 0 if left out.
    diagonal
        D > 0, broadcastable to `right`: a diagonal like that of H, by which the systems are preconditioned.
    tolerance
        A row ends at this part of the norm of its first residual r, ``(r' D^-1 r)^(1/2)``.
    """

    def towards(residual: Tensor) -> Tensor:
        return residual if diagonal is None else residual / diagonal

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).flatten(1).sum(1).reshape(-1, *([1] * (a.ndim - 1)))

    solution, residual = (torch.zeros_like(right), right) if start is None else (start, right - apply(start))
    direction = towards(residual)
    size = dot(residual, direction)
    enough = tolerance**2 * size
    for _ in range(n_steps):
        running = ~(size <= enough)  # NaN runs
        if not bool(running.any()):
            break
        applied = apply(direction)
        length = torch.where(running, size / dot(direction, applied).clamp_min(_TINY), 0)
        solution, residual = solution + length * direction, residual - length * applied
        preconditioned = towards(residual)
        following = torch.where(running, dot(residual, preconditioned), size)
        direction = preconditioned + following / size.clamp_min(_TINY) * direction
        size = following
    return solution
