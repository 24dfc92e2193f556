"""WGAN-GP: the critic's slope is drawn to one between real and fake samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Generator, Tensor

from sciadv.games.penalties.penalty import Discriminator, check_strength, mix, slopes
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class WassersteinGradientPenalty:
    """Gradient penalty ``every * lam * E (|grad_x D(x)| - 1)^2`` at points between real and fake samples.

    Parameters
    ----------
    lam
        Strength >= 0.
    every
        Lazy period in steps.
    one_sided
        Whether only slopes above 1 are penalised, ``max(0, |grad| - 1)^2``.

    Raises
    ------
    InputError
        `lam` < 0, `every` < 1, or batches of different shapes.

    Notes
    -----
    The penalty asks for slope 1 on the segments, which the best critic has almost surely on the segments
    of an optimal coupling; it neither bounds the slope elsewhere nor is minimal for every 1-Lipschitz
    critic. Training with it does not converge on the Dirac-GAN (Mescheder et al., ICML 2018).

    References
    ----------
    I. Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017, Eq. 3.
    """

    kind: ClassVar[str] = "wgan-gp"

    lam: float = 10.0
    every: int = 1
    one_sided: bool = False

    def __post_init__(self) -> None:
        check_strength("the WGAN gradient penalty", self.lam, self.every)

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the penalty; `generator` draws the points between the samples."""
        excess = slopes(discriminator, mix(real, fake, generator=generator), generator=generator) - 1
        if self.one_sided:
            excess = excess.clamp(min=0)
        return self.every * self.lam * excess.square().mean()
