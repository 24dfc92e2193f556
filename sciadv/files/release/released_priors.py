"""The files of the priors: in a checkout all are there; a wheel has a few, the release has the others.

``priors/files.toml`` states bytes and sha256 of each, and the release's address; `tools.prior_files` writes
it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from sciadv.errors import InputError, UnknownNameError, WeightsError
from sciadv.files.cards import CARD, CLASSIFIER
from sciadv.files.folders import cache_root, catalogue_root, entry_names, find_entry
from sciadv.files.publishing import lock_folder
from sciadv.files.reading import file_sha256, read_bytes, read_text
from sciadv.files.release.data_places import data_places, retrieve
from sciadv.files.texts import parse_toml
from sciadv.files.writing import write_file

TABLE, PICTURE = "files.toml", "samples.png"


@dataclass(frozen=True)
class PriorFile:
    """A file of a prior.

    Parameters
    ----------
    prior, name
        Of the prior, and of the file.
    n_bytes
        Its size.
    sha256
        Of its bytes.
    """

    prior: str
    name: str
    n_bytes: int
    sha256: str

    @property
    def path(self) -> str:
        """Where it lies below ``SCIADV_DATA`` and the cache."""
        return f"priors/{self.prior}/{self.name}"

    @property
    def asset(self) -> str:
        """Its name in the release, whose files lie in one folder."""
        return f"{self.prior}.{self.name}"


def prior_files(name: str) -> list[PriorFile]:
    """Return the files of a prior of the catalogue; none if the table does not have it."""
    table = _table().get("files")
    assert isinstance(table, dict)  # as `tools.prior_files` writes it
    files = table.get(name, {})
    return [PriorFile(name, file, facts["bytes"], facts["sha256"]) for file, facts in files.items()]


def megabytes(files: Iterable[PriorFile]) -> str:
    """Return the size of files for a sentence.

    Examples
    --------
    >>> megabytes([PriorFile("mnist", "weights.safetensors", 6_804_420, "")])
    '6.8 MB'
    """
    return f"{sum(file.n_bytes for file in files) / 1e6:.1f} MB"


def release_address() -> str:
    """Return where the release's files lie, an address or a folder: ``SCIADV_RELEASE``, or the table's.

    Raises
    ------
    InputError
        Neither names one.
    """
    address = os.environ.get("SCIADV_RELEASE") or str(_table().get("address", ""))
    if not address:
        raise InputError(
            "this build of sciadv names no release to fetch from: set SCIADV_RELEASE to the address of a "
            "release's files or to a folder that has them, or SCIADV_DATA to a folder with priors/NAME"
        )
    return address


def whole_prior(name: str | Path, *, also: Collection[str] = ()) -> Path:
    """Return the folder that a prior is loaded from: of the catalogue, ``SCIADV_DATA`` or the cache.

    Parameters
    ----------
    name
        A prior of the catalogue, or a folder, which is returned as it is.
    also
        Files that are wanted beside those that every use reads.

    Raises
    ------
    UnknownNameError
        The catalogue has no such prior.
    InputError
        The path does not exist.
    WeightsError
        The prior is in none of the folders.
    """
    folder = find_entry("priors", name)
    place = _place(folder, also)
    if place is None:
        raise WeightsError(_missing(folder.name))
    return place


def absence(folder: Path) -> str:
    """Return the sentence that the prior of a folder of the catalogue is not there; nothing where it is."""
    return "" if _place(folder, ()) is not None else _missing(folder.name)


def _place(folder: Path, also: Collection[str]) -> Path | None:
    """Return where the files of a prior lie, of which the catalogue has the card."""
    if folder.parent != catalogue_root("priors"):
        return folder
    unread = {PICTURE, CLASSIFIER}.difference(also)
    wanted = [file for file in prior_files(folder.name) if file.name not in unread]
    if all((folder / file.name).is_file() for file in wanted):
        return folder
    places = data_places(f"priors/{folder.name}")
    return next((place for place in places if _is_that_prior(place, wanted)), None)


def _missing(name: str) -> str:
    return (
        f"the prior {name!r} is not part of this installation: fetch its {megabytes(prior_files(name))} by "
        f"`sciadv fetch {name}`, or set SCIADV_DATA to a folder that has priors/{name}"
    )


def fetch_prior(name: str, *, out: Path | None = None) -> Path:
    """Bring every file of a prior into one folder, and compare its hash; what is there already stays.

    A file is taken from the package, ``SCIADV_DATA`` or the cache where it lies there, else from the release.

    Parameters
    ----------
    name
        A prior of the catalogue.
    out
        A folder that ``SCIADV_DATA`` is to name; the cache if left out.

    Returns
    -------
    The prior's folder.

    Raises
    ------
    UnknownNameError
        The catalogue has no such prior.
    InputError
        A file cannot be fetched, or is another one than expected.
    OutputError
        A file cannot be written.
    """
    files = prior_files(name)
    if not files:
        raise UnknownNameError("prior", name, entry_names("priors"))
    folder = catalogue_root("priors") / name
    if out is None and all((folder / file.name).is_file() for file in files):
        return folder
    target = (cache_root() if out is None else out) / "priors" / name
    with lock_folder(target, seconds=10.0):
        for file in files:
            _bring(file, target / file.name, folder)
    return target


def _bring(file: PriorFile, target: Path, packaged: Path) -> None:
    """Put one file in its place, from where it is found first."""
    if _is_that_file(target, file):
        return
    for place in (packaged / file.name, *data_places(file.path)):
        if _is_that_file(place, file):
            write_file(target, read_bytes(place, advice="fetch it again"))
            return
    address = release_address()
    if "://" in address:
        retrieve(f"{address.rstrip('/')}/{file.asset}", target, path=file.path, sha256=file.sha256)
        return
    content = read_bytes(
        Path(address).expanduser() / file.asset, advice="set SCIADV_RELEASE to another folder"
    )
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise InputError(f"{address}/{file.asset} is not the file expected (its sha256 differs)")
    write_file(target, content)


def _table() -> dict[str, object]:
    path = catalogue_root("priors") / TABLE
    return parse_toml(read_text(path), file=str(path)) if path.is_file() else {"files": {}}


def _is_that_prior(folder: Path, files: Collection[PriorFile]) -> bool:
    """Whether a folder has the files in their sizes and the card, which states what the others hash to."""
    has_all = all(_has_size(folder / file.name, file) for file in files)
    return has_all and all(_is_that_file(folder / CARD, file) for file in files if file.name == CARD)


def _has_size(path: Path, file: PriorFile) -> bool:
    return path.is_file() and path.stat().st_size == file.n_bytes


def _is_that_file(path: Path, file: PriorFile) -> bool:
    return _has_size(path, file) and file_sha256(path) == file.sha256
