"""The non-saturating game: the minimax discriminator with a generator that maximises log D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import softplus

from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class NonSaturating(Objective):
    """Cross-entropy for the discriminator, ``-E_q log D`` for the generator; not zero-sum.

    Notes
    -----
    The generator's gradient in a fake logit is ``-(1 - D)``, so it is ``(1 - D) / D`` times the
    saturating one: 99 times at D = 0.01. With the best discriminator held fixed it descends ``KL(q || p)
    - 2 JSD(p, q)``, whose reverse KL is what makes this game drop modes (Arjovsky and Bottou).

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, NeurIPS 2014, section 3.
    M. Arjovsky, L. Bottou, Towards principled methods for training generative adversarial networks, ICLR
    2017, Theorem 2.5.
    """

    kind: ClassVar[str] = "non-saturating"

    divergence: ClassVar[str] = "2 JSD(p, q); the generator descends KL(q || p) - 2 JSD(p, q)"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_p softplus(-logit) + E_q softplus(logit)``; at least ``2 ln 2 - 2 JSD``."""
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``-E_q log D = E_q softplus(-logit)``."""
        return softplus(-fake_logits).mean()
