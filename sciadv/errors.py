"""The errors sciadv raises for bad input: each says what was wrong, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence


class SciadvError(Exception):
    """Base of every error that sciadv raises on purpose; the command line turns it into exit code 2."""


class InputError(SciadvError, ValueError):
    """A value that a caller gave cannot be used: wrong shape, NaN, a negative sigma, a broken file."""


class OutputError(InputError, OSError):
    """A result cannot be written (disk full, no permission); what was there before is as it was."""


class UnknownNameError(SciadvError, LookupError):
    """A name that no catalogue or registry has; `known` holds the names that there are.

    Parameters
    ----------
    what
        What was looked up, in words: ``"problem"``, ``"solver"``.
    name
        The name that was not found.
    known
        The names there are.
    """

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, sorted(known)
        super().__init__(
            f"no {what} is named {_short(name)}{did_you_mean(name, self.known)}; "
            f"there are: {listed(self.known)}"
        )


#: What a function of the caller's raises where it fails.
FOREIGN_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def listed(names: Sequence[str], *, most: int = 60) -> str:
    """Return names for a sentence: the first ones, and how many more there are.

    Examples
    --------
    >>> listed(["y", "truth"]), listed([])
    ('y, truth', 'none')
    """
    shown = [name if len(name) <= 200 else f"{name[:60]}..." for name in names[:most]]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(shown)}{more}" if shown else "none"


def shown_failure(error: BaseException) -> str:
    """Return what a failure of the caller's function says in one short line, with its kind."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:200]}".rstrip(": ")


def _short(name: str) -> str:
    """Return a name in quotes, without its middle where it is no name that anything could have."""
    shown = ascii(name)
    return shown if len(shown) <= 200 else f"{shown[:60]}...{shown[-20:]}"


class AdjointError(InputError):
    """An operator's adjoint fails the dot test; `ratio` is <A x, y> / <x, A* y>, 1 for a true adjoint."""

    def __init__(self, message: str, *, ratio: float) -> None:
        self.ratio = ratio
        super().__init__(message)


class GeneratorError(InputError, RuntimeError):
    """A generator or encoder fails while it runs."""


class MissingPackageError(InputError, ImportError):
    """A package that an extra installs is not there; the message names the extra."""


class WeightsError(SciadvError, ValueError):
    """A weights file is missing, truncated, corrupted or not the one its recipe describes."""


class SolveError(SciadvError, RuntimeError):
    """A search or a system of equations did not reach what was asked."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say which known names are near a misspelt one, as ``" (did you mean 'blur'?)"``, or nothing.

    Examples
    --------
    >>> did_you_mean("blurr", ["blur", "mask"])
    " (did you mean 'blur'?)"
    >>> did_you_mean("xyz", ["blur"])
    ''
    """
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(n) for n in near)}?)" if near else ""


def require_at_least(settings: object, least: Mapping[str, float]) -> None:
    """Check that attributes of an object are not below their bounds.

    Raises
    ------
    InputError
        One is; its name, its bound and its value are given.
    """
    for name, bound in least.items():
        if getattr(settings, name) < bound:
            raise InputError(f"{name} must be at least {bound}, but is {getattr(settings, name)}")
