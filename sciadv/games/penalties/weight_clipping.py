"""Weight clipping: every weight of the critic is kept in a box, after each of its steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from sciadv.games.penalties.penalty import check_strength
from sciadv.registry.checked import checked


@final
@checked
@dataclass(frozen=True)
class WeightClipping:
    """Projection of parameters on ``[-c, c]``; not a term of the loss but done after the critic's step.

    Parameters
    ----------
    c
        Half side of the box, >= 0.

    Raises
    ------
    InputError
        `c` < 0.

    Notes
    -----
    A layer of m x n weights then has a spectral norm of at most ``c sqrt(m n)``
    (`sciadv.games.diagnostics.clip_bound`), and mostly far less: the critic is held below slope 1 by much
    more than it needs.

    References
    ----------
    M. Arjovsky, S. Chintala, L. Bottou, Wasserstein generative adversarial networks, ICML 2017, Algorithm
    1.
    """

    option_kind: ClassVar[str] = "weight-clipping"

    c: float = 0.01

    def __post_init__(self) -> None:
        check_strength("weight clipping", self.c)

    @torch.no_grad()
    def project(self, parameters: Iterable[Tensor]) -> None:
        """Clip the parameters in place."""
        for p in parameters:
            p.clamp_(-self.c, self.c)
