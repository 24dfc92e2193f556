"""What a correction does to each gene: how much it changes it, and whether it makes it out of nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.matrices import Matrix, dense

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class GeneChanges:
    """Changes of genes.

    Parameters
    ----------
    names
        Of the genes.
    change
        ``(genes,)``: root mean square of what is changed, in log expression.
    spread
        ``(genes,)``: standard deviation before.
    from_nothing
        ``(genes,)``: largest share of a batch's cells that have none of the gene before, and more than `seen`
        after.
    seen
        Log expression from which a gene counts as expressed.
    """

    names: tuple[str, ...]
    change: Array
    spread: Array
    from_nothing: Array
    seen: float

    @staticmethod
    def of(
        before: Matrix,
        after: NDArray[np.floating],
        batch: NDArray[np.int64],
        names: tuple[str, ...],
        *,
        seen: float = 0.1,
        chunk: int = 4096,
    ) -> GeneChanges:
        """Compare expression ``(cells, genes)`` before and after; NaN is left out."""
        n_genes = len(names)
        n_batches = int(batch.max()) + 1
        total, square, changed, n = (np.zeros(n_genes) for _ in range(4))
        made = np.zeros((n_batches, n_genes))
        for start in range(0, len(batch), chunk):
            rows = slice(start, start + chunk)
            x = np.asarray(dense(before[rows]), np.float64)
            new = np.asarray(after[rows], np.float64)
            total += np.nansum(x, 0)
            square += np.nansum(x**2, 0)
            changed += np.nansum((new - x) ** 2, 0)
            n += (~np.isnan(x)).sum(0)
            np.add.at(made, batch[rows], (x == 0) & (np.abs(new) > seen))
        cells = np.bincount(batch, minlength=n_batches).clip(min=1)
        n = n.clip(min=1)
        spread = np.sqrt((square / n - (total / n) ** 2).clip(min=0))
        return GeneChanges(names, np.sqrt(changed / n), spread, (made / cells[:, None]).max(0), seen)

    def most_changed(self, n: int = 10) -> list[list[str]]:
        """Return a row of words for each of the genes changed most: name, change, spread before."""
        order = np.argsort(-self.change, kind="stable")[:n]
        return [[self.names[g], f"{self.change[g]:.3f}", f"{self.spread[g]:.3f}"] for g in order]

    def alarms(self, *, share: float = 0.05, n: int = 5) -> list[str]:
        """Return a sentence on genes that more than a `share` of a batch's cells get out of nothing."""
        made = np.flatnonzero(self.from_nothing > share)
        if not made.size:
            return []
        worst = made[np.argsort(-self.from_nothing[made], kind="stable")][:n]
        shown = ", ".join(f"{self.names[g]} (in {self.from_nothing[g]:.0%} of a batch)" for g in worst)
        return [
            f"{len(made)} of {len(self.names)} genes are expressed after the correction in cells that had "
            f"none of them: {shown}; do not test these genes on corrected expression"
        ]
