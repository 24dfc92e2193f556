"""Least-squares GAN: the discriminator regresses a label for real and one for fake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Tensor

from sciadv.games.objectives.objective import Objective
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class LeastSquares(Objective):
    """Squares to labels: ``1/2 E_p (D - b)^2 + 1/2 E_q (D - a)^2`` and ``1/2 E_q (D - c)^2``.

    Parameters
    ----------
    real_label, fake_label, generator_label
        The labels b, a and c: what D shall say of real samples, of fakes, and what the generator wants it
        to say.

    Notes
    -----
    The best output is ``(b p + a q) / (p + q)``, and the loss is then
    ``(b - a)^2 / 8 * (2 - sum (p - q)^2 / (p + q))``: the triangular discrimination (Vincze-Le Cam), at
    most 2. With ``b - c = 1`` and ``b - a = 2`` the generator's loss, completed by the real samples'
    term, is half of Pearson's ``chi^2(p + q || 2 q)``. Unlike with cross-entropy a fake that is taken for
    real but far from the data is pulled in.

    References
    ----------
    X. Mao et al., Least squares generative adversarial networks, ICCV 2017, Eqs. 2 and 5, section 3.2.
    """

    kind: ClassVar[str] = "least-squares"

    divergence: ClassVar[str] = "(b - a)^2 / 8 * sum (p - q)^2 / (p + q)"

    real_label: float = 1.0
    fake_label: float = 0.0
    generator_label: float = 1.0

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Return ``1/2 E_p (D - b)^2 + 1/2 E_q (D - a)^2``, of least value ``(b - a)^2 / 4 - divergence``."""
        real = (real_logits - self.real_label).square().mean()
        fake = (fake_logits - self.fake_label).square().mean()
        return (real + fake) / 2

    def generator_loss(self, fake_logits: Tensor, real_logits: Tensor) -> Tensor:  # noqa: ARG002  the interface's
        """Return ``1/2 E_q (D - c)^2``."""
        return (fake_logits - self.generator_label).square().mean() / 2
