"""A generator and an encoder whose latents are moved to where those of data lie, by a flow."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from sciadv.nets.equal_length.coupling_flow import CouplingFlow, standard_log_density
from sciadv.nets.sizes import keeps_settings
from sciadv.registry.checked import checked
from sciadv.types import Count


@final
class LatentFlow(nn.Module):
    """``z = mean + L f(u)``, L lower triangular and f a flow of affine couplings.

    At first the identity. With mean and covariance ``L L'`` of encoded latents it is the nearest Gaussian,
    and f learns what is not Gaussian of them.

    Parameters
    ----------
    n_latent
        Length of a latent, >= 2.
    n_couplings, hidden
        Of `CouplingFlow`.

    Examples
    --------
    >>> flow = LatentFlow(n_latent=3, hidden=8)
    >>> z = torch.randn(2, 3)
    >>> bool(torch.allclose(flow(flow.inverse(z)[0]), z))
    True
    """

    kind = "latent-flow"

    settings: dict[str, object]
    mean: Tensor
    factor: Tensor

    @checked
    @keeps_settings
    def __init__(self, *, n_latent: Count, n_couplings: Count = 8, hidden: Count = 64) -> None:
        super().__init__()
        self.couplings = CouplingFlow(n_latent=n_latent, n_couplings=n_couplings, hidden=hidden)
        self.register_buffer("mean", torch.zeros(n_latent))
        self.register_buffer("factor", torch.eye(n_latent))

    def begin_at(self, mean: Tensor, covariance: Tensor) -> LatentFlow:
        """Return the flow itself, with another Gaussian before its couplings."""
        self.mean.copy_(mean)
        self.factor.copy_(torch.linalg.cholesky(covariance))
        return self

    def forward(self, u: Tensor) -> Tensor:
        """Return latents ``(batch, n)`` of the generator behind."""
        moved: Tensor = self.couplings(u)
        return self.mean + moved @ self.factor.T

    def inverse(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return u ``(batch, n)``, and ``log |det dz / du|`` there, ``(batch,)``."""
        white = torch.linalg.solve_triangular(self.factor, (z - self.mean).T, upper=False).T
        u, log_determinant = self.couplings.inverse(white)
        return u, log_determinant + self.factor.diagonal().log().sum()

    def log_density(self, z: Tensor) -> Tensor:
        """Return ``log p(z)`` for u ~ N(0, I) [nats], ``(batch,)``."""
        u, log_determinant = self.inverse(z)
        return standard_log_density(u) - log_determinant


@final
class FlowGenerator(nn.Module):
    """``x = G(flow(u))``, u ~ N(0, I).

    Parameters
    ----------
    inner
        G; where it has `logits`, these are also those of x.
    flow
        From u to the latents of G.
    """

    kind = "flow-generator"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(self, *, inner: nn.Module, flow: LatentFlow) -> None:
        super().__init__()
        self.inner, self.flow = inner, flow

    def logits(self, u: Tensor) -> Tensor:
        """Return the image before the activation of G."""
        out: Tensor = self.inner.logits(self.flow(u))  # type: ignore[operator]  # typed Tensor | Module
        return out

    def forward(self, u: Tensor) -> Tensor:
        """Generate images."""
        x: Tensor = self.inner(self.flow(u))
        return x


@final
class FlowEncoder(nn.Module):
    """``u = flow^-1(E(x))``.

    Parameters
    ----------
    inner
        E, whose latents are those of the generator behind the flow.
    flow
        That of the generator.
    """

    kind = "flow-encoder"

    settings: dict[str, object]

    @checked
    @keeps_settings
    def __init__(self, *, inner: nn.Module, flow: LatentFlow) -> None:
        super().__init__()
        self.inner, self.flow = inner, flow

    def forward(self, x: Tensor) -> Tensor:
        """Return the latent ``(batch, n)``."""
        return self.flow.inverse(self.inner(x))[0]
