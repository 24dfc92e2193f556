"""The verb `solve`: search for candidates that agree with the measurements, and say how far to trust them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from sciadv.arguments.values import as_count, as_function, as_seed, shown
from sciadv.catalogue import load_problem
from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.solution import Solution
from sciadv.solvers import Monitor, Solver, make_solver
from sciadv.solvers.automatic.duration import check_size
from sciadv.solvers.diagnosis import verdicts
from sciadv.solvers.diagnosis.verdicts import Extent

_logger = logging.getLogger(__name__)


def solve(  # one keyword a choice of the user
    problem: Problem | str | Path,
    method: str | Solver | None = None,
    *,
    restarts: int | None = None,
    seed: int = 0,
    device: str | None = None,
    monitor: Monitor | None = None,
    diagnose: Extent | None = "full",
) -> Solution:
    """Solve every measurement of a problem, all restarts in one batch, and diagnose the answers.

    Parameters
    ----------
    problem
        What to solve: a `Problem`, a name that ``sciadv list`` shows, or a path.
    method
        A solver's name ("auto" picks one and says which in ``solution.settings``) or a solver with its
        settings, such as ``LevenbergMarquardt(tolerance=1e-4)``; the problem's own (`Problem.solver`) if
        left out or None.
    restarts
        Starts per measurement, for a solver given by name; the problem's own for its own solver, else the
        solver's default, if left out.
    seed
        Seed of everything random in the search: same seed, same device, same result.
    device
        "auto", "cpu", "cuda", …; where the problem is if left out.
    monitor
        Called with a `Progress` after each iteration.
    diagnose
        "full" also compares the measurements with the prior's reference images, where it has any: a search
        of the measurements, and once for each prior, operator and noise one of the reference images, kept in
        the cache folder. "quick" leaves that out, None makes no diagnosis at all. Ctrl-C during the
        comparison keeps the solution, with the quick diagnosis.

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
    >>> y = Gaussian(0.01).sample(
    ...     prior.sample(3, seed=1).flatten(1) @ matrix.T, generator=torch.Generator().manual_seed(2)
    ... )
    >>> solution = solve(Problem(prior=prior, forward=matrix, likelihood=Gaussian(0.01), measurements=y))
    >>> solution.x.shape, sorted({status.name for status in solution.status})
    (torch.Size([3, 1, 4, 5]), ['EXPLAINED'])
    >>> solution.diagnosis.words[0].split(". ")[-1]
    'Explained to the noise level.'
    """
    if diagnose not in ("full", "quick", None):
        raise InputError(f'diagnose must be "full", "quick" or None, but it is {shown(diagnose)}')
    if monitor is not None:
        as_function(monitor, "monitor")
    seed = as_seed(seed)
    loaded = problem if isinstance(problem, Problem) else load_problem(_name(problem), seed=seed)
    solver = choose_solver(loaded, method, restarts=restarts)
    posed = (loaded if device is None else loaded.to(device)).private()
    check_size(posed, solver)
    _logger.info(
        "solving %d measurements of %s by %s, seed %d", posed.n_problems, posed.name, solver.name, seed
    )
    solution = replace(solver.solve(posed, seed=seed, monitor=monitor), measurements=posed.measurements)
    _logger.info("%r", solution)
    if diagnose is None:
        return solution
    solution = replace(solution, diagnosis=verdicts.diagnose(posed, solution, extent="quick", seed=seed))
    _logger.info("%r", solution.diagnosis)
    if diagnose == "quick" or solution.was_interrupted:
        return solution
    _logger.info("comparing with the reference images of prior %s", posed.prior.name)
    try:
        return compare_with_reference(posed, solution, seed=seed)
    except KeyboardInterrupt:
        _logger.warning("interrupted: not compared with the prior's reference images")
        return solution


def compare_with_reference(problem: Problem, solution: Solution, *, seed: int = 0) -> Solution:
    """Return a solution whose diagnosis compares the measurements with the prior's reference images.

    Parameters
    ----------
    problem
        What was solved.
    solution
        Its solution.
    seed
        Seed of the noise on the reference images, and of the searches.

    Raises
    ------
    KeyboardInterrupt
        The user stopped it.
    """
    return replace(solution, diagnosis=verdicts.diagnose(problem, solution, extent="full", seed=seed))


def _name(problem: object) -> str | Path:
    if not isinstance(problem, str | Path):
        raise InputError(f"problem must be a Problem, a name or a path, but it is {shown(problem)}")
    return problem


def choose_solver(
    problem: Problem, method: str | Solver | None = None, *, restarts: int | None = None
) -> Solver:
    """Return the solver that `solve` takes: the one given, or the problem's own with its settings.

    Raises
    ------
    UnknownNameError
        There is no solver of that name.
    InputError
        `restarts` is no whole number >= 1, or was given to a solver that has none or that is an object, or
        `method` is no solver.
    """
    if restarts is not None:
        restarts = as_count(restarts, "restarts")
    if method is not None and not isinstance(method, str):
        if isinstance(method, type) or not callable(getattr(method, "solve", None)):
            raise InputError(f"method must be a solver or the name of one, but it is {shown(method)}")
        if restarts is not None:
            raise InputError("give restarts to the solver itself, as in LevenbergMarquardt(restarts=5)")
        return method
    own = problem.solver
    name = own.name if method is None else method
    if restarts is None and name == own.name:
        restarts = own.restarts
    return make_solver(name, restarts=restarts)
