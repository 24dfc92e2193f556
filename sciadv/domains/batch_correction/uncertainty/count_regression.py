"""Regression of counts on what is known of each cell, all genes at once, and how genes vary beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class CountRegression:
    """Counts of mean ``depth exp(design @ coefficients)``, and normal priors of the coefficients.

    Parameters
    ----------
    design
        ``(cells, columns)``.
    counts
        ``(cells, genes)``.
    depth
        Counts that coefficients of 0 stand for, ``(cells, genes)`` or ``(cells, 1)``.
    spread
        Standard deviations of the coefficients' priors ``(columns,)``; infinite for none.

    References
    ----------
    P. McCullagh, J. A. Nelder, Generalized Linear Models, 2nd ed. 1989, section 2.5, for Fisher scoring.
    """

    design: Array
    counts: Array
    depth: Array
    spread: Array

    def mean(self, coefficients: Array) -> Array:
        """Return the means ``(cells, genes)``."""
        found: Array = self.depth * np.exp((self.design @ coefficients).clip(-30, 30))
        return found

    def solve(
        self, start: Array, phi: Array | float, *, n_steps: int = 8, most: float = 2.0, ridge: float = 1e-3
    ) -> Array:
        """Return the coefficients ``(columns, genes)`` of highest posterior density, by Fisher scoring.

        Parameters
        ----------
        start
            First coefficients.
        phi
            Overdispersion ``(genes,)``, or 0 for Poisson.
        n_steps
            Steps.
        most
            Largest change of a coefficient in a step.
        ridge
            Least precision of a coefficient, which keeps the systems solvable.
        """
        rows, columns = np.triu_indices(self.design.shape[1])
        products = self.design[:, rows] * self.design[:, columns]
        precision = 1 / self.spread**2
        found: Array = start.copy()
        matrix = np.empty((start.shape[1], start.shape[0], start.shape[0]))
        for _ in range(n_steps):
            mean = self.mean(found)
            excess = 1 + phi * mean
            gradient = self.design.T @ ((self.counts - mean) / excess) - precision[:, None] * found
            upper = (products.T @ (mean / excess)).T
            matrix[:, rows, columns] = upper
            matrix[:, columns, rows] = upper
            matrix += np.diag(precision + ridge)
            step = np.linalg.solve(matrix, gradient.T[..., None])[..., 0].T
            found += step * np.minimum(1, most / np.abs(step).max(0).clip(min=1e-12))
        return found


def overdispersion(
    counts: Array, mean: Array, *, least: float = 0.01, most: float = 20.0, n_tried: int = 16
) -> Array:
    """Return the overdispersion of each gene ``(genes,)``, by weighted likelihood over a grid.

    Each gene's log likelihood is joined by that of the mean gene, so that a gene that says little takes what
    genes have in common.

    Parameters
    ----------
    counts, mean
        ``(cells, genes)``.
    least, most, n_tried
        The grid, in even steps of the logarithm; a parabola is laid through its best three points.

    References
    ----------
    M. D. Robinson, G. K. Smyth, Moderated statistical tests for assessing differences in tag abundance,
    Bioinformatics 23(21), 2007.
    """
    tried = np.geomspace(least, most, n_tried)
    values = np.stack([_log_likelihood(counts, mean, phi) for phi in tried])
    values += values.mean(1, keepdims=True)
    best = values.argmax(0).clip(1, n_tried - 2)
    genes = np.arange(counts.shape[1])
    below = values[best - 1, genes]
    here = values[best, genes]
    above = values[best + 1, genes]
    bend = (below - 2 * here + above).clip(max=-1e-12)
    shift = (0.5 * (below - above) / bend).clip(-1, 1)
    step = np.log(tried[1] / tried[0])
    found: Array = np.exp(np.log(tried[best]) + step * shift).clip(least, most)
    return found


def _log_likelihood(counts: Array, mean: Array, phi: float) -> Array:
    """Return the log likelihood of each gene, up to what does not depend on phi."""
    from scipy.special import gammaln

    r = 1 / phi
    found = -(counts + r) * np.log1p(phi * mean) + counts * np.log(phi)
    some = counts > 0
    found[some] += gammaln(counts[some] + r) - gammaln(r)
    total: Array = found.sum(0)
    return total
