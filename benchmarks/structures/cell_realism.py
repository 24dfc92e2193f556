"""How alike cells are to patches of a medium: two-point statistics and connectivity within their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.float64]
#: Distances of the two-point statistics [pixels].
LAGS = (1, 2, 4, 8, 16, 24)


def two_point(cells: Tensor) -> Array:
    """Return the share of the second phase and its correlations at `LAGS` of cells ``(n, height, width)``.

    Both axes together, without crossing an edge, as patches have to be measured.
    """
    x = cells.double()
    share = x.mean((1, 2))
    rows = [share]
    for lag in LAGS:
        along = (x[:, :, lag:] * x[:, :, :-lag]).mean((1, 2))
        down = (x[:, lag:] * x[:, :-lag]).mean((1, 2))
        rows.append((0.5 * (along + down) - share**2) / (share * (1 - share)).clamp_min(1e-6))
    return torch.stack(rows, 1).numpy()


def connectivity(cells: Tensor) -> Array:
    """Return measures of the pieces of the second phase of cells ``(n, height, width)``.

    The share of the cell, the logarithm of one more than the number of pieces (4-connected), the largest
    piece's share of the phase, and the length of the boundary a pixel.
    """
    from scipy import ndimage

    rows = []
    for cell in cells.numpy().astype(bool):
        pieces, n = ndimage.label(cell)
        sizes = np.bincount(pieces.ravel())[1:]
        largest = sizes.max(initial=0) / max(1, sizes.sum())
        edge = np.mean(cell[1:] != cell[:-1]) + np.mean(cell[:, 1:] != cell[:, :-1])
        rows.append((cell.mean(), np.log1p(n), largest, edge))
    return np.array(rows)


@dataclass(frozen=True)
class Spread:
    """The mean and covariance of real measures, and the distance that 95 % of the real ones are within."""

    mean: Array
    inverse: Array
    bound: float

    @staticmethod
    def of(real: Array) -> Spread:
        """Learn the spread of real measures ``(n, measures)``."""
        mean = real.mean(0)
        inverse: Array = np.linalg.inv(np.cov(real.T)).astype(np.float64)
        spread = Spread(mean, inverse, 0.0)
        return Spread(mean, inverse, float(np.quantile(spread.distance(real), 0.95)))

    def distance(self, measures: Array) -> Array:
        """Return the Mahalanobis distances of measures ``(n,)``."""
        off = measures - self.mean
        squared: Array = np.einsum("ni,ij,nj->n", off, self.inverse, off)
        return np.sqrt(squared)

    def holds(self, measures: Array) -> npt.NDArray[np.bool_]:
        """Say which measures are within the bound ``(n,)``."""
        return self.distance(measures) <= self.bound


@dataclass(frozen=True)
class Realism:
    """The spreads of both kinds of measures over patches of a medium."""

    two_point: Spread
    connectivity: Spread

    @staticmethod
    def of(patches: Tensor) -> Realism:
        """Learn both from patches ``(n, height, width)`` of zeros and ones."""
        return Realism(Spread.of(two_point(patches)), Spread.of(connectivity(patches)))

    def judge(self, cells: Tensor) -> dict[str, float]:
        """Return the shares of cells ``(n, height, width)`` within the spreads."""
        first = self.two_point.holds(two_point(cells))
        second = self.connectivity.holds(connectivity(cells))
        return {
            "two_point_alike": float(first.mean()),
            "connectivity_alike": float(second.mean()),
            "realistic": float((first & second).mean()),
        }
