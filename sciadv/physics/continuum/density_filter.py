"""Densities of elements: the filters that set a least width of members."""

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


def _cone(like: Tensor, radius: float) -> Tensor:
    reach = math.ceil(radius) - 1
    steps = torch.arange(-reach, reach + 1, dtype=like.dtype, device=like.device)
    return (radius - torch.hypot(steps[:, None], steps[None])).clamp_min(0)[None, None]


def _spread(field: Tensor, weights: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(field[:, None], weights, padding="same")[:, 0]
