"""Images in [0, 1] with an exact mean: a shift of their logits."""

from __future__ import annotations

import torch
from torch import Tensor


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
