"""Searches that keep constraints: rounds of the same search, with multipliers as data in between.

The method of multipliers of Hestenes and Powell for inequalities (Nocedal and Wright, Numerical Optimization,
2nd ed. 2006, section 17.4): a round minimises the augmented Lagrangian, the next round's multipliers are its
penalty's gradients. Since the multipliers are data (`sciadv.constraint.Constrained`), a round is an ordinary
search of an ordinary problem by any latent solver, and every measurement has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from sciadv.constraint import Constrained
from sciadv.forward.stack import stack
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers.latent.starts import Starts

#: Rounds at most; one suffices where the data can be explained within the constraints.
MAX_ROUNDS = 10
#: rho of the first round, in which a limit broken by 1 % costs as much as one sigma, and its growth a round.
WEIGHT, GROWTH = 1e4, 4.0
#: How far inside its limit a search wants each value, so that a converged one is not a hair outside.
SAFETY = 1e-3


def keep_constraints(
    run: Callable[[Problem, Starts], Solution], problem: Problem, starts: Starts
) -> Solution:
    """Search in rounds until every measurement's answer keeps every constraint, or the rounds are used up.

    Parameters
    ----------
    run
        Searches a problem without constraints.
    problem
        The problem with its constraints.
    starts
        Of the first round; later ones go on from where the round before ended, where a constraint is broken.

    Returns
    -------
    Solution
        Scored by `problem` itself, with `feasible` and `margins`; its objective leaves the constraints out.
    """
    stacked, likelihood = _stacked(problem)
    found = run(stacked, starts)
    y = stacked.measurements.clone()
    z, prediction = _latents(found), found.prediction.clone()
    status, history, seconds = list(found.status), list(found.history), found.seconds
    for _ in range(MAX_ROUNDS - 1):
        broken = (likelihood.violation(prediction).amax(1) > 0).nonzero().squeeze(1)
        if len(broken) == 0 or found.was_interrupted:
            break
        excess = likelihood.excess(prediction[broken], y[broken])
        n_data = y.shape[1] - excess.shape[1]
        likelihood = likelihood.with_weight(GROWTH * likelihood.weight)
        y[broken, n_data:] = -SAFETY - excess.to(y.dtype) / GROWTH
        again = replace(stacked, likelihood=likelihood, measurements=y[broken], truth=None, labels=None)
        found_again = run(again, Starts(1, z[broken][:, None]))
        z[broken], prediction[broken] = _latents(found_again), found_again.prediction
        for row, one in zip(broken.tolist(), found_again.status, strict=True):
            status[row] = one
        history += found_again.history
        seconds += found_again.seconds
        if found_again.was_interrupted:
            break
    return _scored(replace(found, status=status, history=history, seconds=seconds), problem, z, prediction)


def _latents(solution: Solution) -> Tensor:
    assert solution.z is not None  # only latent solvers get here
    return solution.z.clone()


def _stacked(problem: Problem) -> tuple[Problem, Constrained]:
    """Return the problem whose data hold the constraints too, with no multipliers yet."""
    constraints = problem.constraints
    likelihood = Constrained(problem.likelihood, problem.forward.out_shape, constraints, weight=WEIGHT)
    y = problem.measurements.flatten(1)
    shifts = y.new_full((len(y), len(likelihood.at_most)), -SAFETY)
    forward = stack([problem.forward, *(constraint.forward for constraint in constraints)])
    stacked = replace(
        problem,
        forward=forward,
        likelihood=likelihood,
        measurements=torch.cat([y, shifts], 1),
        constraints=(),
    )
    return stacked, likelihood


def _scored(found: Solution, problem: Problem, z: Tensor, prediction: Tensor) -> Solution:
    """Return the solution as one of the problem itself: its misfit, its status, its margins."""
    n_data = problem.measurements[0].numel()
    prediction = prediction[:, :n_data].reshape(-1, *problem.forward.out_shape)
    with torch.no_grad(), problem.prior.frozen():
        x = problem.prior(z)
    margins = problem.margins(x)
    assert margins is not None
    feasible = (margins >= 0).all(1).tolist()
    energy = problem.likelihood.energy(prediction, problem.measurements)
    status = [
        one if is_feasible or one in (Status.INTERRUPTED, Status.NOT_FINITE) else Status.INFEASIBLE
        for one, is_feasible in zip(found.status, feasible, strict=True)
    ]
    return replace(
        found,
        x=x,
        z=z,
        prediction=prediction,
        misfit=problem.likelihood.misfit(prediction, problem.measurements),
        objective=energy + 0.5 * problem.latent_weight * z.square().sum(1),
        status=status,
        margins=margins,
    )
