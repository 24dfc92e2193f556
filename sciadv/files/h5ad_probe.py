"""Reads every part of an HDF5 file, in a process of its own that a broken file may crash or hang.

`sciadv.files.h5ad` runs it before it opens a file itself; it imports nothing of the package, to start soon.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

_READ_CHUNK = 2**24


def main(path: str, seconds: int, max_bytes: int) -> None:
    """Read attributes and numbers of every object; raise what HDF5 raises.

    Parameters
    ----------
    path
        The file.
    seconds
        Processor time after which the system ends this process.
    max_bytes
        Datasets of more bytes are not read: they are refused by their size.
    """
    import h5py

    _limit(seconds)
    with h5py.File(path, "r") as file:
        for item in _objects(file):
            for name in item.attrs:
                item.attrs[name]
            if isinstance(item, h5py.Dataset) and item.nbytes <= max_bytes:
                _read(item)


def _limit(seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _objects(root: Any) -> Iterator[Any]:
    """Go through groups and datasets, each once; links to other files are left alone."""
    import h5py

    seen: set[int] = set()
    waiting = [root]
    while waiting:
        group = waiting.pop()
        yield group
        if not isinstance(group, h5py.Group):
            continue
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                continue
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address not in seen:
                seen.add(address)
                waiting.append(item)


def _read(dataset: Any) -> None:
    if not dataset.shape:
        dataset[()]
        return
    n_rows = max(1, _READ_CHUNK // max(1, dataset.nbytes // max(1, dataset.shape[0])))
    for first in range(0, dataset.shape[0], n_rows):
        dataset[first : first + n_rows]


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    except Exception as error:  # noqa: BLE001  # whatever HDF5 raises is the answer
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}\n")
        sys.exit(1)
