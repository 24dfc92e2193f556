"""The activation at a generator's output, and its logits: the output before the activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.prior import Prior
from sciadv.solvers.linear.jacobian import push_unit_tangents


@dataclass(frozen=True)
class OutputActivation:
    """``x = apply(l)`` with its slope in x and its inverse, elementwise.

    Parameters
    ----------
    name
        "sigmoid", "tanh" or "identity".
    apply
        The activation.
    slope
        Its derivative ``dx/dl``, as a function of x.
    invert
        ``l`` of an x strictly inside the range.
    low, high
        The range of x, of all pixels or of each one ``(pixels,)``.
    """

    name: str
    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    invert: Callable[[Tensor], Tensor]
    low: float | Tensor
    high: float | Tensor

    def clamp(self, x: Tensor) -> Tensor:
        """Return images ``(batch, pixels)`` or ``(batch, *in_shape)`` within the range."""
        if isinstance(self.low, Tensor) or isinstance(self.high, Tensor):
            low, high = (torch.as_tensor(limit).to(x) for limit in (self.low, self.high))
            return x.flatten(1).clamp(low, high).reshape(x.shape)
        return x.clamp(self.low, self.high)

    def logits(self, prior: Prior, z: Tensor) -> Tensor:
        """Return the generator's output before the activation, ``(batch, pixels)``; differentiable in z.

        By the generator's own ``logits`` where it has them, else by the inverse of the activation, which is
        exact as far as the dtype resolves saturated pixels: use float64.
        """
        own = getattr(prior.generator, "logits", None)
        if callable(own) and self.name != "identity":
            z = z if isinstance(prior.latent_shape, int) else z.reshape(-1, *prior.latent_shape)
            logits: Tensor = own(z)
            return logits.flatten(1)
        x = prior(z).flatten(1)
        if self.name == "identity":
            return x
        margin: float | Tensor = 1e-12 if x.dtype == torch.float64 else 1e-6
        low, high = (torch.as_tensor(limit).to(x) for limit in (self.low, self.high))
        margin = margin * (high - low) / (2 if self.name == "tanh" else 1)
        return self.invert(x.clamp(low + margin, high - margin))

    def jacobian(self, prior: Prior, z: Tensor) -> Tensor:
        """Return ``dl/dz`` ``(batch, pixels, n_latent)``, by forward mode."""
        return push_unit_tangents(lambda at: self.logits(prior, at), z)[1].permute(1, 2, 0)


SIGMOID = OutputActivation("sigmoid", torch.sigmoid, lambda x: x * (1 - x), torch.logit, 0.0, 1.0)
TANH = OutputActivation("tanh", torch.tanh, lambda x: 1 - x * x, torch.atanh, -1.0, 1.0)
IDENTITY = OutputActivation(
    "identity", lambda v: v, torch.ones_like, lambda x: x, -float("inf"), float("inf")
)


def output_activation(prior: Prior, *, n_draws: int = 16) -> OutputActivation:
    """Identify the activation by the range of the generator's output on some draws, seeded.

    Within [0, 1] it is a sigmoid, within [-1, 1] a tanh, else there is none. Of a `RangedGenerator` it is a
    sigmoid with the range of the data.

    Examples
    --------
    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 9), torch.nn.Tanh())
    >>> output_activation(Prior(net, 2)).name
    'tanh'
    """
    limits = getattr(prior.generator, "pixel_limits", None)
    if callable(limits):
        return _scaled_sigmoid(*limits(prior.out_shape))
    z = 3 * prior.sample_latent(n_draws, seed=0)  # far out, so that the range is seen
    with torch.no_grad():
        x = prior(z)
    low, high = float(x.min()), float(x.max())
    if low >= 0 and high <= 1:
        return SIGMOID
    return TANH if low >= -1 and high <= 1 else IDENTITY


def _scaled_sigmoid(low: Tensor, high: Tensor) -> OutputActivation:
    """Return ``x = low + (high - low) sigmoid(l)``, low and high of each pixel ``(pixels,)``."""

    def apply(logits: Tensor) -> Tensor:
        a, b = low.to(logits), high.to(logits)
        return a + (b - a) * torch.sigmoid(logits)

    def slope(x: Tensor) -> Tensor:
        a, b = low.to(x), high.to(x)
        return (x - a) * (b - x) / (b - a)

    def invert(x: Tensor) -> Tensor:
        a, b = low.to(x), high.to(x)
        return torch.logit((x - a) / (b - a))

    is_one_range = bool((low == low[0]).all()) and bool((high == high[0]).all())
    ends = (float(low[0]), float(high[0])) if is_one_range else (low, high)
    return OutputActivation("sigmoid", apply, slope, invert, *ends)
