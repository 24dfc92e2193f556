"""Searches that keep constraints: rounds of the same search, with multipliers as data in between.

The method of multipliers of Hestenes and Powell for inequalities (Nocedal and Wright, Numerical Optimization,
2nd ed. 2006, section 17.4): a round minimises the augmented Lagrangian, the next round's multipliers are its
penalty's gradients. Since the multipliers are data (`sciadv.constraint.Constrained`), a round is an ordinary
search of an ordinary problem by any latent solver, and every measurement has its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from sciadv.constraint import Constrained
from sciadv.forward.stack import stack
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.iterate import IterativeSolver, iterate
from sciadv.solvers.latent.progress import Monitor, Run
from sciadv.solvers.latent.scoring import score


@dataclass(frozen=True)
class Multipliers:
    """Settings of the method of multipliers.

    Parameters
    ----------
    max_rounds
        Rounds at most; one suffices where the data can be explained within the constraints.
    penalty_weight
        rho of the first round: a limit broken by 1 % then costs as much as one sigma.
    penalty_growth
        Growth of rho from one round to the next.
    safety_margin
        How far inside its limit a search wants each value, in parts of the limit, so that a converged one is
        not a hair outside.
    """

    max_rounds: int = 10
    penalty_weight: float = 1e4
    penalty_growth: float = 4.0
    safety_margin: float = 1e-3


class RestartedSearch(IterativeSolver[Any], Protocol):
    """A latent search that can go on from given starts: a frozen dataclass with these fields."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def restarts(self) -> int:
        """Starts per measurement."""
        ...

    @property
    def starts(self) -> str | Tensor:
        """Where the search starts, see `Starts`."""
        ...

    @property
    def multipliers(self) -> Multipliers:
        """Settings of the rounds."""
        ...


def keep_constraints(
    solver: RestartedSearch, problem: Problem, *, seed: int, monitor: Monitor | None
) -> Solution:
    """Search in rounds until every measurement's answer keeps every constraint, or the rounds are used up.

    Parameters
    ----------
    solver
        Searches the first round from its own starts, the others from where the one before has ended.
    problem
        The problem with its constraints.
    seed, monitor
        As of `solve`.

    Returns
    -------
    Solution
        Scored by `problem` itself, with `feasible` and `margins`; its objective leaves the constraints out.
    """
    run = Run(seed, monitor)
    multipliers = solver.multipliers
    stacked, likelihood = _stacked(problem, multipliers)
    found = iterate(solver, stacked, seed=seed, monitor=run)
    y = stacked.measurements.clone()
    history = list(found.history)
    for _ in range(multipliers.max_rounds - 1):
        broken = (likelihood.violation(found.prediction).amax(1) > 0).nonzero().squeeze(1)
        if len(broken) == 0 or run.was_interrupted:
            break
        excess = likelihood.excess(found.prediction[broken], y[broken])
        n_data = y.shape[1] - excess.shape[1]
        likelihood = likelihood.with_weight(multipliers.penalty_growth * likelihood.weight)
        y[broken, n_data:] = -multipliers.safety_margin - excess.to(y.dtype) / multipliers.penalty_growth
        again = replace(stacked, likelihood=likelihood, measurements=y[broken], truth=None, labels=None)
        assert found.z is not None  # a latent search has latents
        from_there = replace(solver, restarts=1, starts=found.z[broken][:, None])
        better = iterate(from_there, again, seed=seed, monitor=run)
        found = found.with_rows(broken, replace(better, restart_objectives=None, restart_latents=None))
        history += better.history
    return _scored(replace(found, history=history, seconds=run.clock.seconds), problem)


def _stacked(problem: Problem, multipliers: Multipliers) -> tuple[Problem, Constrained]:
    """Return the problem whose data hold the constraints too, with no multipliers yet."""
    constraints = problem.constraints
    likelihood = Constrained(
        problem.likelihood, problem.forward.out_shape, constraints, weight=multipliers.penalty_weight
    )
    y = problem.measurements.flatten(1)
    shifts = y.new_full((len(y), len(likelihood.at_most)), -multipliers.safety_margin)
    forward = stack([problem.forward, *(constraint.forward for constraint in constraints)])
    stacked = replace(
        problem,
        forward=forward,
        likelihood=likelihood,
        measurements=torch.cat([y, shifts], 1),
        constraints=(),
    )
    return stacked, likelihood


def _scored(found: Solution, problem: Problem) -> Solution:
    """Return the solution as one of the problem itself: its misfit, its status, its margins."""
    n_data = problem.measurements[0].numel()
    prediction = found.prediction[:, :n_data].reshape(-1, *problem.forward.out_shape)
    assert found.z is not None  # a latent search has latents
    with torch.no_grad():
        x = problem.prior(found.z)
    scored = score(problem, x, prediction=prediction, ended=found.status)
    assert scored.feasible is not None
    assert scored.objective is not None
    kept = (Status.INTERRUPTED, Status.NOT_FINITE)
    status = [
        one if is_feasible or one in kept else Status.INFEASIBLE
        for one, is_feasible in zip(found.status, scored.feasible.tolist(), strict=True)
    ]
    return replace(
        found,
        x=scored.x,
        prediction=prediction,
        misfit=scored.misfit,
        objective=scored.objective + 0.5 * problem.latent_weight * found.z.square().sum(1),
        status=status,
        margins=scored.margins,
    )
