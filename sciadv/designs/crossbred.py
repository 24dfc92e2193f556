"""Designs with choices: children of the nearest designs, since no slope leads from one choice to another."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.designs.evaluated import Evaluated
from sciadv.errors import require_at_least
from sciadv.types import as_generator


@dataclass(frozen=True)
class Crossbreeding:
    """How designs with choices are bred.

    Parameters
    ----------
    n_rounds
        Rounds at most; 0 for none.
    n_children
        Children a round.
    n_parents
        Designs that may have children: the best of each combination of choices, and then the best at all.
    n_alike
        Designs of one combination of choices among them at most.
    n_changes
        Choices that a child changes at random, on the average.
    widths
        Smallest and largest standard deviation of a child's numbers around a parent's, as parts of the
        distance of the bounds; evenly in the logarithm.

    Raises
    ------
    InputError
        A number is negative, or there are no children or parents.
    """

    n_rounds: int = 40
    n_children: int = 512
    n_parents: int = 128
    n_alike: int = 4
    n_changes: float = 1.5
    widths: tuple[float, float] = (0.002, 0.2)

    def __post_init__(self) -> None:
        require_at_least(
            self,
            {"n_rounds": 0, "n_children": 1, "n_parents": 2, "n_alike": 1, "n_changes": 0},
        )


def has_choices(aim: Aim) -> bool:
    """Whether what is searched has variables of a few values."""
    return aim.box is not None and any(one.is_discrete for one in aim.model.variables)


def children(
    aim: Aim,
    designs: Evaluated,
    settings: Crossbreeding,
    *,
    seed: int,
) -> Tensor:
    """Return latents ``(n_children, latent)`` of designs between good ones, changed a little.

    A child has a part of its variables from one parent and the rest from another one: variables in a row,
    which often belong together. Some choices are drawn anew, and numbers are moved.

    Parameters
    ----------
    aim
        What is asked for, over a box with choices.
    designs
        What was evaluated.
    settings
        How many, how far.
    seed
        Seed of the draws.

    References
    ----------
    Goldberg, Genetic Algorithms in Search, Optimization and Machine Learning, 1989 (two-point crossover).
    """
    numbers = as_generator(seed)
    box = aim.box
    assert box is not None  # as `has_choices` says
    rows = parents(aim, designs, settings, seed=seed)
    place = box.to_unit(designs.x[rows].to(box.lower)).cpu()
    n, n_variables = settings.n_children, place.shape[1]
    drawn = torch.rand(n, 2, generator=numbers).square() * len(place)
    first, second = (place[i] for i in drawn.long().T)
    ends = torch.randint(n_variables + 1, (n, 2, 1), generator=numbers).sort(1).values
    at = torch.arange(n_variables)
    child = torch.where((at >= ends[:, 0]) & (at < ends[:, 1]), second, first)
    is_choice = torch.tensor([one.is_discrete for one in aim.model.variables])
    fresh = torch.rand(n, n_variables, generator=numbers).to(child)
    share = settings.n_changes / max(1, int(is_choice.sum()))
    is_changed = torch.rand(n, n_variables, generator=numbers) < share
    low, high = (torch.tensor(width).log() for width in settings.widths)
    width = (low + (high - low) * torch.rand(n, 1, generator=numbers)).exp()
    step = width * torch.randn(n, n_variables, generator=numbers)
    moved = torch.where(is_choice, torch.where(is_changed, fresh, child), child + step.to(child))
    latent: Tensor = torch.special.ndtri(moved.clamp(1e-9, 1 - 1e-9))
    return latent


def parents(
    aim: Aim,
    designs: Evaluated,
    settings: Crossbreeding,
    *,
    seed: int,
) -> Tensor:
    """Return the rows of designs that may have children, the best first."""
    order = ranked(aim, designs, seed=seed)[: 16 * settings.n_parents]
    columns = [i for i, one in enumerate(aim.model.variables) if one.is_discrete]
    canonical = getattr(aim.model, "canonical", None)
    x = designs.x[order]
    keys = (x if canonical is None else canonical(x))[:, columns].round().tolist()
    counted: dict[tuple[float, ...], int] = {}
    kept: list[int] = []
    rest: list[int] = []
    for row, key in zip(order.tolist(), map(tuple, keys), strict=True):
        counted[key] = counted.get(key, 0) + 1
        (kept if counted[key] <= settings.n_alike else rest).append(row)
    return torch.tensor([*kept, *rest][: settings.n_parents])


def ranked(aim: Aim, designs: Evaluated, *, seed: int) -> Tensor:
    """Return the rows of designs with finite properties, the nearest to the aim first, then by objectives.

    Several objectives are weighed at random, by the ranks that designs have in each.
    """
    distance = aim.distance(designs)
    cost = torch.zeros_like(distance)
    weight = torch.rand(max(1, len(aim.objectives)), generator=as_generator(seed), dtype=cost.dtype)
    for wish, part in zip(aim.objectives, weight, strict=False):
        value = designs.value(wish.name) * (1 if wish.direction == "minimise" else -1)
        cost = cost + part * value.argsort().argsort()
    by_cost = cost.argsort(stable=True)
    order = by_cost[distance[by_cost].argsort(stable=True)]
    finite: Tensor = order[distance[order].isfinite()]
    return finite
