"""The likeliest image around another under a stationary covariance, for any linear operator."""

from __future__ import annotations

import torch
from torch import Tensor

from sciadv.data.stationary import StationaryField
from sciadv.likelihood import as_data, real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.conjugate_gradients import conjugate_gradients


def completed(
    problem: Problem,
    field: StationaryField,
    base: Tensor,
    precision: Tensor,
    *,
    n_products: int,
    tolerance: float,
) -> Tensor:
    """Return ``b + mu + C A' (A C A' + N)^-1 (y - A (b + mu))``, b the base, mu and C the field's.

    With ``C = B B'`` it is ``b + mu + B w``, w from ``(I + B' A' N^-1 A B) w = B' A' N^-1 (y - A (b + mu))``
    by conjugate gradients.

    Parameters
    ----------
    problem
        A linear operator and measurements.
    field
        Mean and covariance of what is added to the base.
    base
        ``(batch, *in_shape)``, or ``(1, *in_shape)`` for all measurements.
    precision
        1 / variance of the noise of each real datum ``(measurements,)``.
    n_products
        Conjugate-gradient steps at most; each applies A, its adjoint and two FFTs.
    tolerance
        A measurement ends at this part of the norm of its right side.
    """
    forward = problem.forward
    start = base + field.mean

    def pulled(data: Tensor) -> Tensor:
        """Return ``B' A' N^-1`` of real data."""
        weighted = as_data((data * precision.to(data.dtype)), forward.out_shape)
        return field.root_adjoint(forward.vjp(start[:1].expand(len(data), *start.shape[1:]), weighted))

    with torch.no_grad():
        right = pulled(real_view(problem.measurements) - real_view(forward(start)))
        noise = conjugate_gradients(
            lambda w: w + pulled(real_view(forward(field.root(w)))),
            right,
            n_steps=n_products,
            tolerance=tolerance,
        )
        return start + field.root(noise)
