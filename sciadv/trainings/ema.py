"""Exponential moving average of a generator's weights: what is kept as the prior."""

from __future__ import annotations

import copy
from typing import final

import torch
from torch import Tensor, nn

from sciadv.errors import InputError


@final
class MovingAverage:
    """A copy of a module whose parameters are ``avg = beta avg + (1 - beta) w`` after every step.

    ``beta_t = min(decay, (1 + t) / (10 + t))``, so early weights are forgotten quickly. Buffers are
    copied.

    Parameters
    ----------
    module
        The module that is trained; the average is a frozen copy of it, `module` of this object.
    decay
        Largest beta, in [0, 1); the half-life is ``ln 2 / (1 - decay)`` steps.

    Raises
    ------
    InputError
        `decay` is not in [0, 1).

    References
    ----------
    Y. Yazici et al., The unusual effectiveness of averaging in GAN training, ICLR 2019, Eq. 5.
    """

    def __init__(self, module: nn.Module, *, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise InputError(f"the decay of a moving average must be in [0, 1), but is {decay}")
        self.decay = decay
        self.n_updates = 0
        self.module = copy.deepcopy(module).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take a module's present weights into the average."""
        self.n_updates += 1
        beta = min(self.decay, (1 + self.n_updates) / (10 + self.n_updates))
        for average, w in zip(self.module.parameters(), module.parameters(), strict=True):
            average.lerp_(w, 1 - beta)
        for kept, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average and its age, for a checkpoint."""
        return {"n_updates": torch.tensor(self.n_updates), **self.module.state_dict(prefix="module.")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.n_updates = int(state["n_updates"])
        weights = {name.removeprefix("module."): t for name, t in state.items() if name != "n_updates"}
        self.module.load_state_dict(weights)
