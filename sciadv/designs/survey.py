"""What can be reached: the feasible value nearest to a target, and why no design has the target itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.designs.aim import Aim
from sciadv.designs.distinct import farthest_points, places
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.wishes import Wish
from sciadv.errors import InputError, require_at_least
from sciadv.forward.design.quantity import Possible, Ranges
from sciadv.types import as_generator


@dataclass(frozen=True)
class SurveySettings:
    """How designs are surveyed where no search has met the target.

    Parameters
    ----------
    n_zooms
        Rounds of designs around the nearest ones, each nearer than the last.
    n_centres
        Designs below the target, and above it, that a round is drawn around.
    n_around
        Designs around each of them at most; together no more than the model's library where one is enough.
    width
        Standard deviation of the first round's distances, as a part of the distance of the bounds.
    shrinkage
        Factor of that from round to round.

    Raises
    ------
    InputError
        A number of designs is below 1, or a width is negative.
    """

    n_zooms: int = 5
    n_centres: int = 16
    n_around: int = 32
    width: float = 0.03
    shrinkage: float = 0.3

    def __post_init__(self) -> None:
        require_at_least(self, {"n_zooms": 1, "n_centres": 1, "n_around": 1})
        require_at_least(self, {"width": 0, "shrinkage": 0})


@dataclass(frozen=True)
class Reach:
    """The nearest feasible value of each property, and the reason why it is not the target."""

    nearest: dict[str, float]
    reason: str


def neighbours_of_nearest(
    aim: Aim,
    z: Tensor,
    designs: Evaluated,
    step: int,
    *,
    seed: int,
    settings: SurveySettings,
) -> Tensor:
    """Return latents ``(n, latent)`` around those of the feasible designs nearest to the aim.

    The nearest below the first demand and above it are followed apart, so that both edges of a gap are found.

    Parameters
    ----------
    aim
        What is asked for.
    z, designs
        What was evaluated, with its latents.
    step
        Number of the round; the width falls with it.
    seed
        Seed of the draws.
    settings
        How many, how far.
    """
    rows = _nearest_on_both_sides(aim, designs, settings.n_centres)
    n_around = min(settings.n_around, max(1, aim.model.n_library // max(1, len(rows))))
    around = z[rows].repeat_interleave(n_around, 0)
    moves = torch.randn(around.shape, generator=as_generator(seed)).to(around)
    width = settings.width * settings.shrinkage**step
    if aim.box is None:
        return around + width * moves
    tiny = torch.finfo(around.dtype).eps
    near: Tensor = torch.special.ndtri((torch.special.ndtr(around) + width * moves).clamp(tiny, 1 - tiny))
    return near


def _nearest_on_both_sides(aim: Aim, designs: Evaluated, n: int) -> Tensor:
    """Return the rows of the feasible designs nearest to the aim, `n` below it and `n` above at most."""
    worst = designs.excess(aim.wishes).amax(1)
    first = aim.wishes[0]
    is_below = designs.value(first.name) < first.goal
    found = []
    for side in (is_below, ~is_below):
        n_side = min(n, len(worst))
        error, index = torch.where(designs.feasible & side, worst, torch.inf).topk(n_side, largest=False)
        found.append(index[error.isfinite()])
    return torch.cat(found)


def refuse_impossible(aim: Aim) -> None:
    """Refuse what the model's theory leaves no design for, each demand beside those before it.

    Raises
    ------
    InputError
        A demand lies beyond what `PropertyModel`'s ``possible`` says.
    """
    possible: Callable[[Ranges], Mapping[str, Possible]] | None = getattr(aim.model, "possible", None)
    if possible is None:
        return
    asked: dict[str, tuple[float, float]] = {}
    for i, wish in enumerate(aim.wishes):
        low, high, source = possible(asked).get(wish.name, (-math.inf, math.inf, ""))
        slack = 1e-6 * wish.scale
        if wish.high < low - slack or wish.low > high + slack:
            others = ", ".join(map(str, aim.wishes[:i]))
            who = f"no design with {others}" if i else "no design"
            span = []
            if math.isfinite(low):
                span.append(f"at least {low:.4g}")
            if math.isfinite(high):
                span.append(f"at most {high:.4g}")
            unit = f" {wish.unit}" if wish.unit else ""
            raise InputError(f"{who} can have {wish}: {wish.name} is {' and '.join(span)}{unit}, by {source}")
        asked[wish.name] = (wish.low, wish.high)


def nearest_designs(aim: Aim, designs: Evaluated, n: int) -> Evaluated:
    """Return feasible designs at the nearest value that can be reached, `n` at most, far from each other."""
    off = designs.excess(aim.wishes).amax(1)
    off = torch.where(designs.feasible, off, torch.inf)
    near = off.argsort()[: max(n, int((off <= off.min() + 1).sum()))]
    near = near[off[near].isfinite()]
    return designs.take(near[farthest_points(places(aim.model, designs.x[near]), n)])


def find_reach(aim: Aim, designs: Evaluated) -> Reach:
    """Find the feasible values nearest to the aim among evaluated designs, and say what prevents the aim.

    Parameters
    ----------
    aim
        What is asked for, with a demand at least.
    designs
        Designs that were evaluated; none does what is asked.

    Raises
    ------
    InputError
        None of the designs is feasible.
    """
    if not bool(designs.feasible.any()):
        limits = ", ".join(constraint.name for constraint in aim.problem.constraints)
        which = f"keeps every constraint of {aim.problem.name}; loosen one of: {limits}"
        raise InputError(f"no design within the bounds {which if limits else 'has finite properties'}")
    error = designs.excess(aim.wishes).amax(1)
    best = int(torch.where(designs.feasible, error, torch.inf).argmin())
    nearest = {wish.name: float(designs.value(wish.name)[best]) for wish in aim.wishes}
    nearer = (error <= 0.5 * error[best]) & ~designs.feasible & designs.properties.isfinite().all(1)
    if bool(nearer.any()):
        return Reach(nearest, _broken(aim, designs.margins[nearer]))
    if len(aim.wishes) == 1:
        return Reach(nearest, _gap(aim, designs, aim.wishes[0]))
    for wish in aim.wishes:
        values = designs.value(wish.name)[designs.feasible]
        if bool((values < wish.low).all()) or bool((values > wish.high).all()):
            return Reach(nearest, f"{wish} cannot be had by itself: {_gap(aim, designs, wish)}")
    return Reach(nearest, "no design that was evaluated has these values together")


def _broken(aim: Aim, margins: Tensor) -> str:
    """Say which constraints the designs near the target break, the worst first."""
    easiest = margins.amax(0).tolist()
    worst = [
        f"{constraint.name} (by {-margin:.1%} or more)"
        for constraint, margin in zip(aim.problem.constraints, easiest, strict=True)
        if margin < 0
    ]
    if worst:
        return f"every design breaks a constraint: {', '.join(worst)}"
    return "every design breaks one constraint or another"


def _gap(aim: Aim, designs: Evaluated, wish: Wish) -> str:
    """Say whether the target lies beyond all values, or in a gap between two."""
    values = designs.value(wish.name)
    below = designs.feasible & (values < wish.low)
    above = designs.feasible & (values > wish.high)
    if bool(below.any()) and bool(above.any()):
        under = int(torch.where(below, values, -torch.inf).argmax())
        over = int(torch.where(above, values, torch.inf).argmin())
        ends = f"{float(values[under]):.4g} and {float(values[over]):.4g}"
        edges = f"feasible designs have {ends}, nothing between"
        is_leap = int(designs.regime[under]) != int(designs.regime[over])
        return f"{aim.model.LEAP} ({edges})" if is_leap else edges
    low, high = values[designs.feasible].min(), values[designs.feasible].max()
    span = f"feasible designs reach from {float(low):.4g} to {float(high):.4g}"
    beyond = values > high if bool(below.any()) else values < low
    if bool(beyond.any()):
        return f"{span}; beyond, {_broken(aim, designs.margins[beyond])}"
    return f"{span}, and no design within the bounds goes beyond"
