"""The curve of accuracy against a gap: classifiers of all strengths, measured on rows not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.fairness.fair_game import FairGame, FairRows, FairSettings, training_of
from sciadv.domains.fairness.fair_nets import FairNets
from sciadv.domains.fairness.gaps import FairnessGaps, gaps_of
from sciadv.errors import InputError
from sciadv.trainings.loop import run
from sciadv.types import as_generator


@final
@dataclass(frozen=True)
class FairPoint:
    """A strength of the adversary with a threshold, and what they do on rows that were not seen.

    Parameters
    ----------
    strength
        Weight of the adversary's loss; infinite for a constant decision.
    threshold
        Score from which on the decision is positive.
    gaps
        Accuracy and gaps, by cross-validation.
    """

    strength: float
    threshold: float
    gaps: FairnessGaps


@final
@dataclass(frozen=True, eq=False)
class FairCurve:
    """Classifiers of all strengths, with what they do on rows that they did not see.

    Parameters
    ----------
    nets
        Of all members: strengths x (folds, then all rows) x seeds.
    points
        Thresholds of each strength, from the weakest, 0 first; the last point is the constant decision.
    share
        Of positive labels.
    n_folds, n_seeds
        Of each strength.
    """

    nets: FairNets
    points: tuple[FairPoint, ...]
    share: float
    n_folds: int
    n_seeds: int

    def chosen(self, criterion: str, gap: float) -> int:
        """Return the place of the most accurate point whose held-out gap is at most so large."""
        met = [i for i, point in enumerate(self.points) if getattr(point.gaps, criterion) <= gap]
        return max(met, key=lambda i: self.points[i].gaps.accuracy)

    def scores(self, x: Tensor, place: int) -> NDArray[np.float64]:
        """Return scores less the threshold ``(rows,)`` of a point: of all rows' fits, the mean of seeds."""
        if place == len(self.points) - 1:
            return np.full(len(x), math.log(self.share / (1 - self.share)))
        strengths = list(dict.fromkeys(point.strength for point in self.points))
        point = self.points[place]
        with torch.no_grad():
            z = _by_fold(self.nets.scores(x), self.n_folds, self.n_seeds)[strengths.index(point.strength), -1]
        scores: NDArray[np.float64] = z.double().numpy() - point.threshold
        return scores


def fit_curve(rows: FairRows, settings: FairSettings, *, names: list[object], seed: int) -> FairCurve:
    """Train classifiers of all strengths, for each fold of cross-validation and for all rows, in one batch.

    Parameters
    ----------
    rows
        To learn from.
    settings
        How.
    names
        Of the groups.
    seed
        Of folds and first weights.

    Raises
    ------
    InputError
        A group has too few rows of a label to be in every fold.
    GameError
        The training diverged.
    """
    n_folds, n_seeds = settings.n_folds, settings.n_seeds
    fold = fold_of_rows(rows, names, n_folds, seed=seed)
    used = torch.stack([fold != k for k in range(n_folds + 1)])  # no row is of the last fold
    n_strengths = len(settings.strengths)
    nets = FairNets(
        n_strengths * len(used) * n_seeds,
        rows.x.shape[1],
        rows.n_groups,
        n_conditions=2 if rows.is_conditional else 1,
        n_hidden=settings.n_hidden,
        generator=as_generator(seed),
    )
    game = FairGame(
        nets,
        rows,
        used.repeat_interleave(n_seeds, 0).repeat(n_strengths, 1),
        torch.tensor(settings.strengths).repeat_interleave(len(used) * n_seeds),
        is_balanced=settings.is_balanced,
    )
    run(training_of(game, settings)).check_finished()
    nets.requires_grad_(False)
    held_out = _by_fold(nets.scores(rows.x), n_folds, n_seeds)[:, fold, torch.arange(len(fold))]
    y, group = rows.y.numpy(), rows.group.numpy()
    points = [
        FairPoint(strength, threshold, gaps_of(y, (z > threshold).astype(np.int64), group, names=names))
        for strength, z in zip(settings.strengths, held_out.double().numpy(), strict=True)
        for threshold in thresholds_of(z, settings.n_thresholds, is_mostly_positive=bool(y.mean() >= 0.5))
    ]
    constant = gaps_of(y, np.full_like(y, int(y.mean() >= 0.5)), group, names=names)
    points.append(FairPoint(math.inf, 0.0, constant))
    return FairCurve(nets, tuple(points), float(y.mean()), n_folds, n_seeds)


def thresholds_of(z: NDArray[np.float64], n: int, *, is_mostly_positive: bool) -> list[float]:
    """Return 0 and thresholds that take decisions in even steps towards the commoner label.

    Parameters
    ----------
    z
        ``(rows,)``, scores.
    n
        How many; the next one would leave the constant decision.
    is_mostly_positive
        Whether the commoner label is the positive one.
    """
    side = -z if is_mostly_positive else z  # decisions for the rarer label are those above
    rarer = np.sort(side[side > 0])
    if not len(rarer):
        return [0.0]
    steps = [float(np.quantile(rarer, k / n)) for k in range(1, n)]
    return [0.0, *(-step if is_mostly_positive else step for step in steps)]


def _by_fold(scores: Tensor, n_folds: int, n_seeds: int) -> Tensor:
    """Return scores ``(members, rows)`` as ``(strengths, folds + 1, rows)``, averaged over seeds."""
    return scores.reshape(-1, n_folds + 1, n_seeds, scores.shape[1]).mean(2)


def fold_of_rows(rows: FairRows, names: list[object], n_folds: int, *, seed: int) -> Tensor:
    """Return the fold ``(rows,)`` of each row: every group and label is spread evenly over all of them.

    Raises
    ------
    InputError
        A group has fewer rows of a label than there are folds.
    """
    fold = torch.empty(len(rows.y), dtype=torch.long)
    generator = as_generator(seed)
    for number, name in enumerate(names):
        for label in (0, 1):
            places = torch.nonzero((rows.group == number) & (rows.y == label))[:, 0]
            if len(places) < n_folds:
                raise InputError(
                    f"group {name!r} of the attribute has {len(places)} rows of one label, but each of "
                    f"{n_folds} folds needs one; merge it with another group, or lower n_folds"
                )
            order = torch.randperm(len(places), generator=generator)
            fold[places[order]] = torch.arange(len(places)) % n_folds
    return fold
