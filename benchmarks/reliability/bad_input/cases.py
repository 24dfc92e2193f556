"""What a case is: one call that must be refused in a sentence, or accepted as it is documented."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

#: Called in an empty folder of its own, which is also its argument.
Run = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """One call with something wrong, or unusual, in it.

    Parameters
    ----------
    name
        The call in words: ``solve(restarts=-1)``.
    group
        The entry or the kind of file, for the table.
    run
        Makes the call in an empty folder.
    accepts
        What is to come out where the call is accepted; empty where it must be refused.
    holds
        Whether what came out is what `accepts` says; None where returning is enough.
    module
        The row of the bench that it is counted in.
    """

    name: str
    group: str
    run: Run
    accepts: str = ""
    holds: Callable[[Any], bool] | None = None
    module: str = ""


@dataclass(frozen=True)
class Value:
    """An argument's value to try.

    Parameters
    ----------
    words
        How the case's name shows it.
    make
        Makes the value.
    accepts
        What it is taken for where that is documented; empty where it must be refused.
    like
        Makes the plain value that must give the same result; None where there is none.
    """

    words: str
    make: Callable[[], Any]
    accepts: str = ""
    like: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Entry:
    """A call whose arguments are varied one at a time.

    Parameters
    ----------
    name
        The call's name in the cases.
    call
        The call, by keywords.
    good
        Makes keywords with which it works.
    digest
        Numbers by which two results are compared; None where they are not.
    """

    name: str
    call: Callable[..., Any]
    good: Callable[[], dict[str, Any]]
    digest: Callable[[Any], Any] | None = None

    def vary(self, tables: Mapping[str, Sequence[Value]]) -> Iterator[Case]:
        """Give a case for each argument and each of its values."""
        for argument, values in tables.items():
            for value in values:
                yield self._case(argument, value)

    def _case(self, argument: str, value: Value) -> Case:
        def run(folder: Path) -> object:  # the cases' signature
            return self.call(**{**self.good(), argument: value.make()})

        digest, like = self.digest, value.like
        holds = None
        if digest is not None and like is not None:

            def holds(result: Any) -> bool:
                plain = self.call(**{**self.good(), argument: like()})
                return bool(digest(plain) == digest(result))

        return Case(f"{self.name}({argument}={value.words})", self.name, run, value.accepts, holds)


def refused(**values: Any) -> list[Value]:
    """Return values that must be refused, by their words."""
    return [Value(words, partial(itself, value)) for words, value in values.items()]


def itself(value: Any) -> Any:
    """Return a value."""
    return value


def named(*pairs: tuple[str, Callable[[], Any]]) -> list[Value]:
    """Return values that must be refused, made when they are needed."""
    return [Value(words, make) for words, make in pairs]
