"""Problems of property models that are a few lines of the user's own."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from sciadv.catalogue import untrained_prior
from sciadv.constraint import Constraint
from sciadv.designs.evaluated import usual_size
from sciadv.designs.wishes import Wish, read_wishes
from sciadv.errors import InputError
from sciadv.forward.design.scripted import ScriptedModel
from sciadv.likelihood import Tolerance
from sciadv.problem import Problem


def problem_of(source: Any, *, tolerance: float = 0.01) -> Problem:
    """Return the problem of designing with an object that has variables, properties and `predict`.

    Parameters
    ----------
    source
        See `ScriptedModel`; ``limits``, where it has them, are texts by property, such as
        ``{"stress": "<= 250 MPa"}``.
    tolerance
        Part of a target by which a hit may be off.

    Raises
    ------
    InputError
        Something about the source is missing or of another kind.
    UnknownNameError
        A limit is on a property that it does not have.
    """
    model = ScriptedModel(source)
    limits = getattr(source, "limits", {}) or {}
    prior = untrained_prior(model)
    size = partial(usual_size, model, prior)
    wishes = read_wishes(model, limits, tolerance=tolerance, name=model.name, size=size) if limits else ()
    middle = prior(torch.zeros(1, prior.n_latent, dtype=torch.float64))
    with torch.no_grad():
        known = _finite(model(middle))
        if not len(known):
            some = prior.sample_latent(min(256, model.n_library), seed=0)
            known = _finite(model(prior(some)))
    if not len(known):
        raise InputError(
            f"predict of {model.name} gives NaN or Inf in the middle of the bounds and for {len(some)} "
            f"random designs between them; look for divisions by 0, logarithms and roots of negative numbers"
        )
    constraints = [limit for wish in wishes for limit in _limits(model, wish)]
    likelihood = Tolerance(tolerance, is_relative=True)
    return Problem(
        prior,
        model,
        likelihood,
        known[:1],
        0.0,
        model.name,
        constraints=constraints,
    )


def _finite(predicted: Tensor) -> Tensor:
    return predicted[predicted.isfinite().all(1)]


def _limits(model: ScriptedModel, wish: Wish) -> list[Constraint]:
    """Return the constraints that keep a property within limits."""
    if wish.direction:
        raise InputError(f"a limit of {model.name} must have an end, such as <= 3, but it is: {wish}")
    only = model.with_properties((wish.name,))
    found = []
    if wish.high < float("inf"):
        name = f"{wish.name} at most {wish.high:.4g} {wish.unit}".rstrip()
        found.append(
            Constraint(
                name,
                only,
                wish.high,
                wish.unit,
                scale=abs(wish.high) or wish.size,
                on=wish.name,
            )
        )
    if wish.low > -float("inf"):
        name = f"{wish.name} at least {wish.low:.4g} {wish.unit}".rstrip()
        found.append(
            Constraint(
                name,
                -1.0 * only,
                -wish.low,
                wish.unit,
                scale=abs(wish.low) or wish.size,
            )
        )
    return found
