"""The verb `solve`: search for candidates that agree with the measurements, and say how far to trust them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sciadv.catalogue import load_problem
from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import Monitor, Solver, make_solver
from sciadv.solvers.diagnosis.verdicts import diagnose


def solve(  # one keyword a choice of the user
    problem: Problem | str | Path,
    method: str | Solver | None = None,
    *,
    restarts: int | None = None,
    seed: int = 0,
    device: str | None = None,
    monitor: Monitor | None = None,
) -> Solution:
    """Solve every measurement of a problem, all restarts in one batch, and diagnose the answers.

    Parameters
    ----------
    problem
        What to solve: a `Problem`, a name that ``sciadv list`` shows, or a path.
    method
        A solver's name ("auto" picks one and says which in ``solution.settings``) or a solver with its
        settings, such as ``LevenbergMarquardt(tolerance=1e-4)``; the problem's own (`Problem.solver`) if
        left out.
    restarts
        Starts per measurement, for a solver given by name; the problem's own for its own solver, else the
        solver's default, if left out.
    seed
        Seed of everything random in the search: same seed, same device, same result.
    device
        "auto", "cpu", "cuda", …; where the problem is if left out.
    monitor
        Called with a `Progress` after each iteration.

    Raises
    ------
    UnknownNameError
        There is no problem or solver of that name.
    InputError
        The solver cannot solve this problem; the message says which can.

    Examples
    --------
    >>> import torch
    >>> from sciadv import Gaussian, Prior, Problem, solve
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     net = torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.Unflatten(1, (1, 4, 5)))
    >>> prior, matrix = Prior(net, latent_shape=2), torch.eye(20)[:8]
    >>> y = prior.sample(3, seed=1).flatten(1) @ matrix.T
    >>> solution = solve(Problem(prior=prior, forward=matrix, likelihood=Gaussian(0.01), measurements=y))
    >>> solution.x.shape, sorted({status.name for status in solution.status})
    (torch.Size([3, 1, 4, 5]), ['EXPLAINED'])
    >>> solution.diagnosis.words[0].split(". ")[-1]
    'Explained to the noise level.'
    """
    loaded = problem if isinstance(problem, Problem) else load_problem(problem, seed=seed)
    solver = choose_solver(loaded, method, restarts=restarts)
    posed = (loaded if device is None else loaded.to(device)).private()
    solution = solver.solve(posed, seed=seed, monitor=monitor)
    return replace(solution, diagnosis=diagnose(posed, solution, seed=seed))


def choose_solver(
    problem: Problem, method: str | Solver | None = None, *, restarts: int | None = None
) -> Solver:
    """Return the solver that `solve` takes: the one given, or the problem's own with its settings.

    Raises
    ------
    UnknownNameError
        There is no solver of that name.
    InputError
        `restarts` is below 1, or was given to a solver that has none or that is an object.
    """
    if method is not None and not isinstance(method, str):
        if restarts is not None:
            raise InputError("give restarts to the solver itself, as in LevenbergMarquardt(restarts=5)")
        return method
    own = problem.solver
    name = own.name if method is None else method
    if restarts is None and name == own.name:
        restarts = own.restarts
    return make_solver(name, restarts=restarts)
