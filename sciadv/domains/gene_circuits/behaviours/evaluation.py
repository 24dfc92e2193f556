"""The behaviour test of circuits: what they show, what is measured, and whether both meet the targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sciadv.domains.gene_circuits.behaviours.behaviour import (
    BEHAVIOURS,
    Behaviour,
    Measured,
    OwnBehaviour,
)
from sciadv.domains.gene_circuits.behaviours.robustness import Robustness, share_of_fresh
from sciadv.domains.gene_circuits.behaviours.targets import Target, read_targets
from sciadv.errors import InputError
from sciadv.physics.regulation.circuit_model import CircuitModel
from sciadv.physics.regulation.kinetics import unpack

#: A name, a test with settings of one's own, or a function of times and levels.
AnyBehaviour = str | Behaviour | Callable[[Tensor, Tensor], Tensor]


def behaviour_of(behaviour: object, model: CircuitModel | None = None) -> Behaviour:
    """Return the test of a behaviour, of circuits in a model if one is given.

    Raises
    ------
    UnknownNameError
        There is no behaviour of this name.
    InputError
        It is neither a name, nor a behaviour, nor a function.

    Examples
    --------
    >>> behaviour_of("oscillation").least_amplitude
    0.05
    """
    if model is not None:
        return in_model(behaviour_of(behaviour), model)
    if isinstance(behaviour, str):
        return BEHAVIOURS.find(behaviour)()
    if isinstance(behaviour, Behaviour):
        return behaviour
    if not callable(behaviour):
        raise InputError(
            f"behaviour must be one of {', '.join(BEHAVIOURS)}, a test, or a function of times and levels, "
            f"but it is {behaviour!r}"
        )
    return OwnBehaviour(behaviour)


def in_model(behaviour: Behaviour, model: CircuitModel) -> Behaviour:
    """Return the test of a behaviour of circuits in a model.

    Its times are stretched by how much slower the model's genes are than RACIPE's (`CircuitModel.slowness`).

    Raises
    ------
    InputError
        The behaviour has no setting that is a model.

    Examples
    --------
    >>> in_model(behaviour_of("stability"), CircuitModel(logic="and")).model.logic
    'and'
    """
    moved, has_model = _in_model(behaviour, model)
    if not has_model:
        what = type(behaviour).__name__
        raise InputError(f"{what} has no field `model`; add one, and unpack circuits by it")
    found: Behaviour = moved
    return found


def _in_model(settings: Any, model: CircuitModel) -> tuple[Any, bool]:
    """Return settings with their models and times, those of their settings too; and whether there was one."""
    if not is_dataclass(settings) or isinstance(settings, type):
        return settings, False
    changes: dict[str, Any] = {}
    has_model = False
    for one in fields(settings):
        value = getattr(settings, one.name)
        if one.name == "model":
            changes[one.name] = model
            has_model = True
        elif one.name == "t_end":
            changes[one.name] = value * model.slowness
        elif one.name == "times":
            changes[one.name] = tuple(time * model.slowness for time in value)
        else:
            changes[one.name], is_there = _in_model(value, model)
            has_model = has_model or is_there
    return replace(settings, **changes), has_model


@torch.no_grad()
def measure(
    x: Float[Tensor, "batch 7 genes genes"],
    behaviour: AnyBehaviour,
) -> Measured:
    """Return what is measured of circuits for a behaviour, with their ``genes`` and ``edges``.

    Examples
    --------
    >>> from sciadv.physics.regulation.kinetics import circuits_of
    >>> ring = circuits_of(-torch.eye(3).roll(1, 1)[None], places=0.5)
    >>> found = measure(ring, "oscillation")
    >>> bool(found["period"] > 4), int(found["edges"])
    (True, 3)
    """
    sizes = {
        "genes": unpack(x).n_genes.to(x.dtype),
        "edges": x[:, 0].sign().abs().sum((1, 2)),
    }
    return sizes | behaviour_of(behaviour).measure(x)


def shows(
    x: Float[Tensor, "batch 7 genes genes"],
    behaviour: AnyBehaviour,
    *,
    targets: Mapping[str, object] | None = None,
) -> Bool[Tensor, " batch"]:
    """Whether circuits show a behaviour by their trajectories, and meet the targets on what is measured.

    Parameters
    ----------
    x
        Circuits.
    behaviour
        A name of `BEHAVIOURS`, a test, or a function of times and levels.
    targets
        See `read_targets`.

    Raises
    ------
    UnknownNameError
        There is no such behaviour, or it has no number of a target's name.
    InputError
        A target cannot be read.
    """
    test = behaviour_of(behaviour)
    return meets(measure(x, test), test, read_targets(targets or {}))


def meets(
    measured: Measured,
    behaviour: Behaviour,
    targets: tuple[Target, ...],
) -> Bool[Tensor, " batch"]:
    """Whether what was measured shows the behaviour within all targets.

    Raises
    ------
    UnknownNameError
        A target's number is not measured.
    """
    shown = behaviour.shown(measured)
    for target in targets:
        shown = shown & target.holds(measured)
    return shown


def robustness(
    x: Float[Tensor, "batch 7 genes genes"],
    behaviour: AnyBehaviour,
    *,
    targets: Mapping[str, object] | None = None,
    n_sets: int = 64,
    spread: float = 0.2,
    seed: int = 1000,
) -> Robustness:
    """Measure in which share of fresh parameter sets circuits show a behaviour, by the coarser test.

    Parameters
    ----------
    x
        Circuits.
    behaviour, targets
        As for `shows`.
    n_sets, spread, seed
        As for `fresh`.

    Raises
    ------
    UnknownNameError
        There is no such behaviour, or it has no number of a target's name.
    """
    test = behaviour_of(behaviour).coarser()
    wanted = read_targets(targets or {})
    return share_of_fresh(
        x,
        lambda many: meets(measure(many, test), test, wanted),
        n_sets=n_sets,
        spread=spread,
        seed=seed,
    )


def shown_in_words(shown: Bool[Tensor, " batch"], behaviour: str) -> str:
    """Say how many circuits show a behaviour.

    Examples
    --------
    >>> shown_in_words(torch.tensor([False, False]), "adaptation")
    'no circuit of 2 tried shows adaptation; try more circuits, more genes, or wider targets'
    """
    n = len(shown)
    if not bool(shown.any()):
        return f"no circuit of {n} tried shows {behaviour}; try more circuits, more genes, or wider targets"
    return f"{int(shown.sum())} of {n} circuits show {behaviour}"
