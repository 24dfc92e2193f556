"""DRAGAN: the discriminator's slope is drawn to one around the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Generator, Tensor

from sciadv.games.penalties.penalty import Discriminator, check_strength, slopes
from sciadv.registry.checked import checked
from sciadv.types import NotNegative


@final
@checked
@dataclass(frozen=True)
class Dragan:
    """Gradient penalty ``every * lam * E (|grad_x D(x + d)| - k)^2`` around real samples x, d Gaussian.

    Parameters
    ----------
    lam
        Strength >= 0.
    every
        Lazy period in steps.
    noise
        Standard deviation of d, in units of the real batch's own standard deviation.
    slope
        The slope k that is asked for.

    Raises
    ------
    InputError
        `lam` < 0 or `every` < 1.

    References
    ----------
    N. Kodali, J. Abernethy, J. Hays, Z. Kira, On convergence and stability of GANs, 2017,
    arXiv:1705.07215.
    """

    kind: ClassVar[str] = "dragan"

    lam: float = 10.0
    every: int = 1
    noise: NotNegative = 0.5
    slope: NotNegative = 1.0

    def __post_init__(self) -> None:
        check_strength("DRAGAN", self.lam, self.every)

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  the interface has it
        *,
        generator: Generator | None = None,
    ) -> Tensor:
        """Return the penalty; `fake` is not read, `generator` draws the noise."""
        noise = torch.randn(real.shape, generator=generator, dtype=real.dtype, device=real.device)
        around = real + self.noise * real.detach().std() * noise
        return (
            self.every
            * self.lam
            * (slopes(discriminator, around, generator=generator) - self.slope).square().mean()
        )
