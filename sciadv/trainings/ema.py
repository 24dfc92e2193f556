"""Exponential moving average of a network's weights: what is kept as the prior."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from sciadv.errors import InputError
from sciadv.registry.checked import checked

_Tensors = tuple[Tensor, ...] | list[Tensor]


@final
class MovingAverage:
    """A copy of a module whose parameters are ``avg = beta avg + (1 - beta) w`` after every step.

    ``beta_t = min(decay, (1 + t) / (10 + t))``, so early weights are forgotten quickly, or the decay itself.
    Buffers are copied. The average is torch's `AveragedModel`.

    Parameters
    ----------
    module
        The module that is trained; the average is a frozen copy of it, `module` of this object.
    decay
        Largest beta, in [0, 1); the half-life is ``ln 2 / (1 - decay)`` steps.
    warm_up
        Whether beta rises to the decay as above.

    Raises
    ------
    InputError
        `decay` is not in [0, 1).

    References
    ----------
    Y. Yazici et al., The unusual effectiveness of averaging in GAN training, ICLR 2019, Eq. 5.
    """

    @checked
    def __init__(self, module: nn.Module, *, decay: float = 0.999, warm_up: bool = True) -> None:
        if not 0 <= decay < 1:
            raise InputError(f"the decay of a moving average must be in [0, 1), but is {decay}")
        self.decay, self.warm_up = decay, warm_up
        self._average = AveragedModel(module, multi_avg_fn=self._mix)
        self._average.n_averaged.fill_(1)  # the copy is the first value: torch would overwrite it
        self._average.requires_grad_(False).eval()

    @property
    def module(self) -> nn.Module:
        """The averaged module."""
        module: nn.Module = self._average.module
        return module

    @property
    def n_updates(self) -> int:
        """Weights taken in."""
        return int(self._average.n_averaged) - 1

    @torch.no_grad()
    def _mix(self, averages: _Tensors, weights: _Tensors, n: Tensor | int) -> None:
        beta = min(self.decay, (1 + int(n)) / (10 + int(n))) if self.warm_up else self.decay
        torch._foreach_lerp_(averages, weights, 1 - beta)

    def update(self, module: nn.Module) -> None:
        """Take a module's present weights into the average."""
        self._average.update_parameters(module)

    @torch.no_grad()
    def follow(self, module: nn.Module) -> None:
        """Take a module's present weights as they are, without averaging."""
        for average, weight in zip(self.module.parameters(), module.parameters(), strict=True):
            average.copy_(weight)
        for kept, buffer in zip(self.module.buffers(), module.buffers(), strict=True):
            kept.copy_(buffer)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the average and its age, for a checkpoint."""
        return {"n_updates": torch.tensor(self.n_updates), **self.module.state_dict(prefix="module.")}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self._average.n_averaged.fill_(int(state["n_updates"]) + 1)
        weights = {name.removeprefix("module."): t for name, t in state.items() if name != "n_updates"}
        self.module.load_state_dict(weights)
