"""R2: the squared gradient norm of the discriminator on fake data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.games.penalties.base import Discriminator, check_strength, squared_gradient_norm


@final
@dataclass(frozen=True)
class R2:
    """Gradient penalty on fake samples, ``every * gamma / 2 * E_q |grad_x D(x)|^2``.

    Parameters
    ----------
    gamma
        Strength >= 0. A start for images is 0.1 at 28 x 28, four times more for each doubling of the
        side.
    every
        Lazy period in steps.

    Raises
    ------
    InputError
        `gamma` < 0 or `every` < 1.

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

    gamma: float = 0.1
    every: int = 1

    def __post_init__(self) -> None:
        check_strength("R2", self.gamma, self.every)

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,  # noqa: ARG002  the interface has it
        fake: Tensor,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the penalty; `real` is not read."""
        return (
            self.every
            * self.gamma
            / 2
            * squared_gradient_norm(discriminator, fake, generator=generator).mean()
        )
