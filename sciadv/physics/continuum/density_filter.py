"""Densities of elements: the filter that sets a least width of members, and fields with an exact volume."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def cone_filter(field: Tensor, radius: float) -> Tensor:
    """Return weighted means over neighbours, with the weights ``max(0, radius - distance)``.

    Parameters
    ----------
    field
        ``(batch, height, width)``.
    radius
        In elements; elements beyond the edges have no weight.

    Notes
    -----
    Linear, and differentiable. With the mean over the inside only, its adjoint is not itself.

    References
    ----------
    Bruns and Tortorelli, Topology optimization of non-linear elastic structures and compliant mechanisms,
    Comput. Methods Appl. Mech. Eng. 190, 2001, 3443-3459.

    Examples
    --------
    >>> import torch
    >>> cone_filter(torch.ones(1, 4, 4), 2.0).allclose(torch.ones(1, 4, 4))
    True
    """
    weights = _cone(field, radius)
    inside = torch.ones_like(field[:1])
    return _spread(field, weights) / _spread(inside, weights)


def filtered_sensitivity(
    density: Tensor, derivative: Tensor, radius: float, *, floor: float = 1e-3
) -> Tensor:
    """Return Sigmund's filtered derivatives, ``sum_j w_ij x_j d_j / (max(x_i, floor) sum_j w_ij)``.

    Parameters
    ----------
    density, derivative
        Of the elements ``(batch, height, width)``.
    radius
        In elements.
    floor
        Keeps empty elements from a division by zero.

    References
    ----------
    Sigmund, On the design of compliant mechanisms using topology optimization, Mech. Struct. Mach. 25, 1997,
    493-524.
    """
    return cone_filter(density * derivative, radius) / density.clamp_min(floor)


def with_volume(logits: Tensor, volume: Tensor | float, *, n_halvings: int = 60) -> Tensor:
    """Return densities ``sigmoid(logits + shift)`` whose mean is the volume, exactly, one shift a field.

    Parameters
    ----------
    logits
        Any finite numbers ``(batch, height, width)``.
    volume
        In (0, 1); a number or ``(batch,)``.
    n_halvings
        Of the shift's interval; each gains one binary digit.

    Notes
    -----
    Once differentiable: the shift is found by bisection, and one Newton step with a constant slope carries
    its gradient, by the implicit function theorem.

    Examples
    --------
    >>> import torch
    >>> logits = torch.linspace(-3, 5, 12, dtype=torch.float64).reshape(1, 3, 4)
    >>> round(float(with_volume(logits, 0.4).mean()), 12)
    0.4
    """
    wanted = torch.as_tensor(volume, dtype=logits.dtype, device=logits.device).reshape(-1, 1, 1)
    fixed = logits.detach()
    centre = (wanted / (1 - wanted)).log()
    low = centre - fixed.amax((1, 2), keepdim=True)
    high = centre - fixed.amin((1, 2), keepdim=True)
    for _ in range(n_halvings):
        shift = (low + high) / 2
        is_full = torch.sigmoid(fixed + shift).mean((1, 2), keepdim=True) > wanted
        low = torch.where(is_full, low, shift)
        high = torch.where(is_full, shift, high)
    shift = (low + high) / 2
    density = torch.sigmoid(fixed + shift)
    slope = (density * (1 - density)).mean((1, 2), keepdim=True)
    excess = torch.sigmoid(logits + shift).mean((1, 2), keepdim=True) - wanted
    return torch.sigmoid(logits + shift - excess / slope.clamp_min(torch.finfo(logits.dtype).tiny))


def _cone(like: Tensor, radius: float) -> Tensor:
    reach = math.ceil(radius) - 1
    steps = torch.arange(-reach, reach + 1, dtype=like.dtype, device=like.device)
    return (radius - torch.hypot(steps[:, None], steps[None])).clamp_min(0)[None, None]


def _spread(field: Tensor, weights: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(field[:, None], weights, padding="same")[:, 0]
