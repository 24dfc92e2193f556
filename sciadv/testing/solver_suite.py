"""The conformance suite of solvers: any class with ``solve(problem, seed=, monitor=)`` can be checked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sciadv.forward import Matrix
from sciadv.likelihood import Gaussian
from sciadv.prior import Moments, Prior
from sciadv.problem import Problem
from sciadv.solution import Solution, Status
from sciadv.solvers import Solver
from sciadv.solvers.latent.iterate import IterativeSolver
from sciadv.solvers.latent.progress import Run
from sciadv.testing.promise import require
from sciadv.types import as_generator


def linear_problem(*, n_problems: int = 6, n_measurements: int = 12, seed: int = 0) -> Problem:
    """Return a problem whose best answer is known: a linear generator, a linear operator, Gaussian noise.

    ``x = W z + b``, ``y = A x + N(0, sigma^2)``: the posterior of z is Gaussian and `map_objective` its
    minimum. The moments that ship with the prior are those of x, so that LMMSE has the same answer.
    """
    draw = as_generator(seed)
    weight, bias = torch.randn(24, 4, generator=draw), torch.randn(24, generator=draw)
    linear = nn.Linear(4, 24)
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    moments = Moments(bias.reshape(1, 4, 6), weight @ weight.T)
    prior = Prior(nn.Sequential(linear, nn.Unflatten(1, (1, 4, 6))), 4, name="linear", moments=moments)
    forward = Matrix(torch.randn(n_measurements, 24, generator=draw) / 24**0.5, (1, 4, 6))
    truth = prior.sample(n_problems, seed=draw)
    likelihood = Gaussian(0.05)
    with torch.no_grad():
        y = likelihood.sample(forward(truth), generator=draw)
    return Problem(prior, forward, likelihood, y, name="linear", truth=truth)


def map_objective(problem: Problem) -> Tensor:
    """Return the smallest objective ``(batch,)`` of a `linear_problem`, in closed form."""
    assert isinstance(problem.likelihood, Gaussian)
    assert problem.likelihood.sigma is not None
    sigma = problem.likelihood.sigma.double()
    zero = torch.zeros(1, 4, dtype=torch.float64)
    unit = torch.eye(4, dtype=torch.float64)
    with torch.no_grad():
        offset = problem.forward(problem.prior(zero.float())).double()
        columns = (problem.forward(problem.prior(unit.float())).double() - offset).T / sigma
    target = (problem.measurements.double() - offset) / sigma
    hessian = columns.T @ columns + problem.latent_weight * unit
    z = torch.linalg.solve(hessian, columns.T @ target.T).T
    residual = z @ columns.T - target
    objective: Tensor = 0.5 * residual.square().sum(1) + 0.5 * problem.latent_weight * z.square().sum(1)
    return objective


def check_solver(solver: Solver, *, reaches_map: bool = True, problem: Problem | None = None) -> None:
    """Check that a solver keeps the promises that all solvers make.

    Parameters
    ----------
    solver
        What to check.
    reaches_map
        Whether its answer is the maximum a posteriori one; False for methods that minimise something else.
    problem
        What to solve instead of `linear_problem`; then `reaches_map` is not checked.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which, with the measured numbers.

    Examples
    --------
    >>> from sciadv.solvers import LevenbergMarquardt
    >>> check_solver(LevenbergMarquardt())
    """
    given = problem or linear_problem()
    solution = solver.solve(given, seed=0)
    _check_result(solution, given)
    again = solver.solve(given, seed=0)
    require(torch.equal(solution.x, again.x), "the same seed gave another answer")
    if isinstance(solver, IterativeSolver):
        check_steps(solver, given)
    _check_batch(solver, given)
    _check_monitor(solver, given)
    if reaches_map and problem is None:
        _check_map(solution, given)


def check_steps(solver: IterativeSolver[Any], problem: Problem) -> None:
    """Check that a solver run by hand, one step at a time, gives the answer of its ``solve``.

    Raises
    ------
    AssertionError
        It does not, or a step changes the state that it was given.

    Examples
    --------
    >>> from sciadv.solvers import Adam
    >>> check_steps(Adam(n_iterations=5), linear_problem())
    """
    state = solver.init(problem, Run(seed=0))
    while state.is_running:
        before = state.iteration, state.active.clone(), state.best.misfit.clone()
        following = solver.step(state)
        require(following.iteration == before[0] + 1, "a step does not count as one")
        require(torch.equal(state.active, before[1]), "a step changed the active rows of its own state")
        require(torch.equal(state.best.misfit, before[2]), "a step changed the misfits of its own state")
        state = following
    by_hand, solution = solver.result(state), solver.solve(problem, seed=0)
    require(torch.equal(by_hand.x, solution.x), "step by step gave another answer than solve")
    require(by_hand.status == solution.status, "step by step ended in another way than solve")


def _check_result(solution: Solution, problem: Problem) -> None:
    """Check shapes and finiteness, and that prediction and misfit are those of x."""
    expected = (problem.n_problems, *problem.forward.in_shape)
    require(
        tuple(solution.x.shape) == expected, f"x has shape {tuple(solution.x.shape)}, expected {expected}"
    )
    require(bool(solution.x.isfinite().all()), "x is not finite")
    require(len(solution.status) == problem.n_problems, "there is not one status per measurement")
    require(all(isinstance(s, Status) for s in solution.status), "a status is no Status")
    with torch.no_grad():
        prediction = problem.forward(solution.x)
    misfit = problem.likelihood.misfit(prediction, problem.measurements)
    require(torch.allclose(misfit, solution.misfit, rtol=1e-3, atol=1e-4), "misfit is not that of x")
    if solution.z is not None:
        with torch.no_grad():
            x = problem.prior(solution.z.to(problem.prior.dtype))
        in_range = solution.x if solution.x_range is None else solution.x_range
        require(torch.allclose(x, in_range, atol=1e-5), "x, or its x_range, is not G(z)")


def _check_batch(solver: Solver, problem: Problem) -> None:
    """Check that the answer to one measurement does not depend on the others in the batch."""
    together = solver.solve(problem, seed=0)
    last = problem.n_problems - 1
    alone = solver.solve(problem.subset([last]), seed=0)
    gap = float((alone.x[0] - together.x[last]).abs().max())
    require(gap < 1e-3, f"a batch of 1 and a batch of {problem.n_problems} differ by {gap:.1e}")


def _check_monitor(solver: Solver, problem: Problem) -> None:
    """Check that the monitor is called, and that stopping from it keeps what was found."""
    calls: list[int] = []

    def stop_at_second(progress: object) -> None:  # noqa: ARG001  # a monitor takes one
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    solution = solver.solve(problem, seed=0, monitor=stop_at_second)
    require(len(calls) > 0, "the monitor was never called")
    require(bool(solution.x.isfinite().all()), "an interrupted search lost its answer")


def _check_map(solution: Solution, problem: Problem) -> None:
    """Check that the objective is within 1 % of the closed form's, where the two can be compared."""
    if solution.z is None:
        return
    best = map_objective(problem)
    point = problem.likelihood.energy(solution.prediction, problem.measurements)
    objective = point + 0.5 * problem.latent_weight * solution.z.square().sum(1)
    excess = float(((objective - best) / best).max())
    require(-1e-3 < excess < 1e-2, f"the objective is {excess:.1%} above the closed form's minimum")
