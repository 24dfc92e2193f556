"""What can be reached: the feasible value nearest to a target, and why no design has the target itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.designs.evaluated import Evaluated, evaluate, joined, neighbours, random_library
from sciadv.errors import InputError, require_at_least
from sciadv.forward import PropertyModel
from sciadv.problem import Problem


@dataclass(frozen=True)
class SurveySettings:
    """How the designs within the bounds are surveyed where no search has met the target.

    Parameters
    ----------
    n_library
        Designs over the bounds.
    n_zooms
        Rounds of designs around the nearest ones, each nearer than the last.
    n_centres
        Designs below the target, and above it, that a round is drawn around.
    n_around
        Designs around each of them.
    width
        Standard deviation of the first round's distances, as a part of the distance of the bounds.
    shrinkage
        Factor of that from round to round.
    same_within
        Relative deviation from a value within which a design counts as having it.
    near_within
        Relative deviation from the target within which designs say which constraint prevents it.

    Raises
    ------
    InputError
        A number of designs is below 1, or a width is not positive.
    """

    n_library: int = 8192
    n_zooms: int = 5
    n_centres: int = 16
    n_around: int = 64
    width: float = 0.03
    shrinkage: float = 0.3
    same_within: float = 0.005
    near_within: float = 0.02

    def __post_init__(self) -> None:
        require_at_least(self, {"n_library": 1, "n_zooms": 0, "n_centres": 1, "n_around": 1})
        require_at_least(self, {"width": 0, "shrinkage": 0, "same_within": 0, "near_within": 0})


@dataclass(frozen=True)
class Reach:
    """The nearest feasible value of each property, and the reason why it is not the target."""

    nearest: dict[str, float]
    reason: str


def survey(
    problem: Problem,
    goal: Tensor,
    seen: Sequence[Evaluated],
    *,
    seed: int,
    settings: SurveySettings = SurveySettings(),  # frozen
) -> Evaluated:
    """Evaluate designs over the bounds, then ever nearer around those that come nearest to the goal.

    The nearest below and above are followed apart, so that both edges of a gap are found.

    Parameters
    ----------
    problem
        What is designed.
    goal
        The target ``(properties,)``.
    seen
        Designs that a search has found.
    seed
        Seed of the designs.
    settings
        How many designs.
    """
    library = random_library(problem, settings.n_library, seed=seed)
    if library is None:
        drawn = problem.prior.sample(settings.n_library, seed=seed)
        return joined(seen or [evaluate(problem, drawn)])
    pool = joined([*seen, library])
    for step in range(settings.n_zooms):
        rows = _nearest_on_both_sides(problem, goal, pool, settings.n_centres)
        if len(rows):
            width = settings.width * settings.shrinkage**step
            around = neighbours(problem, pool.x[rows], settings.n_around, width=width, seed=seed + step)
            pool = joined([pool, around])
    return pool


def _nearest_on_both_sides(problem: Problem, goal: Tensor, pool: Evaluated, n: int) -> Tensor:
    """Return the rows of the feasible designs nearest to the goal, `n` below it and `n` above at most."""
    deviation = pool.deviations(_asked(problem), goal)
    worst = deviation.abs().amax(1)
    is_below = deviation[:, 0] < 0
    found = []
    for side in (is_below, ~is_below):
        error, index = torch.where(pool.feasible & side, worst, torch.inf).topk(n, largest=False)
        found.append(index[error.isfinite()])
    return torch.cat(found)


def _asked(problem: Problem) -> tuple[str, ...]:
    """Return the names of the properties that the problem's forward predicts."""
    assert isinstance(problem.forward, PropertyModel)
    return problem.forward.properties


def nearest_designs(
    problem: Problem,
    goal: Tensor,
    pool: Evaluated,
    n: int,
    *,
    settings: SurveySettings = SurveySettings(),  # frozen
) -> Tensor:
    """Return the rows of `n` feasible designs at the goal, far from each other where there are many."""
    deviation = pool.deviations(_asked(problem), goal).abs().amax(1)
    error = torch.where(pool.feasible, deviation, torch.inf)
    nearest = error.argsort()[: max(n, int((error <= settings.same_within).sum()))]
    places = pool.x[nearest].log()
    taken = [0]
    distance = torch.full((len(nearest),), torch.inf, dtype=torch.float64)
    for _ in range(min(n, len(nearest)) - 1):
        distance = torch.minimum(distance, (places - places[taken[-1]]).square().sum(1))
        taken.append(int(distance.argmax()))
    return nearest[torch.tensor(taken)]


def find_reach(
    problem: Problem,
    goal: Tensor,
    pool: Evaluated,
    *,
    settings: SurveySettings = SurveySettings(),  # frozen
) -> Reach:
    """Find the feasible value nearest to a goal among evaluated designs, and say what prevents the goal.

    Parameters
    ----------
    problem
        Its forward predicts the goal's properties.
    goal
        The target ``(properties,)``.
    pool
        Designs that were evaluated.
    settings
        Which designs count as near.

    Raises
    ------
    InputError
        None of the designs is feasible.
    """
    if not bool(pool.feasible.any()):
        raise InputError(
            f"no design within the bounds keeps every constraint of {problem.name}; loosen one of: "
            f"{', '.join(constraint.name for constraint in problem.constraints)}"
        )
    names = _asked(problem)
    error = pool.deviations(names, goal).abs().amax(1)
    best = int(torch.where(pool.feasible, error, torch.inf).argmin())
    nearest = {name: float(pool.value(name)[best]) for name in names}
    has_it = error <= settings.near_within
    if bool((has_it & ~pool.feasible).any()) and not bool((has_it & pool.feasible).any()):
        return Reach(nearest, _broken(problem, pool.margins[has_it]))
    if len(names) == 1:
        wanted = float(goal[0].cpu().double())
        return Reach(nearest, _gap(problem, pool, wanted, near_within=settings.near_within))
    return Reach(nearest, "no design that was evaluated has these values together")


def _broken(problem: Problem, margins: Tensor) -> str:
    """Say which constraints the designs with the target break, the worst first."""
    easiest = margins.amax(0).tolist()
    worst = [
        f"{constraint.name} (by {-margin:.1%} or more)"
        for constraint, margin in zip(problem.constraints, easiest, strict=True)
        if margin < 0
    ]
    if worst:
        return f"every design breaks a constraint: {', '.join(worst)}"
    return "every design breaks one constraint or another"


def _gap(problem: Problem, pool: Evaluated, wanted: float, *, near_within: float) -> str:
    """Say whether the target lies beyond all values, or in a gap between two."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    values = pool.value(model.properties[0])
    below = pool.feasible & (values < wanted)
    above = pool.feasible & (values > wanted)
    if bool(below.any()) and bool(above.any()):
        under = torch.where(below, values, -torch.inf).argmax()
        over = torch.where(above, values, torch.inf).argmin()
        edges = (
            f"feasible designs have {float(values[under]):.4g} and {float(values[over]):.4g}, nothing between"
        )
        is_leap = int(pool.regime[under]) != int(pool.regime[over])
        return f"{model.LEAP} ({edges})" if is_leap else edges
    low = float(values[pool.feasible].min())
    high = float(values[pool.feasible].max())
    span = f"feasible designs reach from {low:.4g} to {high:.4g}"
    is_high = bool(below.any())
    beyond = values > high * (1 + near_within) if is_high else values < low * (1 - near_within)
    if bool(beyond.any()):
        return f"{span}; beyond, {_broken(problem, pool.margins[beyond])}"
    return f"{span}, and no design within the bounds goes beyond"
