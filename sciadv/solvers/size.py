"""What a solve would hold and how long it would take, estimated before it starts."""

from __future__ import annotations

from math import prod

import torch

from sciadv.errors import InputError
from sciadv.memory import check_memory
from sciadv.problem import Problem
from sciadv.solvers.latent.progress import Stopwatch

#: Copies of its latent, candidate and predictions that a search holds of each start.
_COPIES_CHUNK = 8
#: Starts that are timed together where one is quick.
_TIMED_CHUNK = 64
#: Passes of generator and operator that are not worth a timing.
_FEW_CHUNK = 10**6
_ADVICE = "lower the restarts, chains or draws, or solve fewer measurements at once"


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
    steps = max(_count(solver, "n_iterations"), _count(plan, "n_warmup") + _count(plan, "n_samples"))
    passes = 1.0 * problem.n_problems * max(_starts(solver), _count(plan, "n_chains")) * steps
    if passes < _FEW_CHUNK:
        return
    days = passes * _seconds_a_start(problem) / 86400
    if days > longest_days:
        raise InputError(f"{_what(problem, solver)} would take about {days:.0f} days; {_ADVICE}")


def check_held(problem: Problem, settings: object) -> None:
    """Check that starts and draws of a search fit into memory.

    Parameters
    ----------
    problem
        What would be solved.
    settings
        A solver, or another holder of its settings.

    Raises
    ------
    InputError
        They do not.
    """
    starts, n = _starts(settings), problem.n_problems
    width = problem.prior.n_latent + prod(problem.forward.in_shape)
    row = _COPIES_CHUNK * (width + problem.n_measurements)
    if getattr(settings, "halve_at", ()):
        row += starts  # distances to the other starts of a measurement
    held = 1.0 * n * (starts * row + _draws(settings) * width) * problem.prior.dtype.itemsize
    check_memory(held, _what(problem, settings), _ADVICE, device=problem.prior.device)


def _what(problem: Problem, settings: object) -> str:
    draws = _draws(settings)
    also = f" and {draws} draws" if draws > 1 else ""
    return f"{_starts(settings)} starts{also} for each of {problem.n_problems} measurements"


def _starts(settings: object) -> int:
    return prod(_count(settings, name) for name in ("restarts", "population", "n_particles", "n_codes"))


def _draws(settings: object) -> int:
    plan = getattr(settings, "plan", None)
    return _count(settings, "n_samples") * _count(plan, "n_chains") * _count(plan, "n_samples")


def _count(settings: object, name: str) -> int:
    """Return a setting that is a whole number; 1 where there is none."""
    value = getattr(settings, name, None)
    return max(1, value) if isinstance(value, int) else 1


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
