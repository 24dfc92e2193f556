"""What can be reached: the feasible value nearest to a target, and why no design has the target itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.designs.library import Evaluated, evaluate, joined, neighbours, random_library
from sciadv.errors import InputError
from sciadv.forward import PropertyModel
from sciadv.problem import Problem

#: Designs this near to the target, as a part of it, tell which constraint is in the way.
_NEAR = 0.02
#: Designs this near to a value have it.
_SAME = 0.005
#: Designs over the bounds; then, so many times, designs around so many of the nearest below and above.
_N_LIBRARY, _N_ZOOMS, _N_CENTRES, _N_AROUND = 8192, 5, 16, 64


@dataclass(frozen=True)
class Reach:
    """The nearest feasible value of each property, and the reason why it is not the target."""

    nearest: dict[str, float]
    reason: str


def look_around(problem: Problem, goal: Tensor, seen: Sequence[Evaluated], *, seed: int) -> Evaluated:
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
    """
    library = random_library(problem, _N_LIBRARY, seed=seed)
    if library is None:
        return joined(seen or [evaluate(problem, problem.prior.sample(_N_LIBRARY, seed=seed))])
    pool = joined([*seen, library])
    for step in range(_N_ZOOMS):
        deviation = _deviations(problem, goal, pool)
        worst = deviation.abs().amax(1)
        is_below = deviation[:, 0] < 0
        centres = [
            torch.where(pool.feasible & side, worst, torch.inf).topk(_N_CENTRES, largest=False)
            for side in (is_below, ~is_below)
        ]
        rows = torch.cat([index[error.isfinite()] for error, index in centres])
        if len(rows):
            around = neighbours(problem, pool.x[rows], _N_AROUND, width=0.03 * 0.3**step, seed=seed + step)
            pool = joined([pool, around])
    return pool


def nearest_designs(problem: Problem, goal: Tensor, pool: Evaluated, n: int) -> Tensor:
    """Return the rows of `n` feasible designs at the goal, far from each other where there are many."""
    error = torch.where(pool.feasible, _deviations(problem, goal, pool).abs().amax(1), torch.inf)
    nearest = error.argsort()[: max(n, int((error <= _SAME).sum()))]
    places, taken_rows = pool.x[nearest].log(), [0]
    distance = torch.full((len(nearest),), torch.inf, dtype=torch.float64)
    for _ in range(min(n, len(nearest)) - 1):
        distance = torch.minimum(distance, (places - places[taken_rows[-1]]).square().sum(1))
        taken_rows.append(int(distance.argmax()))
    return nearest[torch.tensor(taken_rows)]


def _deviations(problem: Problem, goal: Tensor, pool: Evaluated) -> Tensor:
    """Return the relative deviations of designs from a goal ``(n, properties)``."""
    assert isinstance(problem.forward, PropertyModel)
    values = torch.stack([pool.values[name] for name in problem.forward.properties], 1)
    wanted = goal.cpu().double()
    return (values - wanted) / wanted


def find_reach(problem: Problem, goal: Tensor, pool: Evaluated) -> Reach:
    """Find the feasible value nearest to a goal among evaluated designs, and say what is in the way.

    Parameters
    ----------
    problem
        Its forward predicts the goal's properties.
    goal
        The target ``(properties,)``.
    pool
        Designs that were looked at.

    Raises
    ------
    InputError
        None of the designs is feasible.
    """
    model = problem.forward
    assert isinstance(model, PropertyModel)
    if not bool(pool.feasible.any()):
        raise InputError(
            f"no design within the bounds keeps every constraint of {problem.name}; loosen one of: "
            f"{', '.join(constraint.name for constraint in problem.constraints)}"
        )
    error = _deviations(problem, goal, pool).abs().amax(1)
    best = int(torch.where(pool.feasible, error, torch.inf).argmin())
    nearest = {name: float(pool.values[name][best]) for name in model.properties}
    has_it = error <= _NEAR
    if bool((has_it & ~pool.feasible).any()) and not bool((has_it & pool.feasible).any()):
        return Reach(nearest, _broken(problem, pool.margins[has_it]))
    if len(model.properties) == 1:
        wanted = goal[0].cpu().double()
        return Reach(nearest, _gap(problem, pool.values[model.properties[0]], wanted, pool))
    return Reach(nearest, "no design that was looked at has these values together")


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


def _gap(problem: Problem, values: Tensor, wanted: Tensor, pool: Evaluated) -> str:
    """Say whether the target lies beyond all values, or in a gap between two."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    feasible, regime = pool.feasible, pool.regime
    below, above = feasible & (values < wanted), feasible & (values > wanted)
    low, high = float(values[feasible].min()), float(values[feasible].max())
    span = f"feasible designs reach from {low:.4g} to {high:.4g}"
    if bool(below.any()) and bool(above.any()):
        under = torch.where(below, values, -torch.inf).argmax()
        over = torch.where(above, values, torch.inf).argmin()
        edges = (
            f"feasible designs have {float(values[under]):.4g} and {float(values[over]):.4g}, nothing between"
        )
        if int(regime[under]) != int(regime[over]):
            return f"{model.LEAP} ({edges})"
        return edges
    beyond = values < low * (1 - _NEAR) if not bool(below.any()) else values > high * (1 + _NEAR)
    if bool(beyond.any()):
        return f"{span}; beyond, {_broken(problem, pool.margins[beyond])}"
    return f"{span}, and no design within the bounds goes beyond"
