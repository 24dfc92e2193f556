"""Large ``.h5ad`` files, some cells at a time: read in parts, and given what was computed of each part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.errors import OutputError, UnknownNameError
from sciadv.files.h5ad import ADVICE, check_h5ad
from sciadv.files.reading import opened, parsing, reason


@final
@dataclass(frozen=True, eq=False)
class H5adRows:
    """The cells of an open file.

    Parameters
    ----------
    path
        The file.
    content
        It, open.
    obs
        What is known of the cells.
    var
        What is known of the genes.
    """

    path: Path
    content: Any
    obs: Any
    var: Any

    @property
    def n_cells(self) -> int:
        """How many cells."""
        return len(self.obs)

    def read(self, rows: slice | NDArray[np.int64], *, layer: str | None = None) -> Any:
        """Return some cells as an AnnData whose ``X`` is that of the file, or a layer.

        Raises
        ------
        UnknownNameError
            There is no such layer.
        """
        from anndata import AnnData
        from anndata.io import sparse_dataset

        layers = self.content.get("layers", {})
        if layer is not None and layer not in layers:
            raise UnknownNameError("layer", layer, sorted(layers))
        found = self.content["X"] if layer is None else layers[layer]
        matrix = sparse_dataset(found) if hasattr(found, "keys") else found
        with parsing(self.path, "an .h5ad file", ADVICE):
            return AnnData(matrix[rows], obs=self.obs.iloc[rows].copy(), var=self.var.copy())

    def parts(self, n: int, *, layer: str | None = None) -> Iterator[Any]:
        """Go through all cells, `n` at a time."""
        for start in range(0, self.n_cells, n):
            yield self.read(slice(start, min(start + n, self.n_cells)), layer=layer)

    def sampled(self, rows: NDArray[np.int64] | None, *, layer: str | None = None, n: int = 20_000) -> Any:
        """Return the cells of these places, which rise, or all; `n` of the file are read at once."""
        from anndata import concat

        if rows is None:
            return self.read(slice(None), layer=layer)
        parts = []
        for start in range(0, self.n_cells, n):
            own = rows[(rows >= start) & (rows < start + n)] - start
            if len(own):
                parts.append(self.read(slice(start, min(start + n, self.n_cells)), layer=layer)[own].copy())
        joined = concat(parts)
        joined.obs = self.obs.iloc[rows].copy()
        return joined


@contextmanager
def open_rows(path: Path) -> Iterator[H5adRows]:
    """Open an ``.h5ad`` file whose matrix stays on the disk, with the checks of `read_h5ad`.

    Raises
    ------
    InputError
        As `read_h5ad`.
    """
    with opened(path, advice="give an .h5ad file") as file:
        size = os.fstat(file.fileno()).st_size
    check_h5ad(path, size)
    import h5py
    from anndata.io import read_elem

    with h5py.File(path, "r") as content:
        with parsing(path, "an .h5ad file", ADVICE):
            obs, var = read_elem(content["obs"]), read_elem(content["var"])
        yield H5adRows(path, content, obs, var)


def write_with(
    rows: H5adRows,
    out: Path,
    parts: Iterator[tuple[NDArray[np.float32], NDArray[np.float32] | None]],
    *,
    embedding: str,
    layer: str,
    uns: dict[str, Any],
) -> None:
    """Write a copy of a file with an embedding of its cells, and a layer, that come in parts.

    Parameters
    ----------
    rows
        The file.
    out
        The new one.
    parts
        ``(cells, n)`` of the embedding and ``(cells, genes)`` of the layer, or no layer, for all cells in
        order. A layer of which most is 0 in the first part is written as a sparse matrix.
    embedding, layer, uns
        Their names, and what is written into ``uns``, by name.

    Raises
    ------
    OutputError
        The disk is full, or it cannot be written.
    """
    import h5py
    from anndata.io import write_elem

    try:
        with h5py.File(out, "w") as file:
            for key in rows.content:
                rows.content.copy(key, file)
            for name, value in rows.content.attrs.items():
                file.attrs[name] = value
            for key, value in uns.items():
                _replaced(file, "uns", key)
                write_elem(file, f"uns/{key}", value)
            _write_parts(file, rows, parts, embedding, layer)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{out} cannot be written: {reason(error)}") from error


def _replaced(file: Any, folder: str, name: str) -> Any:
    """Return a folder of the file without the entry of this name."""
    if folder not in file:
        made = file.create_group(folder)
        made.attrs["encoding-type"] = "dict"
        made.attrs["encoding-version"] = "0.1.0"
    if name in file[folder]:
        del file[folder][name]
    return file[folder]


def _write_parts(file: Any, rows: H5adRows, parts: Any, embedding: str, layer: str) -> None:
    n_cells, n_genes = rows.n_cells, len(rows.var)
    codes: Any = None
    grown: GrownMatrix | None = None
    place = 0
    for code, corrected in parts:
        if codes is None:
            codes = _replaced(file, "obsm", embedding).create_dataset(
                embedding, (n_cells, code.shape[1]), np.float32, chunks=True
            )
            codes.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            if corrected is not None:
                layers = _replaced(file, "layers", layer)
                is_sparse = bool((corrected == 0).mean() > 0.5)
                grown = GrownMatrix(layers, layer, (n_cells, n_genes), is_sparse=is_sparse)
        codes[place : place + len(code)] = code
        if grown is not None and corrected is not None:
            grown.add(corrected)
        place += len(code)
    if grown is not None:
        grown.finish()


@final
class GrownMatrix:
    """A matrix of a file that gets rows one after the other, compressed; dense, or sparse in rows."""

    def __init__(self, folder: Any, name: str, shape: tuple[int, int], *, is_sparse: bool) -> None:
        self.place = 0
        self.pointers = [np.zeros(1, np.int64)]
        self.is_sparse = is_sparse
        if not is_sparse:
            self.dense = folder.create_dataset(
                name, shape, np.float32, chunks=(min(shape[0], 1000), shape[1]), compression="lzf"
            )
            self.dense.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            return
        self.group = folder.create_group(name)
        self.group.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        self.group.attrs["shape"] = np.array(shape)
        options = {"shape": (0,), "maxshape": (None,), "chunks": (2**20,), "compression": "lzf"}
        self.data = self.group.create_dataset("data", dtype=np.float32, **options)
        self.indices = self.group.create_dataset("indices", dtype=np.int32, **options)

    def add(self, rows: Any) -> None:
        """Add rows ``(cells, genes)``: an array, or where the matrix is sparse a sparse matrix."""
        from scipy.sparse import csr_matrix

        if not self.is_sparse:
            self.dense[self.place : self.place + len(rows)] = rows
            self.place += len(rows)
            return
        own = csr_matrix(rows)
        for dataset, values in ((self.data, own.data), (self.indices, own.indices)):
            dataset.resize((self.place + own.nnz,))
            dataset[self.place :] = values
        self.pointers.append(self.place + own.indptr[1:].astype(np.int64))
        self.place += own.nnz

    def finish(self) -> None:
        """Write what says where rows begin."""
        if self.is_sparse:
            self.group.create_dataset("indptr", data=np.concatenate(self.pointers))
