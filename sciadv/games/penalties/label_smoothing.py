"""One-sided label smoothing: the target for real samples is a little below one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from torch import Generator, Tensor

from sciadv.errors import InputError
from sciadv.games.penalties.penalty import Discriminator
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class LabelSmoothing:
    """Adds ``(1 - alpha) E_p logit``, which turns the cross-entropy target of real samples from 1 into alpha.

    Exact for the cross-entropy objectives (minimax, non-saturating), since
    ``-alpha ln s(v) - (1 - alpha) ln(1 - s(v)) = softplus(-v) + (1 - alpha) v`` with s the sigmoid.

    Parameters
    ----------
    alpha
        The target, in (0, 1].

    Raises
    ------
    InputError
        `alpha` is not in (0, 1].

    Notes
    -----
    The best discriminator is ``alpha p / (p + q)``: scaled, with the ratio of fakes unbiased, which
    two-sided smoothing would not have. Costs one more pass of the real batch.

    References
    ----------
    T. Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.4.
    """

    kind: ClassVar[str] = "label-smoothing"

    alpha: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 1:
            raise InputError(f"the smoothed label of real samples must be in (0, 1], but is {self.alpha}")

    @property
    def every(self) -> int:
        """One: the target is smoothed in every step."""
        return 1

    def __call__(
        self,
        discriminator: Discriminator,
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  the interface has it
        *,
        generator: Generator | None = None,  # noqa: ARG002  the interface has it
    ) -> Tensor:
        """Return the term; `fake` and `generator` are not read."""
        return (1 - self.alpha) * discriminator(real).mean()
