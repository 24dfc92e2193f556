"""What a solve would hold, estimated before it starts."""

from __future__ import annotations

from math import prod

from sciadv.arguments.memory import check_memory
from sciadv.problem import Problem

#: Copies of its latent, candidate and predictions that a search holds of each start.
_COPIES_CHUNK = 8
ADVICE = "lower the restarts, chains or draws, or solve fewer measurements at once"


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
    starts, n = n_starts(settings), problem.n_problems
    width = problem.prior.n_latent + prod(problem.forward.in_shape)
    row = _COPIES_CHUNK * (width + problem.n_measurements)
    if getattr(settings, "halve_at", ()):
        row += starts  # distances to the other starts of a measurement
    held = 1.0 * n * (starts * row + _draws(settings) * width) * problem.prior.dtype.itemsize
    check_memory(held, in_words(problem, settings), ADVICE, device=problem.prior.device)


def in_words(problem: Problem, settings: object) -> str:
    """Say how many starts and draws a solve has."""
    draws = _draws(settings)
    also = f" and {draws} draws" if draws > 1 else ""
    return f"{n_starts(settings)} starts{also} for each of {problem.n_problems} measurements"


def n_starts(settings: object) -> int:
    """Return the starts, or particles, of each measurement that settings ask for."""
    return prod(count_of(settings, name) for name in ("restarts", "population", "n_particles", "n_codes"))


def _draws(settings: object) -> int:
    plan = getattr(settings, "plan", None)
    return count_of(settings, "n_samples") * count_of(plan, "n_chains") * count_of(plan, "n_samples")


def count_of(settings: object, name: str) -> int:
    """Return a setting that is a whole number; 1 where there is none."""
    value = getattr(settings, name, None)
    return max(1, value) if isinstance(value, int) else 1
