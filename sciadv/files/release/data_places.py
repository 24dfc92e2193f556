"""Where files lie that are no part of the package: under ``SCIADV_DATA``, in the cache, or at an address."""

from __future__ import annotations

import os
from pathlib import Path

from sciadv.errors import InputError, shown_failure
from sciadv.files.folders import cache_root


def data_places(path: str) -> list[Path]:
    """Return where a file or folder may lie: under ``SCIADV_DATA``, if that is set, before the cache.

    Parameters
    ----------
    path
        Its path below either of them.
    """
    given = os.environ.get("SCIADV_DATA")
    roots = [Path(given).expanduser()] if given else []
    return [root / path for root in (*roots, cache_root())]


def found_file(path: str) -> Path | None:
    """Return where a file lies, under ``SCIADV_DATA`` before the cache; None if in neither."""
    return next((place for place in data_places(path) if place.is_file()), None)


def retrieve(url: str, target: Path, *, path: str, sha256: str | None = None) -> Path:
    """Fetch a file from its address, and compare its hash where one is given.

    Parameters
    ----------
    url
        The address.
    target
        Where it goes; its folder is made if it is not there.
    path
        Its path below ``SCIADV_DATA``, for the message.
    sha256
        Of its bytes; None where what is in it is hashed on reading.

    Raises
    ------
    InputError
        It cannot be fetched, or is another file than expected.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    known = None if sha256 is None else f"sha256:{sha256}"
    try:
        pooch.retrieve(url, known_hash=known, fname=target.name, path=target.parent)
    except Exception as error:  # pooch passes on whatever its downloaders raise
        raise InputError(
            f"{path} is neither under SCIADV_DATA nor in the cache, and fetching {url} failed "
            f"({shown_failure(error)}); set SCIADV_DATA to a folder that has it"
        ) from error
    return target
