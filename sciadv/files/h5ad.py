"""``.h5ad`` files of cells: links, sizes and sparse indices are checked before anndata reads them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sciadv.errors import InputError, OutputError
from sciadv.files.arrays import MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO
from sciadv.files.reading import opened, parsing, reason, require_bytes
from sciadv.files.sparse import require_pointers, require_within
from sciadv.files.writing import write_file

MAX_NUMBERS_OF_OBJECTS = 100_000
#: Processor time that reading a file may take: so much, and more for a large file.
SECONDS_TO_PROBE, BYTES_A_SECOND_TO_PROBE = 8, 10_000_000
_SPARSE = {"csr_matrix": 0, "csc_matrix": 1}
ADVICE = "Write one by adata.write_h5ad"


def read_h5ad(path: Path) -> Any:
    """Read an ``.h5ad`` file.

    Raises
    ------
    InputError
        It is missing or broken, holds links to other files, would take too much memory, has sparse matrices
        whose indices point outside of them, or anndata is not installed.
    """
    with opened(path, advice="give an .h5ad file") as file:
        size = os.fstat(file.fileno()).st_size
    read = _reader()
    check_h5ad(path, size, is_read_whole=True)
    with parsing(path, "an .h5ad file", ADVICE):
        return read(path)


def check_h5ad(path: Path, size: int, *, is_read_whole: bool = False) -> None:
    """Check a file before anndata reads it, whole or in parts.

    Parameters
    ----------
    path
        The file.
    size
        Its size in bytes.
    is_read_whole
        Whether all of it has to fit into the memory.

    Raises
    ------
    InputError
        As `read_h5ad`.
    """
    _reader()
    with parsing(path, "an .h5ad file", ADVICE):
        import h5py

        _probe(path, size)
        with h5py.File(path, "r") as content:
            _check(path, content, size, is_read_whole=is_read_whole)


def _probe(path: Path, size: int) -> None:
    """Read the file in another process first: broken files make HDF5 wait for ever, or crash."""
    script = str(Path(__file__).with_name("h5ad_probe.py"))
    start = "import runpy, sys; sys.path[:] = [p for p in sys.path if p]; sys.argv.pop(0)"
    seconds = SECONDS_TO_PROBE + size // BYTES_A_SECOND_TO_PROBE
    limits = [str(seconds), str(_most_unpacked(size))]
    command = [sys.executable, "-c", f"{start}; runpy.run_path(sys.argv[0], run_name='__main__')"]
    try:
        done = subprocess.run(
            [*command, script, str(path.absolute()), *limits],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10 * seconds,  # the other process counts the time that it computes
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"HDF5 has not read it in {10 * seconds} s; it is damaged") from error
    if done.returncode < 0:
        raise ValueError("HDF5 crashes or does not end on it; it is damaged")
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines() or ["HDF5 cannot read it"]
        raise ValueError(words[-1])


def _most_unpacked(size: int) -> int:
    return MAX_UNPACKED_BYTES + MAX_UNPACKED_RATIO * size


def write_h5ad(adata: Any, path: Path) -> Path:
    """Write an ``.h5ad`` file, whole or not at all.

    It is made in memory: where a write of its own fails, HDF5 prints tracebacks long after.

    Raises
    ------
    OutputError
        It cannot be written; the old file is as it was.
    """
    import h5py
    from anndata.io import write_elem

    try:
        adata.strings_to_categoricals()
        with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
            write_elem(file, "/", adata)
            file.flush()
            image = file.id.get_file_image()
    except (RuntimeError, ValueError, TypeError) as error:  # what anndata says of values that no file holds
        raise OutputError(
            f"{path} cannot be written: {reason(error)}; what was there before is as it was"
        ) from error
    return write_file(path, image)


def _reader() -> Callable[[Path], Any]:
    try:
        from anndata import read_h5ad as read
    except ImportError as error:
        raise InputError(".h5ad files need anndata; pip install sciadv[omics]") from error
    found: Callable[[Path], Any] = read
    return found


def _check(path: Path, content: Any, size: int, *, is_read_whole: bool) -> None:
    """Check every object of an open file, without reading its numbers."""
    import h5py

    total = 0
    for name, item in _objects(path, content):
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise InputError(f"{path} takes {name} from other files, which are not read; copy it in")
            total += int(np.prod(item.shape or (), dtype=object)) * item.dtype.itemsize
            if is_read_whole:
                require_bytes(path, total)
        elif item.attrs.get("encoding-type") in _SPARSE:
            _check_sparse(path, item, _SPARSE[item.attrs["encoding-type"]])
    if total > _most_unpacked(size):
        raise InputError(f"{path} has {size} bytes but would unpack to {total}; write it without compression")


def _objects(path: Path, root: Any) -> Iterator[tuple[str, Any]]:
    """Go through groups and datasets, each once; links to other places are refused."""
    import h5py

    seen: set[int] = set()
    waiting = [root]
    while waiting:
        group = waiting.pop()
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise InputError(f"{path} has a link {group.name}/{key} to another place; copy it in")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_NUMBERS_OF_OBJECTS:
                raise InputError(f"{path} has more than {MAX_NUMBERS_OF_OBJECTS} parts. {ADVICE}")
            yield str(item.name), item
            if isinstance(item, h5py.Group):
                waiting.append(item)


def _check_sparse(path: Path, group: Any, axis: int, *, chunk: int = 2**24) -> None:
    """Check pointers and indices of a sparse matrix."""
    shape = [int(n) for n in group.attrs["shape"]]
    if len(shape) != 2 or min(shape) < 0:
        raise ValueError(f"{group.name} has the shape {shape}")
    if group["data"].shape != group["indices"].shape:
        raise ValueError(f"{group.name} has {group['indices'].shape} indices for {group['data'].shape} data")
    indices = group["indices"]
    n_minor = shape[1 - axis]
    require_pointers(path, group["indptr"][()], n_major=shape[axis], n_values=len(indices))
    for start in range(0, len(indices), chunk):
        require_within(path, "indices", indices[start : start + chunk], n_minor)
