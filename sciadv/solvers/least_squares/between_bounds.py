"""Batched Levenberg-Marquardt between bounds: many starts at once, each with its own damping.

Variables at a bound that the descent direction would leave are held there for the step, and every trial point
is projected onto the box.

References
----------
Marquardt, An algorithm for least-squares estimation of nonlinear parameters, J. SIAM 11, 1963, 431-441.
Kanzow, Yamashita and Fukushima, Levenberg-Marquardt methods with strong local convergence properties for
solving nonlinear equations with convex constraints, J. Comput. Appl. Math. 172, 2004, 375-397.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.types import Rows

#: From places ``(batch, variables)`` to residuals ``(batch, residuals)`` and their derivatives
#: ``(batch, variables, residuals)``.
Residuals = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, eq=False)
class Minima(Rows):
    """Points of a box and the mean squares of their residuals.

    Parameters
    ----------
    place
        ``(batch, variables)``, each in [0, 1].
    value
        ``(batch,)``.
    """

    place: Tensor
    value: Tensor


def minimise_in_box(
    residuals: Residuals,
    place: Tensor,
    *,
    n_steps: int,
    damping: float = 1e-2,
    shrink: float = 0.4,
    grow: float = 4.0,
) -> Minima:
    """Minimise the mean square of residuals over ``[0, 1]^variables`` from every start.

    Parameters
    ----------
    residuals
        Residuals and their derivatives.
    place
        Starts ``(batch, variables)``.
    n_steps
        Trial steps; a start whose trial does not decrease its value stays and damps more.
    damping
        First damping, relative to the mean of the curvature's diagonal.
    shrink, grow
        Factors of the damping after a step that was taken, and one that was not.

    Notes
    -----
    One evaluation with derivatives a step and start, and a system of the size of the variables.

    Examples
    --------
    >>> import torch
    >>> def residuals(x):
    ...     return x - 2.0, torch.eye(2).expand(len(x), 2, 2)
    >>> minimise_in_box(residuals, torch.tensor([[0.1, 0.9]]), n_steps=20).place
    tensor([[1., 1.]])
    """
    r, slope = residuals(place)
    value = r.square().mean(1)
    damp = torch.full_like(value, damping)
    for _ in range(n_steps):
        trial = (place - _step(place, r, slope, damp)).clamp(0, 1)
        r_there, slope_there = residuals(trial)
        there = r_there.square().mean(1)
        is_better = there < value  # False for NaN
        row = is_better[:, None]
        place = torch.where(row, trial, place)
        r = torch.where(row, r_there, r)
        slope = torch.where(row[:, :, None], slope_there, slope)
        value = torch.where(is_better, there, value)
        damp = torch.where(is_better, shrink * damp, grow * damp).clamp(1e-6, 1e6)
    return Minima(place, value)


def _step(place: Tensor, r: Tensor, slope: Tensor, damp: Tensor) -> Tensor:
    """Return the damped Gauss-Newton steps ``(batch, variables)`` of the variables that are free."""
    gradient = (slope @ r[:, :, None])[:, :, 0]
    curvature = slope @ slope.mT
    is_held = ((place <= 0) & (gradient > 0)) | ((place >= 1) & (gradient < 0))
    free = (~is_held).to(place.dtype)
    size = curvature.diagonal(dim1=1, dim2=2).mean(1).clamp_min(torch.finfo(place.dtype).tiny)
    ridge = torch.where(is_held, size[:, None], (damp * size)[:, None])
    system = curvature * free[:, :, None] * free[:, None, :] + torch.diag_embed(ridge)
    step: Tensor = torch.linalg.solve(system, (gradient * free)[:, :, None])
    return step[:, :, 0]
