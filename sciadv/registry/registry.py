"""The one registry: for each kind of part, the table from names in files to classes.

A part says its name itself: a class by an attribute, a function by the decorator `named`. A registry finds
the parts in the modules of its package, when it is first asked, and those that other installed packages
register by entry points. Adding a part is adding a file.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast

from sciadv.errors import InputError, UnknownNameError

PartType = TypeVar("PartType")
FunctionType = TypeVar("FunctionType", bound=Callable[..., object])
#: Returns the names that a part has in files; none for what is no part.
NamesOf = Callable[[object], tuple[str, ...]]


def named(kind: str) -> Callable[[FunctionType], FunctionType]:
    """Give a function that makes a part the part's name in files.

    Examples
    --------
    >>> @named("unit")
    ... def unit_noise() -> float:
    ...     return 1.0
    >>> by_attribute("kind")(unit_noise)
    ('unit',)
    """

    def name(function: FunctionType) -> FunctionType:
        vars(function)["kind"] = kind
        return function

    return name


def by_attribute(attribute: str) -> NamesOf:
    """Return the reader of names that are an attribute of the part itself, not of a base class."""

    def names(part: object) -> tuple[str, ...]:
        name = getattr(part, "__dict__", {}).get(attribute)
        return (name,) if isinstance(name, str) else ()

    return names


_kind = by_attribute("kind")


class Registry(Mapping[str, PartType]):
    """The parts of one kind by their names in files, sorted by name.

    Parameters
    ----------
    what
        What its parts are, for messages: ``"solver"``.
    package
        Package whose modules hold the parts.
    names
        Reads the names of a part.
    group
        Group of the entry points by which other packages register theirs, the package's name if left out; a
        name of our own comes first.

    Raises
    ------
    InputError
        Two parts of the package have one name.

    Examples
    --------
    >>> registry = Registry("forward operator", "sciadv.forward")
    >>> registry["blur"]
    <class 'sciadv.forward.imaging.blur.Blur'>
    """

    def __init__(self, what: str, package: str, *, names: NamesOf = _kind, group: str | None = None) -> None:
        self.what = what
        self.package = package
        self.group = package if group is None else group
        self._names = names
        self._found: dict[str, PartType] | None = None

    @property
    def own(self) -> Mapping[str, PartType]:
        """The parts of the package itself; its modules are imported when this is first read."""
        if self._found is None:
            self._found = self._discover()
        return self._found

    @property
    def plugins(self) -> Mapping[str, EntryPoint]:
        """The entry points of other packages, not loaded."""
        points = entry_points(group=self.group)
        return {point.name: point for point in points if point.name not in self.own}

    def find(self, name: str) -> PartType:
        """Return the part of a name.

        Raises
        ------
        UnknownNameError
            There is none; the message lists those there are.
        InputError
            Another package registers it, but it cannot be imported.
        """
        if name not in self:
            raise UnknownNameError(self.what, name, self)
        return self[name]

    def __getitem__(self, name: str) -> PartType:
        """Return the part of a name; `KeyError` where there is none, `find` for a sentence."""
        if name in self.own:
            return self.own[name]
        point = self.plugins[name]
        try:
            return cast(PartType, point.load())
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the {self.what} {name!r} of another package cannot be imported: {error}"
            ) from error

    def __contains__(self, name: object) -> bool:
        """Say whether there is a part of this name, without loading it."""
        return name in self.own or name in self.plugins

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, sorted."""
        return iter(sorted({*self.own, *self.plugins}))

    def __len__(self) -> int:
        """Count the names."""
        return len(self.own) + len(self.plugins)

    def _discover(self) -> dict[str, PartType]:
        found: dict[str, Any] = {}
        for name, part in self._parts():
            if found.setdefault(name, part) is not part:
                raise InputError(f"two {self.what}s have the name {name!r}: {found[name]} and {part}")
        return found

    def _parts(self) -> Iterator[tuple[str, Any]]:
        """Go through the parts that the package's modules define, with their names."""
        package = import_module(self.package)
        for info in pkgutil.walk_packages(package.__path__, f"{self.package}."):
            module = import_module(info.name)
            for part in vars(module).values():
                if getattr(part, "__module__", None) == module.__name__:
                    yield from ((name, part) for name in self._names(part))
