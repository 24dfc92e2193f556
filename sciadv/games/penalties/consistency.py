"""Balanced consistency regularisation: the discriminator says the same of a sample and its augmentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, final, runtime_checkable

from torch import Generator, Tensor

from sciadv.games.augment import DiffAugment
from sciadv.games.penalties.penalty import Discriminator, check_strength
from sciadv.registry.checked import checked


@runtime_checkable
class Augmentation(Protocol):
    """A random change of a batch of images that keeps what they show."""

    def __call__(self, images: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Return the changed images, of the same shape."""
        ...


@final
@checked
@dataclass(frozen=True)
class Consistency:
    """Squared change under augmentation T, ``every * (lam_real E_p + lam_fake E_q) (D(x) - D(T x))^2``.

    Parameters
    ----------
    augment
        The augmentation T of images.
    lam_real, lam_fake
        Strengths >= 0 on real and fake samples; with `lam_fake` 0 it is the original consistency
        regularisation (CR-GAN).
    every
        Lazy period in steps.

    Raises
    ------
    InputError
        A strength < 0 or `every` < 1.

    References
    ----------
    Z. Zhao et al., Improved consistency regularization for GANs, AAAI 2021, Algorithm 1.
    """

    kind: ClassVar[str] = "consistency"

    augment: Augmentation = DiffAugment()  # noqa: RUF009  has no state
    lam_real: float = 10.0
    lam_fake: float = 10.0
    every: int = 1

    def __post_init__(self) -> None:
        check_strength("consistency regularisation", min(self.lam_real, self.lam_fake), self.every)

    def __call__(
        self, discriminator: Discriminator, real: Tensor, fake: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """Return the penalty; `generator` draws the augmentations."""
        of_real = (
            (discriminator(real) - discriminator(self.augment(real, generator=generator))).square().mean()
        )
        of_fake = (
            (discriminator(fake) - discriminator(self.augment(fake, generator=generator))).square().mean()
        )
        return self.every * (self.lam_real * of_real + self.lam_fake * of_fake)
