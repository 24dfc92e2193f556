"""The saturating minimax game of the first GAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor
from torch.nn.functional import softplus

from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class Minimax(Objective):
    """Zero-sum cross-entropy, ``V = E_p log D + E_q log(1 - D)`` with ``D = sigmoid(logit)``.

    The discriminator minimises ``-V``, the generator ``E_q log(1 - D)``.

    Notes
    -----
    The best logit is ``ln(p/q)`` and makes ``V = 2 JSD(p, q) - 2 ln 2``. The generator's gradient in a
    fake logit is ``-D``: where the discriminator is sure (D near 0) nothing is left to learn from, and
    JSD itself saturates at ln 2 for disjoint supports.

    References
    ----------
    I. Goodfellow et al., Generative adversarial nets, NeurIPS 2014, Eq. 1, Proposition 1 and Theorem 1.
    """

    kind: ClassVar[str] = "minimax"

    divergence: ClassVar[str] = "2 JSD(p, q)"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_p softplus(-logit) + E_q softplus(logit)``; at least ``2 ln 2 - 2 JSD``."""
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``E_q log(1 - D) = -E_q softplus(logit)``."""
        return -softplus(fake_logits).mean()
