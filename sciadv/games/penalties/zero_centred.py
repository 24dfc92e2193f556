"""Zero-centred gradient penalty: the discriminator is flat between real and fake samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Generator, Tensor

from sciadv.games.penalties.penalty import Discriminator, check_strength, mix, squared_gradient_norm
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class ZeroCentred:
    """Gradient penalty ``every * lam * E |grad_x D(x)|^2`` at points between real and fake samples.

    Parameters
    ----------
    lam
        Strength >= 0.
    every
        Lazy period in steps.

    Raises
    ------
    InputError
        `lam` < 0, `every` < 1, or batches of different shapes.

    References
    ----------
    H. Thanh-Tung, T. Tran, S. Venkatesh, Improving generalization and stability of generative adversarial
    networks, ICLR 2019.
    """

    kind: ClassVar[str] = "zero-centred"

    lam: float = 10.0
    every: int = 1

    def __post_init__(self) -> None:
        check_strength("the zero-centred gradient penalty", self.lam, self.every)

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the penalty; `generator` draws the points between the samples."""
        between = mix(real, fake, generator=generator)
        squares = squared_gradient_norm(discriminator, between, generator=generator)
        return self.every * self.lam * squares.mean()
