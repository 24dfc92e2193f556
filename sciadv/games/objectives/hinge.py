"""The hinge game: a support vector machine's loss for the discriminator, a linear one for the generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import relu

from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class Hinge(Objective):
    """Hinge loss ``E_p max(0, 1 - D) + E_q max(0, 1 + D)``; the generator minimises ``-E_q D``.

    Notes
    -----
    The best output is ``sign(p - q)`` and makes the loss ``2 - 2 TV(p, q)``; the generator's loss,
    completed by ``E_p D``, is then ``2 TV(p, q)`` too.

    References
    ----------
    J. H. Lim, J. C. Ye, Geometric GAN, 2017, arXiv:1705.02894.
    T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, Spectral normalization for generative adversarial
    networks, ICLR 2018, Eqs. 16 and 17.
    """

    kind: ClassVar[str] = "hinge"

    divergence: ClassVar[str] = "2 TV(p, q), with TV = 1/2 sum |p - q|"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_p max(0, 1 - D) + E_q max(0, 1 + D)``; at least ``2 - 2 TV``."""
        return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``-E_q D``."""
        return -fake_logits.mean()
