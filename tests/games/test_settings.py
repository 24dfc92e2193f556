"""The settings of a game's parts are checked where they are made, in Python as in files."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from sciadv.errors import InputError
from sciadv.games.penalties import Consistency
from sciadv.games.updates import Alternating, Lookahead
from sciadv.registry.checked import _taken_apart
from sciadv.registry.settings import parameters_of
from sciadv.trainings.game.game_parts import REGISTRIES, make_part

NO_NUMBERS = (math.nan, math.inf, "a", None, [1.0], True, 1j)


def settings(*kinds: type) -> list[tuple[str, str, str]]:
    """List the settings of all parts that are classes, of these types."""
    return [
        (what, name, key)
        for what, registries in REGISTRIES.items()
        for registry in registries
        for name in registry
        for key, one in parameters_of(registry[name]).items()
        if inspect.isclass(registry[name]) and _taken_apart(one.annotation)[0] in kinds
    ]


def made(what: str, name: str, **changed: object) -> object:
    """Make a part in Python, with what it needs."""
    part = next(registry[name] for registry in REGISTRIES[what] if name in registry)
    needed = {"capacity": 8} if name == "replay" else {}
    return part(**{**needed, **changed})


@pytest.mark.parametrize(("what", "name", "key"), settings(int, float))
def test_numbers_of_parts_are_finite_numbers(what, name, key):
    for bad in NO_NUMBERS:
        with pytest.raises(InputError):
            made(what, name, **{key: bad})


@pytest.mark.parametrize(("what", "name", "key"), settings(bool))
def test_flags_of_parts_are_flags(what, name, key):
    for bad in (1, "yes", None):
        with pytest.raises(InputError, match=f"{key} must be True or False"):
            made(what, name, **{key: bad})


def test_scalars_of_numpy_are_numbers_of_parts():
    update = Lookahead(k=np.int64(3), alpha=np.float32(0.5))
    assert (type(update.k), type(update.alpha)) == (int, float)


@pytest.mark.parametrize("inner", ["simultaneous", None, Alternating, 3])
def test_an_inner_update_is_an_update(inner):
    with pytest.raises(InputError, match="inner must be an Update"):
        Lookahead(inner=inner)


def test_the_augmentation_of_a_penalty_can_be_called():
    with pytest.raises(InputError, match="augment must be a function"):
        Consistency(augment="diffaugment")


@pytest.mark.parametrize("first", [2, "1", None, True, 0.5])
def test_the_first_player_is_one_of_two(first):
    assert Alternating(first=0).first == 0
    with pytest.raises(InputError, match="first must be one of 0, 1"):
        Alternating(first=first)


@pytest.mark.parametrize(
    ("what", "table"),
    [
        ("kernel", {"kind": "gaussian-mixture", "bandwidths": [1.0, 0.0]}),
        ("kernel", {"kind": "rational-quadratic", "alphas": [math.nan]}),
        ("optimizer", {"kind": "adam", "betas": [0.0, 1.0]}),
        ("optimizer", {"kind": "adam", "eps": -1.0}),
        ("optimizer", {"kind": "rmsprop", "alpha": 1.5}),
        ("augmentation", {"kind": "ada", "value_range": [1.0, 0.0]}),
        ("augmentation", {"kind": "diffaugment", "value_range": [0.0, 0.0]}),
    ],
)
def test_numbers_out_of_their_bounds_are_refused(what, table):
    with pytest.raises(InputError):
        make_part(what, table)
