"""R1: the squared gradient norm of the discriminator on real data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Generator, Tensor

from sciadv.games.penalties.penalty import Discriminator, ZeroSlope
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class R1(ZeroSlope):
    """Gradient penalty on real samples, ``every * gamma / 2 * E_p |grad_x D(x)|^2``.

    `gamma` is the strength and `every` the lazy period, as `ZeroSlope` says.

    Notes
    -----
    On the Dirac-GAN with the non-saturating loss the flow's eigenvalues are
    ``-gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4)``: undamped rotation at gamma = 0, critical at gamma = 1.
    The guarantee of local convergence is for every = 1.

    References
    ----------
    L. Mescheder, A. Geiger, S. Nowozin, Which training methods for GANs do actually converge?, ICML 2018,
    Eq. 9 and section 4.1.
    """

    kind: ClassVar[str] = "r1"

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  the interface has it
        *,
        generator: Generator | None = None,
    ) -> Tensor:
        """Return the penalty; `fake` is not read."""
        return self.over(discriminator, real, generator=generator)
