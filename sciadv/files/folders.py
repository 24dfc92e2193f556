"""Where the catalogues (problems, priors) lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Literal

from sciadv.errors import InputError, UnknownNameError

Catalogue = Literal["problems", "priors"]


def _checkout() -> Path:
    """Return the folder that holds the package: the root of a checkout."""
    return Path(str(files("sciadv"))).parent


def benchmarks_root() -> Path | None:
    """Return the folder to import `benchmarks` from; None where the package came as a wheel, without them."""
    root = _checkout()
    return root if (root / "benchmarks" / "__init__.py").is_file() else None


def catalogue_root(catalogue: Catalogue) -> Path:
    """Return the folder of a catalogue."""
    packaged = Path(str(files("sciadv"))) / "_catalogue"  # only in a wheel
    root = packaged if packaged.is_dir() else _checkout()
    return root / catalogue


def cache_root() -> Path:
    """Return the folder of what can be made again: ``SCIADV_CACHE``, else the user's cache folder."""
    given = os.environ.get("SCIADV_CACHE")
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("sciadv"))


def entry_names(catalogue: Catalogue) -> list[str]:
    """List the names of a catalogue's entries."""
    root = catalogue_root(catalogue)
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith((".", "_")))


def as_path(value: object, name: str = "path", *, what: str = "a path, as text or a pathlib.Path") -> Path:
    """Return a path that the user gave, with the home folder in it spelled out.

    Parameters
    ----------
    value
        What the caller gave.
    name
        The argument's name, for the message.
    what
        What it must be, for the message.

    Raises
    ------
    InputError
        It is neither text nor a path, empty, or no path of this system: too long, a loop of links, of a user
        whom the system does not know.

    Examples
    --------
    >>> as_path(None, "folder")
    Traceback (most recent call last):
    ...
    sciadv.errors.InputError: folder must be a path, as text or a pathlib.Path, but it is None
    """
    if not isinstance(value, str | Path) or str(value).strip() == "":
        raise InputError(f"{name} must be {what}, but it is {_shown(value)}")
    try:
        path = Path(value).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return path
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{_shown(str(value))} is no path of a file or folder: {why}") from error
    return path


def entry_path(name: object) -> Path:
    """Return the path that a catalogue's name or a path of the user's would be.

    Raises
    ------
    InputError
        As `as_path`.
    """
    return as_path(name, "name", what="a name or a path")


def _shown(value: object) -> str:
    from sciadv.arguments.values import shown  # with torch, which ``sciadv --help`` should not load

    return shown(value)


def find_entry(catalogue: Catalogue, name: str | Path) -> Path:
    """Return the folder of a catalogue's entry by its name, or of the user's own by its path.

    Anything with a path separator, a leading ``.`` or ``~``, or a ``.toml`` ending is a path, and so is what
    is no name of the catalogue but a folder that is there.

    Raises
    ------
    UnknownNameError
        The catalogue has no such entry.
    InputError
        The path does not exist.
    """
    path = entry_path(name)
    text = str(name)
    is_path = (
        isinstance(name, Path) or "/" in text or "\\" in text or text[:1] in ".~" or text.endswith(".toml")
    )
    if is_path or (text not in entry_names(catalogue) and path.is_dir()):
        if not path.exists():
            raise InputError(
                f"{path} does not exist; give a folder, its .toml file, or one of: "
                f"{', '.join(entry_names(catalogue))}"
            )
        return path.parent if path.is_file() else path
    if text not in entry_names(catalogue):
        raise UnknownNameError(catalogue.removesuffix("s"), text, entry_names(catalogue))
    return catalogue_root(catalogue) / text
