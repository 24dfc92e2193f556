"""R2: the squared gradient norm of the discriminator on fake data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Generator, Tensor

from sciadv.games.penalties.penalty import Discriminator, ZeroSlope
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class R2(ZeroSlope):
    """Gradient penalty on fake samples, ``every * gamma / 2 * E_q |grad_x D(x)|^2``.

    `gamma` is the strength and `every` the lazy period, as `ZeroSlope` says.

    Notes
    -----
    R1 alone leaves the gradient on fakes free, and the relativistic game diverges on it; R1 with R2 of
    the same strength is what R3GAN proves locally convergent.

    References
    ----------
    L. Mescheder, A. Geiger, S. Nowozin, Which training methods for GANs do actually converge?, ICML 2018,
    section 4.1.
    N. Huang et al., The GAN is dead; long live the GAN! A modern baseline GAN, NeurIPS 2024, section 2.2.
    """

    kind: ClassVar[str] = "r2"

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,  # noqa: ARG002  the interface has it
        fake: Tensor,
        *,
        generator: Generator | None = None,
    ) -> Tensor:
        """Return the penalty; `real` is not read."""
        return self.over(discriminator, fake, generator=generator)
