"""The design of an experiment: whether what must be kept differs within batches too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.domains.batch_correction.reading.keys import UNKNOWN, Names
from sciadv.errors import InputError


@final
@dataclass(frozen=True, eq=False)
class Design:
    """Cells of each batch with each level of a key, and what can be compared.

    Parameters
    ----------
    key
        The key.
    batches, levels
        Names.
    table
        ``(batches, levels)``: cells.
    """

    key: str
    batches: tuple[str, ...]
    levels: tuple[str, ...]
    table: NDArray[np.int64]

    @staticmethod
    def of(key: str, batch: Names, values: Names) -> Design:
        """Count cells; those without a value are left out."""
        known = values != UNKNOWN
        batches, rows = np.unique(batch, return_inverse=True)
        levels, columns = np.unique(values[known], return_inverse=True)
        table = np.zeros((len(batches), len(levels)), np.int64)
        np.add.at(table, (rows[known], columns), 1)
        return Design(key, tuple(batches.tolist()), tuple(levels.tolist()), table)

    @property
    def cramers_v(self) -> float:
        """How far batch and key go together: 0 not at all, 1 one says the other.

        References
        ----------
        H. Cramer, Mathematical methods of statistics, 1946, chapter 21.
        """
        table = self.table[self.table.sum(1) > 0]
        n = table.sum()
        least = min(table.shape) - 1
        if least < 1:
            return 0.0
        expected = table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / n
        return float(np.sqrt(((table - expected) ** 2 / expected).sum() / (n * least)))

    @property
    def groups(self) -> list[list[str]]:
        """Batches whose differences can be known: those joined by levels that they share."""
        left = set(np.flatnonzero(self.table.sum(1) > 0).tolist())
        groups = []
        while left:
            reached = {min(left)}
            size = 0
            while len(reached) > size:
                size = len(reached)
                levels = (self.table[sorted(reached)] > 0).any(0)
                reached |= set(np.flatnonzero((self.table[:, levels] > 0).any(1)).tolist())
            groups.append([self.batches[i] for i in sorted(reached)])
            left -= reached
        return groups

    @property
    def missing_rank(self) -> int:
        """How many differences of batches the design leaves unknown: the rank that it lacks."""
        return len(self.groups) - 1

    def check(self, *, strong: float = 0.8) -> tuple[str, ...]:
        """Return what to beware of, in sentences.

        Parameters
        ----------
        strong
            Cramer's V above which batch and key go together.

        Raises
        ------
        InputError
            Batch and key are one: no two batches share a level.
        """
        if len(self.levels) < 2:
            return ()
        groups = self.groups
        words = f"Cramer's V of batch and {self.key!r} is {self.cramers_v:.2f}"
        if len(groups) == int((self.table.sum(1) > 0).sum()):
            raise InputError(
                f"batch and {self.key!r} are confounded: no two batches share a value of it ({words}), "
                f"so that nothing tells what is the batch's from what is to be kept. Measure one "
                f"value of {self.key!r} in two batches, or leave {self.key!r} out and accept that what it "
                f"does is removed with the batch"
            )
        if len(groups) > 1:
            joined = "; ".join(", ".join(group) for group in groups)
            return (
                f"batch and {self.key!r} are partly confounded ({words}; the design lacks a rank of "
                f"{self.missing_rank}): batches can be compared within these groups only: {joined}",
            )
        if self.cramers_v > strong:
            return (f"batch and {self.key!r} go together ({words}): what is kept rests on few cells",)
        return ()


def aliased_columns(
    obs: Any, batch: Names, *, used: tuple[str, ...], most_levels: int = 20
) -> tuple[str, ...]:
    """Return the columns of ``obs`` that are constant in each batch, and so are removed with it.

    Parameters
    ----------
    obs
        Data frame.
    batch
        ``(cells,)``.
    used
        Columns that are not asked about.
    most_levels
        Values that a column may have; more are no condition.
    """
    found = []
    for name in obs:
        if str(name) in used:
            continue
        values = np.asarray(obs[name], dtype=object).astype(np.str_)
        levels = np.unique(values)
        if not 2 <= len(levels) <= most_levels:
            continue
        if all(len(np.unique(values[batch == one])) == 1 for one in np.unique(batch)):
            found.append(str(name))
    return tuple(found)
