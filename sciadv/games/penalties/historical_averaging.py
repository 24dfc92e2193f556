"""Historical averaging: both players' parameters are held near their mean over the past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from sciadv.games.penalties.penalty import check_strength
from sciadv.registry.checked import checked


@final
class HistoricalAveraging:
    """Penalty ``lam |theta - mean_i theta_i|^2`` on each player's parameters, from fictitious play.

    In a `Game` it is one of the penalties. By hand: `start` before the first step, `loss` where a player's
    loss is made, `update` after each step.

    Parameters
    ----------
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

    kind: ClassVar[str] = "historical-averaging"

    @checked
    def __init__(self, *, lam: float = 1e-3) -> None:
        check_strength("historical averaging", lam)
        self.lam = lam
        self.players: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.means: tuple[list[Tensor], list[Tensor]] = ([], [])
        self.n_seen = 0

    def __repr__(self) -> str:
        """Say the strength."""
        return f"HistoricalAveraging(lam={self.lam})"

    def start(self, players: tuple[Sequence[Tensor], Sequence[Tensor]]) -> None:
        """Begin the history of both players' parameters with their present values."""
        self.players = list(players[0]), list(players[1])
        first, second = ([p.detach().clone() for p in player] for player in players)
        self.means, self.n_seen = (first, second), 1

    def loss(self, player: Literal[0, 1]) -> Tensor:
        """Return the penalty of a player at its parameters' present values."""
        pairs = zip(self.players[player], self.means[player], strict=True)
        return self.lam * torch.stack([(p - mean).square().sum() for p, mean in pairs]).sum()

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters' present values into the means."""
        self.n_seen += 1
        for player, means in zip(self.players, self.means, strict=True):
            for p, mean in zip(player, means, strict=True):
                mean.add_(p - mean, alpha=1 / self.n_seen)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the history as tensors, for a checkpoint."""
        named = {f"mean.{k}.{i}": m for k, means in enumerate(self.means) for i, m in enumerate(means)}
        return {"n_seen": torch.tensor(self.n_seen), **named}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint's history."""
        self.n_seen = int(state["n_seen"])
        for k, means in enumerate(self.means):
            for i, mean in enumerate(means):
                mean.copy_(state[f"mean.{k}.{i}"])
