"""Batched Gauss-Newton between bounds for few residuals of many variables: the shortest steps that meet them.

The system of a step is of the size of the residuals, not of the variables. Variables at a bound that the step
would leave are held there, and every trial point is projected onto the box; a start whose residuals are small
enough ends, and is not evaluated any more.

References
----------
Nocedal and Wright, Numerical Optimization, 2nd ed. 2006, section 10.3; the step is that of Levenberg and
Marquardt, ``J' (J J' + lambda I)^-1 r``, which for lambda to 0 is the shortest one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sciadv.types import Rows

#: From places ``(batch, variables)`` and the starts' numbers ``(batch,)`` to residuals ``(batch, residuals)``
#: and their derivatives ``(batch, residuals, variables)``.
RowResiduals = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Met(Rows):
    """Where starts have come to.

    Parameters
    ----------
    place
        ``(batch, variables)``, each within its bounds.
    residual
        ``(batch, residuals)``.
    n_evaluations
        Evaluations with derivatives that each start took ``(batch,)``.
    """

    place: Tensor
    residual: Tensor
    n_evaluations: Tensor


@dataclass(frozen=True, eq=False)
class _State(Rows):
    """Starts on their way, with the derivatives there and their damping."""

    place: Tensor
    residual: Tensor
    slope: Tensor
    damping: Tensor
    n_evaluations: Tensor


def meet_residuals(
    residuals: RowResiduals,
    place: Tensor,
    *,
    n_steps: int = 25,
    enough: float = 1.0,
    damping: float = 1e-3,
    factors: tuple[float, float] = (0.25, 8.0),
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Met:
    """Bring every residual of every start to `enough` or below, by short steps.

    Parameters
    ----------
    residuals
        Residuals and their derivatives at some places, with the numbers of the starts that they belong to. A
        one-sided residual is 0 where it is kept; with its derivative beside the 0 it is held.
    place
        Starts ``(batch, variables)``.
    n_steps
        Trial steps; a start whose trial does not decrease the sum of squares stays and damps more.
    enough
        Largest residual of a start that ends.
    damping
        First damping, relative to the mean square of a residual's slope.
    factors
        Of the damping after a step that was taken, and one that was not.
    bounds
        Of every variable.

    Examples
    --------
    >>> import torch
    >>> def residuals(x, rows):
    ...     return x.sum(1, keepdim=True) - 1.0, torch.ones(len(x), 1, 4)
    >>> meet_residuals(residuals, torch.zeros(1, 4), enough=1e-3).place
    tensor([[0.2498, 0.2498, 0.2498, 0.2498]])
    """
    every = torch.arange(len(place), device=place.device)
    first, slope = residuals(place, every)
    damp = torch.full_like(place[:, 0], damping)
    state = _State(
        place=place,
        residual=first,
        slope=slope,
        damping=damp,
        n_evaluations=torch.ones_like(every),
    )
    for _ in range(n_steps):
        rows = (state.residual.abs().amax(1) > enough).nonzero().squeeze(1)
        if not len(rows):
            break
        here = state.take(rows)
        trial = (here.place - _step(here, bounds)).clamp(*bounds)
        there, slope_there = residuals(trial, rows)
        is_better = there.square().sum(1) < here.residual.square().sum(1)  # False for NaN
        factor = torch.where(is_better, *factors)
        tried = replace(
            here,
            place=trial,
            residual=there,
            slope=slope_there,
        )
        taken = is_better.nonzero().squeeze(1)
        kept = here.put(taken, tried.take(taken))
        damped = (here.damping * factor).clamp(1e-9, 1e9)
        following = replace(
            kept,
            damping=damped,
            n_evaluations=here.n_evaluations + 1,
        )
        state = state.put(rows, following)
    return Met(state.place, state.residual, state.n_evaluations)


def _step(here: _State, bounds: tuple[float, float]) -> Tensor:
    """Return the damped steps ``(batch, variables)`` of the variables that are free."""
    gradient = (here.slope * here.residual[:, :, None]).sum(1)
    low, high = bounds
    is_held = ((here.place <= low) & (gradient > 0)) | ((here.place >= high) & (gradient < 0))
    slope = here.slope * ~is_held[:, None]
    gram = slope @ slope.mT
    size = gram.diagonal(dim1=1, dim2=2).mean(1).clamp_min(torch.finfo(gram.dtype).tiny)
    ridge = (here.damping * size)[:, None, None] * torch.eye(gram.shape[1]).to(gram)
    # without a slope, or with the same one twice, a start stays where it is and damps more
    multiplier, _ = torch.linalg.solve_ex(gram + ridge, here.residual[:, :, None])
    step = (slope.mT @ multiplier)[:, :, 0]
    return torch.where(step.isfinite(), step, 0.0)
