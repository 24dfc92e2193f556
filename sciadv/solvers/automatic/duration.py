"""How long a solve would take, estimated before it starts."""

from __future__ import annotations

import torch

from sciadv.errors import InputError
from sciadv.problem import Problem
from sciadv.solvers.latent.progress import Stopwatch
from sciadv.solvers.size import ADVICE, check_held, count_of, in_words, n_starts

#: Starts that are timed together where one is quick.
_TIMED_CHUNK = 64
#: Fewer passes of generator and operator than this are not timed.
_FEW_CHUNK = 10**6


def check_size(problem: Problem, solver: object, *, longest_days: float = 30.0) -> None:
    """Check that a solve can fit into memory, and can end.

    Starts, particles and draws are read from the solver's settings (``restarts``, ``population``,
    ``n_particles``, ``n_codes``, ``n_samples``, ``plan``); solvers without them hold little.

    Parameters
    ----------
    problem
        What would be solved.
    solver
        By what.
    longest_days
        An estimate above this is refused [days].

    Raises
    ------
    InputError
        It would take more memory than the device has, or longer; the message says how much, and what to
        lower.
    """
    check_held(problem, solver)
    plan = getattr(solver, "plan", None)
    steps = max(count_of(solver, "n_iterations"), count_of(plan, "n_warmup") + count_of(plan, "n_samples"))
    passes = 1.0 * problem.n_problems * max(n_starts(solver), count_of(plan, "n_chains")) * steps
    if passes < _FEW_CHUNK:
        return
    days = passes * _seconds_a_start(problem) / 86400
    if days > longest_days:
        raise InputError(f"{in_words(problem, solver)} would take about {days:.0f} days; {ADVICE}")


def _seconds_a_start(problem: Problem) -> float:
    """Return the time of one candidate and its predictions, in a batch where that is quick."""
    seconds = _seconds(problem, 1)
    return seconds if seconds > 1e-2 else _seconds(problem, _TIMED_CHUNK) / _TIMED_CHUNK


def _seconds(problem: Problem, n: int) -> float:
    z = problem.prior.sample_latent(1, seed=0).expand(n, -1)
    clock = Stopwatch()
    with torch.no_grad():
        problem.forward(problem.prior(z).to(problem.forward.dtype)).abs().sum().item()
    return clock.seconds
