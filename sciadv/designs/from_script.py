"""Problems of property models that are a few lines of the user's own."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

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
    with torch.no_grad():
        middle = model(prior(torch.zeros(1, len(model.variables), dtype=torch.float64)))
    if not bool(middle.isfinite().all()):
        raise InputError(f"predict of {model.name} gives NaN or Inf in the middle of the bounds")
    constraints = [limit for wish in wishes for limit in _limits(model, wish, tolerance)]
    likelihood = Tolerance(tolerance, is_relative=True)
    return Problem(
        prior,
        model,
        likelihood,
        middle,
        0.0,
        model.name,
        constraints=constraints,
    )


def _limits(model: ScriptedModel, wish: Wish, tolerance: float) -> list[Constraint]:
    """Return the constraints that keep a property within limits."""
    if wish.direction:
        raise InputError(f"a limit of {model.name} must have an end, such as <= 3, but it is: {wish}")
    only = model.with_properties((wish.name,))
    zero = wish.scale / tolerance  # what counts as 1 where the limit is 0
    found = []
    if wish.high < float("inf"):
        name = f"{wish.name} at most {wish.high:.4g} {wish.unit}".rstrip()
        found.append(
            Constraint(
                name,
                only,
                wish.high,
                wish.unit,
                scale=abs(wish.high) or zero,
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
                scale=abs(wish.low) or zero,
            )
        )
    return found
