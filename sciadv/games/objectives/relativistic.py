"""The relativistic pairing game of R3GAN: a real sample against a fake one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import softplus

from sciadv.errors import InputError
from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class Relativistic(Objective):
    """Logistic loss of the difference of a pair's logits, ``E softplus(-(D(x) - D(y)))``, x real and y fake.

    Sample i of the real batch is paired with sample i of the fake batch; the generator has the pair
    reversed.

    Notes
    -----
    The best discriminator makes the loss ``ln 2 - R(p, q)`` with R a divergence: R >= 0, and 0 only for p
    = q. It is the fit of a Bradley-Terry model to real-against-fake comparisons, and R is at most ``JSD(p
    x q, q x p)``, with equality when the support has two points. Fakes are scored against reals near the
    same decision boundary, so the loss landscape has no basin where modes are dropped. It is not stable
    by itself: use it with R1 and R2.

    References
    ----------
    A. Jolicoeur-Martineau, The relativistic discriminator: a key element missing from standard GAN, ICLR
    2019.
    N. Huang, A. Gokaslan, V. Kuleshov, J. Tompkin, The GAN is dead; long live the GAN! A modern baseline
    GAN, NeurIPS 2024, Eq. 2.
    """

    kind: ClassVar[str] = "relativistic"

    divergence: ClassVar[str] = "R(p, q) = ln 2 - min_D E softplus(D(y) - D(x)), at most JSD(p x q, q x p)"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E softplus(fake - real)`` over pairs; at least ``ln 2 - R(p, q)``.

        Raises
        ------
        InputError
            The two batches differ in shape and cannot be paired.
        """
        _expect_pairs(real_logits, fake_logits)
        return softplus(fake_logits - real_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:
        """Return ``E softplus(real - fake)`` over pairs.

        Raises
        ------
        InputError
            The two batches differ in shape and cannot be paired.
        """
        _expect_pairs(real_logits, fake_logits)
        return softplus(real_logits - fake_logits).mean()


def centred(real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Count logits from the middle between both means, since the pairing fixes no zero."""
    middle = (real_logits.mean() + fake_logits.mean()) / 2
    return real_logits - middle, fake_logits - middle


def _expect_pairs(real_logits: Tensor, fake_logits: Tensor) -> None:
    if real_logits.shape != fake_logits.shape:
        raise InputError(
            f"the relativistic objective pairs each real sample with a fake one, but there are "
            f"{tuple(real_logits.shape)} real and {tuple(fake_logits.shape)} fake logits; "
            "draw batches of one size"
        )
