"""The conformance suite of designers: whatever designs for a problem can be checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from sciadv.candidate_set import RESULTS, CandidateSet
from sciadv.errors import SciadvError
from sciadv.problem import Problem
from sciadv.testing.promise import require
from sciadv.verbs.design import Designer

#: Predicted values of candidates, by name, from a model that shares no code with the search.
Model = Callable[[Tensor], Mapping[str, Tensor]]


def check_designer(
    designer: Designer,
    problem: Problem,
    target: Mapping[str, object],
    *,
    bad_targets: Mapping[str, Mapping[str, object]],
    model: Model | None = None,
    n: int = 3,
    tolerance: float = 1e-6,
) -> CandidateSet:
    """Check that a designer keeps the promises that all designers make.

    As many designs as asked for; the same for a seed, others for another one; finite candidates, hits and
    feasibility that agree with the margins and with a model of the caller's; bad targets refused in a
    sentence; a search that is interrupted keeps what it has found; everything that is reported is there, and
    is written.

    Parameters
    ----------
    designer
        What to check.
    problem
        A problem that it designs for.
    target
        What to ask for; empty where the problem itself is the target.
    bad_targets
        Targets that have to be refused, by a word that the refusal has.
    model
        Predicts the values of candidates anew; the reported ones have to agree.
    n
        How many designs to ask for.
    tolerance
        Largest relative difference of a value from the model's.

    Returns
    -------
    CandidateSet
        The designs of seed 0.

    Raises
    ------
    AssertionError
        A promise is broken; the message says which.
    """
    found = designer(problem, target, n, seed=0)
    _check_set(found, problem, n)
    again = designer(problem, target, n, seed=0)
    other = designer(problem, target, n, seed=1)
    require(torch.equal(found.x, again.x), "the same seed gave other designs")
    require(found.messages == again.messages, "the same seed gave other messages")
    require(not torch.equal(found.x, other.x), "another seed gave the same designs")
    if model is not None:
        _check_values(found, model, tolerance)
    for word, bad in bad_targets.items():
        _check_refused(designer, problem, bad, word)
    _check_interrupted(designer, problem, target, n)
    _check_written(found)
    require(
        0 < designer.memory(problem, n) < designer.memory(problem, 1000 * n), "memory does not grow with n"
    )
    return found


def _check_set(found: CandidateSet, problem: Problem, n: int) -> None:
    """Check shapes, finiteness, feasibility and what is reported."""
    require(len(found) == n, f"{n} designs were asked for, but there are {len(found)}")
    expected = tuple(problem.forward.in_shape)
    require(tuple(found.x.shape[1:]) == expected, f"x has shape {tuple(found.x.shape)}, not (n, {expected})")
    require(bool(found.x.isfinite().all()), "a design is not finite")
    require(found.margins.shape[1] == len(problem.constraints), "there is not one margin per constraint")
    require(
        torch.equal(found.feasible, (found.margins >= 0).all(1)), "feasible is not where every margin is >= 0"
    )
    require(len(found.messages) > 0 and len(found.table) == n, "messages or rows of the table are missing")
    require("settings" in found.facts, "the facts do not hold the settings")
    if found.reason:
        require(not bool(found.hit.any()), "a target that cannot be reached is hit")


def _check_values(found: CandidateSet, model: Model, tolerance: float) -> None:
    """Check that the values are those of an independent model."""
    for name, theirs in model(found.x).items():
        require(name in found.values, f"{name} is not among the values")
        ours = found.values[name].double()
        error = float(((ours - theirs.double()) / theirs.double().abs().clamp_min(1e-300)).abs().max())
        require(error <= tolerance, f"{name} differs from the model's by {error:.1e} of its size")


def _check_refused(designer: Designer, problem: Problem, bad: Mapping[str, object], word: str) -> None:
    try:
        designer(problem, bad, 1, seed=0)
    except SciadvError as error:
        require(word in str(error), f"the refusal of {dict(bad)} does not say {word!r}: {error}")
        return
    raise AssertionError(f"the target {dict(bad)} was not refused")


def _check_interrupted(designer: Designer, problem: Problem, target: Mapping[str, object], n: int) -> None:
    """Check that a Ctrl-C in the first iteration ends in a set that says so."""

    def stop(progress: object) -> None:  # noqa: ARG001  # a monitor takes one
        raise KeyboardInterrupt

    found = designer(problem, target, n, seed=0, monitor=stop)
    is_done = found.n_good == n  # all were found in the first iteration: nothing was interrupted
    require(found.was_interrupted or is_done, "an interrupted search does not say so")
    require(len(found) == n and bool(found.x.isfinite().all()), "an interrupted search lost its designs")
    is_said = "interrupted" in " ".join(found.messages)
    require(is_said == found.was_interrupted, "the messages do not say whether the search was interrupted")


def _check_written(found: CandidateSet) -> None:
    """Check that the promised files are written, with finite margins in the table."""
    with TemporaryDirectory() as folder:
        written = {path.name for path in found.save(folder).iterdir()}
    missing = {*RESULTS, *found.files} - written
    require(not missing, f"not written: {', '.join(sorted(missing))}")
    numbers = [value for row in found.table for value in row.values() if isinstance(value, float)]
    require(all(math.isfinite(value) for value in numbers), "the table holds NaN or Inf")
