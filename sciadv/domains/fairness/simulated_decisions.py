"""A simulated table of decisions: one group has less of a score, and columns give the group away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from sciadv.arguments.values import as_count, as_seed


@final
@dataclass(frozen=True, eq=False)
class SimulatedDecisions:
    """A table with labels and groups.

    Parameters
    ----------
    x
        ``(rows, columns)``.
    y
        ``(rows,)``, 0 or 1.
    group
        ``(rows,)``, "a" (seven of ten) or "b".
    """

    x: NDArray[np.float64]
    y: NDArray[np.int64]
    group: NDArray[Any]


def simulate_decisions(n_rows: int = 1000, *, seed: int = 0) -> SimulatedDecisions:
    """Draw a table whose labels follow a logistic model; group "b" has a lower mean of the first column.

    Parameters
    ----------
    n_rows
        Rows.
    seed
        Of everything drawn.
    """
    as_count(n_rows, "n_rows", least=2)
    rng = np.random.default_rng(as_seed(seed))
    is_b = rng.random(n_rows) < 0.3
    x = rng.normal(size=(n_rows, 8))
    x[:, 0] -= 1.0 * is_b
    x[:, 1] += 1.5 * is_b  # says the group, and nothing of the label
    logit = 0.5 + x[:, 0] + 0.8 * x[:, 2] - 0.8 * x[:, 3] + 0.5 * x[:, 4] * x[:, 5]
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    return SimulatedDecisions(x, y, np.where(is_b, "b", "a"))
