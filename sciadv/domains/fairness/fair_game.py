"""The game of a fair classifier: a score that hides the group against an adversary that finds it.

It is played by the updates and the loop of `sciadv.games`, as that of a batch correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from sciadv.arguments.values import as_count, as_flag, as_number
from sciadv.domains.fairness.fair_nets import FairNets
from sciadv.errors import InputError
from sciadv.games.two_player import Player, Point
from sciadv.nets.layers import GradientReversal
from sciadv.trainings.correction.correction_training import CorrectionSchedule, CorrectionTraining


@final
@dataclass(frozen=True)
class FairSettings:
    """How a fair classifier is trained.

    Parameters
    ----------
    n_steps
        Steps of the classifier, each on all rows.
    n_adversary
        Steps of the adversary before each of them, which keep it near its optimum.
    learning_rate
        Largest one; it rises from a 25th over the first tenth and falls to nothing along a cosine.
    weight_decay
        Of the classifier (AdamW).
    n_hidden
        Hidden units beside the linear part of the score; 0 for none.
    is_balanced
        Whether every group (of every label, where the adversary sees it) weighs alike for the adversary.
    strengths
        Weights of the adversary's loss that are tried, rising.
    n_thresholds
        Thresholds of each strength that are tried: from that of the score on towards the constant decision.
    n_folds
        Folds of the cross-validation by which gaps are measured.
    n_seeds
        Classifiers of each strength whose scores are averaged; they differ in their first weights.

    Raises
    ------
    InputError
        A count or number out of its range.
    """

    n_steps: int = 200
    n_adversary: int = 3
    learning_rate: float = 0.03
    weight_decay: float = 0.01
    n_hidden: int = 0
    is_balanced: bool = True
    strengths: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    n_thresholds: int = 6
    n_folds: int = 5
    n_seeds: int = 2

    def __post_init__(self) -> None:
        for name in ("n_steps", "n_adversary", "n_thresholds", "n_seeds"):
            as_count(getattr(self, name), name)
        as_count(self.n_folds, "n_folds", least=2)
        as_count(self.n_hidden, "n_hidden", least=0)
        as_number(self.weight_decay, "weight_decay", least=0)
        as_number(self.learning_rate, "learning_rate", above=0)
        as_flag(self.is_balanced, "is_balanced")
        rising = [as_number(s, "every one of strengths", least=0) for s in self.strengths]
        if not rising or rising != sorted(set(rising)):
            raise InputError(f"strengths must be one number or more, rising, but they are {self.strengths}")


@final
@dataclass(frozen=True, eq=False)
class FairRows:
    """The rows of a fit as tensors.

    Parameters
    ----------
    x
        ``(rows, features)``, standardised.
    y, group
        ``(rows,)``, labels of 0 and 1, and groups from 0.
    is_conditional
        Whether the adversary is given the label.
    """

    x: Tensor
    y: Tensor
    group: Tensor
    is_conditional: bool

    @property
    def n_groups(self) -> int:
        """Groups of the protected attribute."""
        return int(self.group.max()) + 1

    @property
    def condition(self) -> Tensor:
        """What the adversary is given beside the score: the label, or 0."""
        return self.y if self.is_conditional else torch.zeros_like(self.y)

    def adversary_weights(self, used: Tensor, *, is_balanced: bool) -> Tensor:
        """Return weights ``(members, rows)`` that sum to 1, of the rows that each member uses."""
        used = used.to(self.x.dtype)
        if not is_balanced:
            return used / used.sum(1, keepdim=True)
        cell = functional.one_hot(self.condition * self.n_groups + self.group).to(used.dtype)
        weights = used * ((used @ cell).clamp(min=1).reciprocal() @ cell.T)
        return weights / weights.sum(1, keepdim=True)


@final
class FairGame:
    """Losses of classifiers and of their adversaries, on all rows; members do not touch each other.

    Player 0, the classifiers, minimises ``CE(z, y) + strength CE(D(R(z), y), group)`` with R the gradient
    reversal; player 1, the adversaries D, minimises ``CE(D(z, y), group)``. Follows
    `sciadv.trainings.correction.correction_training.CorrectingGame`.

    Parameters
    ----------
    nets
        Classifiers and adversaries.
    rows
        Of the fit.
    used
        ``(members, rows)``, which rows a member learns from.
    strength
        ``(members,)``.
    is_balanced
        Whether every group weighs alike for the adversary.
    """

    def __init__(
        self, nets: FairNets, rows: FairRows, used: Tensor, strength: Tensor, *, is_balanced: bool
    ) -> None:
        self.nets = nets
        self.rows = rows
        self.strength = strength
        self.reversal = GradientReversal()
        self.label_weights = used.to(rows.x.dtype) / used.sum(1, keepdim=True)
        self.group_weights = rows.adversary_weights(used, is_balanced=is_balanced)
        self.target = rows.y.to(rows.x.dtype).expand(nets.n_members, -1)
        self.n_draws = 0
        self.n_drawn = len(rows.x)
        self.divergence_weight = 0.0
        self.error = math.nan
        self.players: tuple[Sequence[Tensor], Sequence[Tensor]] = (
            [p for name, p in nets.named_parameters() if name != "adversary"],
            [nets.adversary],
        )

    def draw(self) -> None:
        """Count a turn: each is on all rows."""
        self.n_draws += 1

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises, the sum over members."""
        z = self.nets.scores(self.rows.x)
        seen = self.reversal(z) if player == 0 else z
        logits = self.nets.group_logits(seen, self.rows.condition)
        group = self.rows.group.expand(len(z), -1)
        found = functional.cross_entropy(logits, group, reduction="none")
        domain = (found * self.group_weights).sum(1)
        if player == 1:
            return domain.sum()
        wrong = functional.binary_cross_entropy_with_logits(z, self.target, reduction="none")
        error = (wrong * self.label_weights).sum()
        self.error = float(error.detach()) / len(z)
        return error + (self.strength * domain).sum()

    def reduce(self, gradients: Point) -> Point:
        """Return the gradients: one process."""
        return gradients


def training_of(game: FairGame, settings: FairSettings) -> CorrectionTraining:
    """Return the training of a game, not begun, as the settings say."""
    schedule = CorrectionSchedule(
        settings.n_steps,
        learning_rate=settings.learning_rate,
        divergence_weight=0.0,
        n_discriminator=settings.n_adversary,
        weight_decay=settings.weight_decay,
        largest_norm=math.inf,  # a limit for all members together would tie them to each other
    )
    return CorrectionTraining(
        game,
        schedule,
        settings={**asdict(settings), "n_rows": len(game.rows.x), "n_members": game.nets.n_members},
        advice=f"lower learning_rate ({settings.learning_rate:g}), and check the columns for extreme values",
    )
