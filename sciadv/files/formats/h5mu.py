"""``.h5mu`` files of several modalities (MuData), each of them an AnnData: one is read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sciadv.arguments.values import as_text
from sciadv.errors import InputError, UnknownNameError
from sciadv.files.formats.h5ad_rows import H5adRows
from sciadv.files.h5ad import check_h5ad
from sciadv.files.reading import opened, parsing

ADVICE = "Write one by mudata.write"


def one_modality(modalities: Mapping[str, Any], name: str | None, *, option: str) -> Any:
    """Return the modality of this name.

    Parameters
    ----------
    modalities
        By name.
    name
        Of one; None where a user gave none.
    option
        By what a user names it.

    Raises
    ------
    InputError
        There are some, but none was named.
    UnknownNameError
        There is no such modality.
    """
    names = [str(each) for each in modalities]
    if name is None:
        shown = ", ".join(map(repr, names))
        raise InputError(f"a MuData has several modalities ({shown}); say which one by {option}")
    if as_text(name, "modality") not in names:
        raise UnknownNameError("modality", name, names)
    return modalities[name]


@contextmanager
def open_modality(path: Path, name: str | None, *, is_read_whole: bool = False) -> Iterator[Any]:
    """Open an ``.h5mu`` file with the checks of `read_h5ad`, and yield the group of a modality.

    Raises
    ------
    InputError
        As `read_h5ad`; or the file has no modalities, or none is named.
    UnknownNameError
        There is no such modality.
    """
    with opened(path, advice="give an .h5mu file") as file:
        size = os.fstat(file.fileno()).st_size
    check_h5ad(path, size, is_read_whole=is_read_whole)
    import h5py

    with h5py.File(path, "r") as content:
        if not isinstance(content.get("mod"), h5py.Group):
            raise InputError(f"{path} has no modalities, which an .h5mu file has; leave --modality out")
        yield one_modality(content["mod"], name, option="--modality")


def read_h5mu(path: Path, name: str | None) -> Any:
    """Read a modality of an ``.h5mu`` file as an AnnData; raises as `open_modality`."""
    with open_modality(path, name, is_read_whole=True) as group, parsing(path, "an .h5mu file", ADVICE):
        from anndata.io import read_elem

        cells = read_elem(group)
        cells.obs = _obs_of(group)
        return cells


@contextmanager
def open_modality_rows(path: Path, name: str | None) -> Iterator[H5adRows]:
    """Open a modality whose matrix stays on the disk; raises as `open_modality`."""
    with open_modality(path, name) as group:
        from anndata.io import read_elem

        with parsing(path, "an .h5mu file", ADVICE):
            obs, var = _obs_of(group), read_elem(group["var"])
        yield H5adRows(path, group, obs, var)


def _obs_of(group: Any) -> Any:
    """Return what is known of a modality's cells, there and in the ``obs`` of the whole file."""
    from anndata.io import read_elem

    own, whole = read_elem(group["obs"]), read_elem(group.file["obs"])
    copies = tuple(f"{name}:" for name in group.file["mod"])
    further = [key for key in whole if key not in own and not str(key).startswith(copies)]
    return own.join(whole[further])
