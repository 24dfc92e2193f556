"""Historical averaging: a player's parameters are held near their mean over the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from sciadv.games.penalties.base import check_strength


@final
class HistoricalAveraging:
    """Penalty ``lam |theta - mean_i theta_i|^2`` on one player's parameters, from fictitious play.

    Call `loss` where the player's loss is made, for either player, and `update` after its step.

    Parameters
    ----------
    parameters
        The player's parameters; their present values are the first of the history.
    lam
        Strength >= 0.

    Raises
    ------
    InputError
        `lam` < 0.

    References
    ----------
    T. Salimans et al., Improved techniques for training GANs, NeurIPS 2016, section 3.3.
    """

    def __init__(self, parameters: Sequence[Tensor], *, lam: float = 1e-3) -> None:
        check_strength("historical averaging", lam)
        self.parameters = list(parameters)
        self.lam = lam
        self.means = [p.detach().clone() for p in self.parameters]
        self.n_seen = 1

    def loss(self) -> Tensor:
        """Return the penalty at the parameters' present values."""
        pairs = zip(self.parameters, self.means, strict=True)
        return self.lam * torch.stack([(p - mean).square().sum() for p, mean in pairs]).sum()

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters' present values into the mean."""
        self.n_seen += 1
        for p, mean in zip(self.parameters, self.means, strict=True):
            mean.add_(p - mean, alpha=1 / self.n_seen)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the history as tensors, for a checkpoint."""
        return {"n_seen": torch.tensor(self.n_seen), **{f"mean.{i}": m for i, m in enumerate(self.means)}}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint's history."""
        self.n_seen = int(state["n_seen"])
        for i, mean in enumerate(self.means):
            mean.copy_(state[f"mean.{i}"])
