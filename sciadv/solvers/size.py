"""What a solve would hold, estimated before it starts."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from sciadv.arguments.memory import check_memory
from sciadv.prior import Prior
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


def rows_at_once(problem: Problem, n_bytes: int, *, copies: float = 4.0) -> int:
    """Return how many rows of a search take about so much memory, at least one.

    Parameters
    ----------
    problem
        Its prior and operator.
    n_bytes
        The memory.
    copies
        Of latents, candidates and predictions of a row: values, gradients and what is between. Beside them a
        row takes twice what `kept_bytes` says.
    """
    prior = problem.prior
    numbers = prior.n_latent + prod(problem.forward.in_shape) + problem.n_measurements
    row = 2 * kept_bytes(prior) + copies * numbers * prior.dtype.itemsize
    return max(1, int(n_bytes / row))


def kept_bytes(prior: Prior) -> int:
    """Return what a generator keeps of one candidate for its gradient [bytes]: it is run once."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.enable_grad(), saved_tensors_hooks(note, lambda tensor: tensor):
        prior(prior.sample_latent(1, seed=0).requires_grad_(True))
    own = {parameter.data_ptr() for parameter in prior.generator.parameters()}
    return sum(size for place, size in kept.items() if place not in own)
