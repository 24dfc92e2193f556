"""A flow of affine couplings: an invertible generator whose density is known exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.nets.equal_length.sample_shape import shape_of_length
from sciadv.nets.sizes import keeps_settings
from sciadv.registry.checked import checked
from sciadv.types import Count, Positive


@final
class CouplingFlow(nn.Module):
    """Latents to samples by couplings ``x_b = z_b exp(s(z_a)) + t(z_a)``, ``x_a = z_a``.

    With ``z ~ N(0, I)`` a sample has the density ``log p(x) = log N(z; 0, I) - sum s`` over all couplings,
    which `log_density` gives. The inverse costs as much as the generator.

    Parameters
    ----------
    n_latent
        Length of a latent, >= 2, and of a sample's row of values.
    sample_shape
        Shape of a sample, of as many values; ``(n_latent,)`` if left out.
    n_couplings
        Couplings. The k-th keeps the places whose bit ``k // 2`` is the parity of k: after ``2 log2(n)`` of
        them every place has acted on every other.
    hidden
        Width of the two hidden layers of each network of s and t.
    limit
        Largest absolute value of s, by ``limit * tanh(s / limit)``.

    Notes
    -----
    At first every coupling is the identity. Give it samples with a standard deviation of about 1, or set
    `shift` and `scale`, which act last: ``x = shift + scale * (...)``.

    Raises
    ------
    InputError
        `sample_shape` has another number of values, or there is only one.

    References
    ----------
    L. Dinh, J. Sohl-Dickstein, S. Bengio, Density estimation using Real NVP, ICLR 2017, Eqs. 4 to 8.

    Examples
    --------
    >>> flow = CouplingFlow(n_latent=4, sample_shape=(1, 2, 2), hidden=8)
    >>> x = flow(torch.zeros(3, 4))
    >>> x.shape, flow.log_density(x).shape
    (torch.Size([3, 1, 2, 2]), torch.Size([3]))
    """

    kind = "coupling-generator"

    settings: dict[str, object]
    masks: Tensor
    shift: Tensor
    scale: Tensor

    @checked
    @keeps_settings
    def __init__(
        self,
        *,
        n_latent: Count,
        sample_shape: Sequence[int] | None = None,
        n_couplings: Count = 8,
        hidden: Count = 64,
        limit: Positive = 2.0,
    ) -> None:
        super().__init__()
        if n_latent < 2:
            raise InputError(f"a coupling needs n_latent >= 2, but it is {n_latent}")
        self.sample_shape, self.limit = shape_of_length(n_latent, sample_shape), limit
        bits = math.ceil(math.log2(n_latent))
        places = torch.arange(n_latent)
        masks = [(places >> (k // 2) % bits) % 2 == k % 2 for k in range(n_couplings)]
        self.register_buffer("masks", torch.stack(masks))
        self.register_buffer("shift", torch.zeros(n_latent))
        self.register_buffer("scale", torch.ones(n_latent))
        self.nets = nn.ModuleList(_conditioner(n_latent, hidden) for _ in masks)

    def forward(self, z: Tensor) -> Tensor:
        """Generate samples ``(batch, *sample_shape)`` from latents ``(batch, n)``."""
        for mask, net in zip(self.masks, self.nets, strict=True):
            s, t = self._coupling(net, mask, z)
            z = z * s.exp() + t
        return (self.shift + self.scale * z).reshape(-1, *self.sample_shape)

    def inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return latents ``(batch, n)`` of samples, and ``log |det dx / dz|`` there, ``(batch,)``."""
        z = (x.flatten(1) - self.shift) / self.scale
        log_determinant = self.scale.log().sum().expand(len(z))
        for mask, net in zip(self.masks.flip(0), reversed(self.nets), strict=True):
            s, t = self._coupling(net, mask, z)
            z = (z - t) * (-s).exp()
            log_determinant = log_determinant + s.sum(1)
        return z, log_determinant

    def log_density(self, x: Tensor) -> Tensor:
        """Return ``log p(x)`` of samples ``(batch, *sample_shape)`` [nats], ``(batch,)``."""
        z, log_determinant = self.inverse(x)
        return standard_log_density(z) - log_determinant

    def _coupling(self, net: nn.Module, kept: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, zero at the places that are kept."""
        moved = ~kept
        s, t = net(z * kept).chunk(2, 1)
        return self.limit * (s / self.limit).tanh() * moved, t * moved


def standard_log_density(z: Tensor) -> Tensor:
    """Return the log density of N(0, I) [nats] of rows ``(batch, n)``, ``(batch,)``."""
    constant = z.shape[1] / 2 * math.log(2 * math.pi)
    return -z.square().sum(1) / 2 - constant


def _conditioner(n: int, hidden: int) -> nn.Sequential:
    """Return the network of s and t; its last layer is zero."""
    last = nn.Linear(hidden, 2 * n)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last)
