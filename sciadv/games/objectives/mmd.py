"""MMD-GAN: an integral probability metric over the ball of a kernel's space, on learnt features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.errors import InputError
from sciadv.games.objectives.objective import Objective
from sciadv.registry.checked import checked
from sciadv.types import Positive

#: A positive definite kernel, as the Gram matrix ``(n, m)`` of features ``(n, d)`` and ``(m, d)``.
Kernel = Callable[[Tensor, Tensor], Tensor]


@final
@checked
@dataclass(frozen=True)
class RationalQuadratic:
    """Sum of rational quadratic kernels, ``sum_a (1 + |x - y|^2 / (2 a))^(-a)``, with heavy tails.

    Parameters
    ----------
    alphas
        The exponents a > 0.

    References
    ----------
    M. Binkowski, D. J. Sutherland, M. Arbel, A. Gretton, Demystifying MMD GANs, ICLR 2018.
    """

    kernel_kind: ClassVar[str] = "rational-quadratic"

    alphas: tuple[Positive, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the Gram matrix ``(n, m)``."""
        squares = (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(-1)
        return torch.stack([(1 + squares / (2 * alpha)) ** -alpha for alpha in self.alphas]).sum(0)


@final
@checked
@dataclass(frozen=True)
class GaussianMixture:
    """Sum of Gaussian kernels, ``sum_s exp(-|x - y|^2 / (2 s^2))``.

    Parameters
    ----------
    bandwidths
        The standard deviations s > 0, in the features' unit.
    """

    kernel_kind: ClassVar[str] = "gaussian-mixture"

    bandwidths: tuple[Positive, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the Gram matrix ``(n, m)``."""
        squares = (x.unsqueeze(1) - y.unsqueeze(0)).square().sum(-1)
        return torch.stack([(-squares / (2 * s**2)).exp() for s in self.bandwidths]).sum(0)


@final
@checked
@dataclass(frozen=True)
class MMD(Objective):
    """Squared maximum mean discrepancy of features ``(batch, features)``, which the discriminator maximises.

    ``MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)``. With an identity for a discriminator this is a
    generative moment-matching network.

    Parameters
    ----------
    kernel
        The kernel on features.
    unbiased
        Whether a sample is left out of its own mean. The biased estimate is never negative.

    Notes
    -----
    With fixed features it is a metric of their distributions for these kernels. Over all feature maps, a
    kernel that falls from K at 0 to 0 at infinity makes it ``2 K TV(p, q)^2``: without a bound on the
    map's slope it is as blind to distance as JSD, so use a gradient penalty. Costs O(batch^2).

    Raises
    ------
    InputError
        A batch has fewer than two samples for the unbiased estimate, or outputs are no vectors.

    References
    ----------
    C.-L. Li et al., MMD GAN: towards deeper understanding of moment matching network, NeurIPS 2017, Eq.
    3.
    M. Binkowski et al., Demystifying MMD GANs, ICLR 2018, Eq. 4.
    """

    kind: ClassVar[str] = "mmd"

    divergence: ClassVar[str] = "MMD^2 of the features; 2 K TV(p, q)^2 over all feature maps"
    reads_features: ClassVar[bool] = True

    kernel: Kernel = RationalQuadratic()
    unbiased: bool = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``-MMD^2`` of real and fake features."""
        return -self._squared(real_logits, fake_logits)

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Return ``MMD^2`` of real and fake features."""
        return self._squared(real_logits, fake_logits)

    def _squared(self, real: Tensor, fake: Tensor) -> Tensor:
        if real.ndim < 2 or min(real.shape[0], fake.shape[0]) < 1 + self.unbiased:
            raise InputError(
                f"MMD compares batches (batch, features) of at least {1 + self.unbiased} samples, "
                f"but the outputs are {tuple(real.shape)} and {tuple(fake.shape)}"
            )
        real, fake = real.flatten(1), fake.flatten(1)
        cross = self.kernel(real, fake).mean()
        return self._within(real) + self._within(fake) - 2 * cross

    def _within(self, x: Tensor) -> Tensor:
        gram = self.kernel(x, x)
        if not self.unbiased:
            return gram.mean()
        n = x.shape[0]
        return (gram.sum() - gram.diagonal().sum()) / (n * (n - 1))
