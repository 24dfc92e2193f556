"""The Wasserstein game: a critic's mean on real data against its mean on fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from sciadv.games.objectives.objective import Objective


@final
@dataclass(frozen=True)
class Wasserstein(Objective):
    """Integral probability metric, ``E_q D - E_p D`` for the critic and ``-E_q D`` for the generator.

    Notes
    -----
    Over the 1-Lipschitz critics the best one makes the loss ``-W1(p, q)`` (Kantorovich-Rubinstein); for p
    a point mass at 0 and q one at a, ``W1 = |a|`` and the critic has slope -1 between them (for a > 0).
    Without a bound on the critic's slope the loss has no minimum, so use it with a gradient penalty,
    spectral normalisation or weight clipping.

    References
    ----------
    M. Arjovsky, S. Chintala, L. Bottou, Wasserstein generative adversarial networks, ICML 2017, Eqs. 2
    and 3.
    """

    kind: ClassVar[str] = "wasserstein"

    divergence: ClassVar[str] = "W1(p, q) over 1-Lipschitz critics"

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``E_q D - E_p D``; at least ``-W1`` over 1-Lipschitz critics."""
        return fake_logits.mean() - real_logits.mean()

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``-E_q D``."""
        return -fake_logits.mean()
