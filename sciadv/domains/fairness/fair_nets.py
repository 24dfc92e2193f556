"""Many small classifiers, each with its adversary, in one batch: dimension 0 is independent fits."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


@final
class FairNets(nn.Module):
    """Scores ``z(x)`` of members, and logits of the group given the score (and the label).

    A member's score is linear in x plus a layer of `n_hidden` rectified units; its adversary is a logistic
    regression of the group on the decision's probability, one for each label that it is given.

    Parameters
    ----------
    n_members
        Independent fits.
    n_features
        Columns of x.
    n_groups
        Groups of the protected attribute.
    n_conditions
        Labels that the adversary tells apart; 1: it does not see the label.
    n_hidden
        Hidden units; 0 for a linear score.
    generator
        Draws the first weights.
    """

    def __init__(  # sizes
        self,
        n_members: int,
        n_features: int,
        n_groups: int,
        *,
        n_conditions: int,
        n_hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()

        def drawn(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(scale * torch.randn(n_members, *shape, generator=generator))

        self.weight = drawn(n_features, scale=0.1 * n_features**-0.5)
        self.bias = nn.Parameter(torch.zeros(n_members, 1))
        self.hidden = drawn(n_features, n_hidden, scale=n_features**-0.5)
        self.hidden_bias = nn.Parameter(torch.zeros(n_members, 1, n_hidden))
        self.hidden_weight = drawn(n_hidden, scale=0.1 * max(1, n_hidden) ** -0.5)
        self.adversary = nn.Parameter(torch.zeros(n_members, 2, n_groups, n_conditions))

    @property
    def n_members(self) -> int:
        """Independent fits."""
        return len(self.weight)

    def scores(self, x: Tensor) -> Tensor:
        """Return the scores ``(members, rows)`` of x ``(rows, features)``; above 0 the decision is 1."""
        z = self.weight @ x.T + self.bias
        if self.hidden_weight.shape[1]:
            units = (x @ self.hidden + self.hidden_bias).relu()
            z = z + (units @ self.hidden_weight[:, :, None])[:, :, 0]
        return z

    def group_logits(self, z: Tensor, condition: Tensor) -> Tensor:
        """Return the adversary's logits ``(members, groups, rows)`` of scores ``(members, rows)``.

        Parameters
        ----------
        z
            The scores.
        condition
            ``(rows,)``, numbers of the labels that the adversary is given.
        """
        decision = torch.tanh(0.5 * z)[:, None]  # 2 sigmoid(z) - 1
        one_hot = functional.one_hot(condition, self.adversary.shape[3]).to(z.dtype)
        given = self.adversary @ one_hot.T
        return given[:, 0] + decision * given[:, 1]
