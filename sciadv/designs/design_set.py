"""Designs found for a target as a `CandidateSet`: their properties, margins, and what is reported of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from sciadv.candidate_set import CandidateSet, Presentation
from sciadv.designs.evaluated import Evaluated
from sciadv.designs.picture import draw_designs
from sciadv.files.page import versions
from sciadv.forward import PropertyModel, Quantity, Variable
from sciadv.likelihood import Tolerance
from sciadv.problem import Problem
from sciadv.solution import Solution


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a search for designs ended.

    Parameters
    ----------
    target
        What was asked for, by property.
    reachable
        The value nearest to the target that a feasible design has, by property.
    reason
        Why the target cannot be reached; empty where it can.
    hit
        Which designs have the target within the tolerance ``(n,)``.
    settings
        Of the search, its seed among them.
    seconds
        Wall time of the search.
    was_interrupted
        Whether it was stopped before its end.
    solution
        The solution that the designs are of; None where they come from the survey.
    """

    target: dict[str, float]
    reachable: dict[str, float]
    reason: str
    hit: Tensor
    settings: dict[str, object]
    seconds: float
    was_interrupted: bool = False
    solution: Solution | None = None


def design_set(problem: Problem, designs: Evaluated, outcome: Outcome) -> CandidateSet:
    """Return evaluated designs with everything that is reported of them.

    Parameters
    ----------
    problem
        Its forward is a `PropertyModel`.
    designs
        The designs.
    outcome
        How the search for them ended.
    """
    asked = _words(outcome.target)
    return CandidateSet(
        name=problem.name,
        x=designs.x,
        values={name: designs.value(name) for name in designs.names},
        hit=outcome.hit,
        feasible=designs.feasible,
        margins=designs.margins,
        messages=tuple(_messages(problem, designs, outcome)),
        table=tuple(_table(problem, designs, outcome.hit)),
        facts=_facts(problem, designs, outcome),
        presentation=Presentation(
            draw=partial(draw_designs, problem=problem),
            title=f"Designs of {problem.name} for {asked}",
            picture_words="the designs over the map of the property, and their values",
        ),
        target=outcome.target,
        reachable=outcome.reachable,
        reason=outcome.reason,
        was_interrupted=outcome.was_interrupted,
        solution=outcome.solution,
    )


def _messages(problem: Problem, designs: Evaluated, outcome: Outcome) -> list[str]:
    """Say how many designs hit the target, and where there are none, why."""
    asked = _words(outcome.target)
    n_good = int((outcome.hit & designs.feasible).sum())
    lines = [
        f"{n_good} of {len(designs.x)} designs have {asked} within {_tolerance(problem)} and keep every "
        f"constraint"
    ]
    if outcome.reason:
        lines = [
            f"no design has {asked}: {outcome.reason}",
            f"the nearest that can be reached is {_words(outcome.reachable)}; the designs are for that",
        ]
    if outcome.was_interrupted:
        lines.append("the search was interrupted; these are the best designs found until then")
    tightest = _smallest_margins(problem, designs)
    lines += [f"{name}: at least {m:.1%} below the limit" for name, m in tightest.items() if m >= 0]
    lines += [f"{name}: broken by up to {-m:.1%}" for name, m in tightest.items() if m < 0]
    return lines


def _tolerance(problem: Problem) -> str:
    likelihood = problem.likelihood
    if isinstance(likelihood, Tolerance) and likelihood.is_relative and likelihood.width.numel() == 1:
        return f"{100 * float(likelihood.width):.2g} %"
    return repr(likelihood)


def _smallest_margins(problem: Problem, designs: Evaluated) -> dict[str, float]:
    names = [constraint.name for constraint in problem.constraints]
    return dict(zip(names, designs.margins.amin(0).tolist(), strict=True))


def _facts(problem: Problem, designs: Evaluated, outcome: Outcome) -> dict[str, object]:
    """Return what a report states, as plain values."""
    n_good = int((outcome.hit & designs.feasible).sum())
    return {
        "problem": problem.name,
        "target": outcome.target,
        "status": "unreachable" if outcome.reason else ("reached" if n_good else "missed"),
        "reason": outcome.reason,
        "nearest_reachable": outcome.reachable,
        "n_designs": len(designs.x),
        "n_hit": int(outcome.hit.sum()),
        "n_feasible": int(designs.feasible.sum()),
        "n_hit_and_feasible": n_good,
        "smallest_margins": _smallest_margins(problem, designs),
        "spread_of_log_variables": _spread(designs.x),
        "was_interrupted": outcome.was_interrupted,
        "likelihood": repr(problem.likelihood),
        "forward": repr(problem.forward),
        "prior": problem.prior.name,
        "weights_sha256": problem.prior.card.get("weights_sha256", ""),
        "seconds": outcome.seconds,
        "settings": outcome.settings,
        "versions": versions(),
    }


def _spread(x: Tensor) -> float:
    """Return the mean distance of two designs in natural logarithms of their variables; 0 for one design."""
    return float(torch.pdist(x.log()).mean()) if len(x) > 1 else 0.0


def _table(problem: Problem, designs: Evaluated, hit: Tensor) -> list[dict[str, object]]:
    """Return a row per design: variables, properties, hit, feasible, margins; units in the names."""
    model = problem.forward
    assert isinstance(model, PropertyModel)
    rows: list[dict[str, object]] = []
    for i in range(len(designs.x)):
        row: dict[str, object] = {
            _column(quantity): float(designs.x[i, j]) for j, quantity in enumerate(model.variables)
        }
        row |= {_column(quantity): float(designs.value(quantity.name)[i]) for quantity in model.PROPERTIES}
        row |= {"hit": bool(hit[i]), "feasible": bool(designs.feasible[i])}
        row |= {
            f"margin: {constraint.name}": float(designs.margins[i, j])
            for j, constraint in enumerate(problem.constraints)
        }
        rows.append(row)
    return rows


def _column(quantity: Quantity | Variable) -> str:
    return f"{quantity.name} [{quantity.unit}]" if quantity.unit else quantity.name


def _words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.4g}" for name, value in values.items())
