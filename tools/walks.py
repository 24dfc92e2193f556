"""The walk of a value: through which hands it goes while a verb really runs, and whether it climbs.

A verb is run on a small problem, and the call stack is taken at the first call of the function in which the
value is used at last: measurements where the likelihood compares them with a prediction, the target where a
design is scored, the cells where the encoder sees them. A *hand* is a file of the package on that stack,
named once however often the stack comes back to it (a driver calls its solver's steps); a *climb* is a hand
on a higher floor than the one before.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType, FunctionType

from tools.modules import House


class _Found(BaseException):
    """Ends a run once the walk is known; a `BaseException` so that nothing on the way keeps it."""


@dataclass(frozen=True)
class Walk:
    """The files of the package on the stack where a value is used, the outermost first.

    Parameters
    ----------
    verb
        What was run.
    hands
        ``module: function, function`` of each file, in order.
    climbs
        How many of them are on a higher floor than the one before.
    """

    verb: str
    hands: tuple[str, ...]
    climbs: int


def walk(house: House, verb: str, run: Callable[[], object], end: FunctionType) -> Walk:
    """Run a verb until the function `end` is called first.

    Raises
    ------
    LookupError
        It was never called.
    """
    code = inspect.unwrap(end).__code__
    frames: list[tuple[str, str]] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frames:
            return
        if frame.f_code is code:
            frames.extend(_stack(house, frame))
            raise _Found

    sys.setprofile(watch)
    try:
        run()
    except _Found:
        pass
    finally:
        sys.setprofile(None)
    if not frames:
        raise LookupError(
            f"{verb} never called {end.__qualname__} of {end.__module__}; the walk has to end elsewhere"
        )
    return _walk_of(house, verb, frames)


def _stack(house: House, frame: FrameType | None) -> list[tuple[str, str]]:
    """Return module and function of the package's frames, the outermost first."""
    found: list[tuple[str, str]] = []
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in house.modules:
            found.append((module, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def _walk_of(house: House, verb: str, frames: list[tuple[str, str]]) -> Walk:
    functions: dict[str, list[str]] = {}
    for module, function in frames:
        functions.setdefault(module, []).append(function)
    floors = [house.floor(module) for module in functions]
    climbs = sum(above > below for below, above in pairwise(floors))
    hands = [f"{module.partition('.')[2]}: {', '.join(names)}" for module, names in functions.items()]
    return Walk(verb, tuple(hands), climbs)
