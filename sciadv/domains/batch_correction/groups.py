"""Batches and labels of cells as numbers, and the checks that a fit can learn from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.arguments.memory import check_memory
from sciadv.domains.batch_correction.reading.cells import Cells, encode
from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names
from sciadv.errors import InputError

Codes = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Groups:
    """Which batch each cell is of, and which label it has.

    Parameters
    ----------
    batch, labels
        ``(cells,)``, numbers from 0; -1 is an unknown label, or a batch that the method does not read.
    n_batches, n_labels
        How many the correction knows.
    """

    batch: Codes
    labels: Codes
    n_batches: int
    n_labels: int

    def only(self, cells: NDArray[np.int64]) -> Groups:
        """Return those of some cells, by their places."""
        return Groups(self.batch[cells], self.labels[cells], self.n_batches, self.n_labels)

    def after(self, n_known: int) -> Groups:
        """Return them numbered after batches that are known."""
        return Groups(self.batch + n_known, self.labels, self.n_batches + n_known, self.n_labels)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return both as tensors."""
        return torch.as_tensor(self.batch, device=device), torch.as_tensor(self.labels, device=device)


def label_codes(cells: Cells, known: tuple[str, ...], *, is_needed: bool) -> Codes:
    """Return the numbers of the labels, -1 where there are none and none are needed."""
    if cells.labels is None and not is_needed:
        return np.full(cells.n_cells, -1, np.int64)
    if cells.labels is None:
        raise InputError("the corrector was fitted with labels; give them (label_key, or labels=) here too")
    codes = encode(cells.labels, known, what="label")
    if is_needed and (codes < 0).any():
        raise InputError(
            f"{int((codes < 0).sum())} of {cells.n_cells} cells have no label, which the linear method needs "
            f"of every cell; give them all, leave the labels out, or take the adversarial method"
        )
    return codes


def known_names(names: Names | None) -> tuple[str, ...]:
    """Return the different names, sorted."""
    return () if names is None else tuple(np.unique(names[names != UNKNOWN]).tolist())


def check_batches(names: Names, batches: tuple[str, ...], *, key: str, method: str, least: int) -> None:
    """Check that there are two batches or more, each with the cells that a method needs.

    Raises
    ------
    InputError
        There is one batch only, or one is too small.
    """
    if len(batches) < 2:
        raise InputError(
            f"all {len(names)} cells are of one batch, {batches[0]!r}, so there is nothing to correct; is "
            f"{key!r} the column that says the batch?"
        )
    small = [f"{name!r} has {n}" for name in batches if (n := int((names == name).sum())) < least]
    if small:
        raise InputError(
            f"the {method} method needs {least} cells in each batch, but {', '.join(small[:5])}; "
            f"remove these batches or merge them with others"
        )


def check_further(names: Names, known: tuple[str, ...], *, method: str, least: int) -> tuple[str, ...]:
    """Return the batches of cells, all of which must be new and have the cells that a method needs.

    Raises
    ------
    InputError
        A batch is known already, or too small.
    """
    found, counts = np.unique(names, return_counts=True)
    old = sorted(set(found.tolist()) & set(known))
    if old:
        raise InputError(
            f"the corrector knows these batches already: {', '.join(map(repr, old[:5]))}; give cells of "
            f"further batches only, and transform the others"
        )
    small = [f"{name!r} has {n}" for name, n in zip(found.tolist(), counts, strict=True) if n < least]
    if small:
        raise InputError(
            f"the {method} method needs {least} cells of a further batch, but {', '.join(small[:5])}"
        )
    return known_names(names)


def drawn_evenly(batch: Names, most: int, *, seed: int) -> Codes | None:
    """Return places of at most so many cells, sorted, the same number of every batch that has so many.

    None stands for all cells, where they are no more.
    """
    if len(batch) <= most:
        return None
    rng = np.random.default_rng(seed)
    names, counts = np.unique(batch, return_counts=True)
    left = most
    rows = []
    for place, at in enumerate(np.argsort(counts, kind="stable")):
        n = min(int(counts[at]), left // (len(names) - place))
        rows.append(rng.choice(np.flatnonzero(batch == names[at]), n, replace=False))
        left -= n
    return np.sort(np.concatenate(rows))


def check_size(cells: Cells) -> None:
    """Refuse cells whose corrected expression does not fit, with the estimate: it is dense, in float64."""
    check_memory(
        24 * cells.n_cells * cells.n_genes,
        f"correcting {cells.n_cells} cells x {cells.n_genes} genes",
        "keep the most variable genes only, or fit on fewer cells and transform the others in parts",
    )
