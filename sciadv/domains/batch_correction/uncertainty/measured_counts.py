"""Counts as they come, with those that were not measured: genes that the data lack, and NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.cells import require_batch
from sciadv.domains.batch_correction.reading.columns import Columns, Given
from sciadv.domains.batch_correction.reading.keys import Names, cell_names, columns_of, in_order
from sciadv.domains.batch_correction.reading.kinds import COUNTS
from sciadv.domains.batch_correction.reading.matrices import dense
from sciadv.domains.batch_correction.reading.read import parts_of, read_cells
from sciadv.errors import InputError


def read_measured(
    data: Any, columns: Columns, given: Given, *, genes: Sequence[str] | None, n_genes: int
) -> tuple[Names, NDArray[np.float32]]:
    """Read counts that may lack genes or have NaN.

    Parameters
    ----------
    data
        As `read_cells` takes it; NaN stands for what was not measured.
    columns, given
        Where the batch stands, or the batch of each cell.
    genes
        Names of the genes that are wanted; None for columns without a name.
    n_genes
        How many.

    Returns
    -------
    The batch of each cell, and counts ``(cells, genes)`` in the order of the wanted genes, -1 for what was
    not measured.

    Raises
    ------
    InputError
        No counts, none of the genes, or another number of columns without a name.
    """
    matrix, names, obs = parts_of(data, columns)
    values = dense(matrix) if hasattr(matrix, "toarray") else np.asarray(matrix, np.float32)
    is_missing = np.isnan(values)
    batch = given.batch
    if batch is None and obs is not None:
        batch = columns_of(obs, columns.batch)
    elif batch is not None:
        batch = in_order(batch, cell_names(data), "batch")
    filled = np.where(is_missing, np.float32(0), values)
    cells = read_cells(filled, Columns(is_counts=True), Given(batch))
    if cells.kind != COUNTS:
        raise InputError(f"intervals are those of counts, but these are {cells.kind.name}; give raw counts")
    counts = np.where(is_missing, np.float32(-1), dense(cells.expression))
    if genes is not None and names is not None:
        return require_batch(cells), _in_place(counts, names, genes)
    if counts.shape[1] != n_genes:
        raise InputError(
            f"the cells have {counts.shape[1]} genes without a name, but the corrector was fitted on "
            f"{n_genes}; give the same columns, NaN where one was not measured"
        )
    return require_batch(cells), counts


def _in_place(counts: NDArray[np.float32], names: Sequence[str], genes: Sequence[str]) -> NDArray[np.float32]:
    """Return the columns of the wanted genes, -1 for those that lack."""
    place = {name: i for i, name in enumerate(names)}
    known = [i for i, gene in enumerate(genes) if gene in place]
    if not known:
        raise InputError(
            f"none of the {len(genes)} genes that the corrector was fitted on is in the data, whose genes "
            f"are {', '.join(names[:5])}, ...; are they named otherwise?"
        )
    found = np.full((len(counts), len(genes)), -1, np.float32)
    found[:, known] = counts[:, [place[genes[i]] for i in known]]
    return found
