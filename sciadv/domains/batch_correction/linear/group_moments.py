"""Means and deviations of groups of cells: all that linear models of batches need of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.groups import Codes, Groups
from sciadv.domains.batch_correction.reading.matrices import Matrix


@final
@dataclass(frozen=True, eq=False)
class GroupMoments:
    """Cells of each batch and label: how many, their means, and sums of squared deviations from them.

    Parameters
    ----------
    batch, label
        ``(groups,)``, numbers; -1 for no label.
    n
        ``(groups, genes)``: cells in which the gene was measured.
    mean
        The same: their mean; 0 without a cell.
    deviations
        The same: sum of their squared deviations from it.
    """

    batch: Tensor
    label: Tensor
    n: Tensor
    mean: Tensor
    deviations: Tensor

    @staticmethod
    def of(expression: Matrix, groups: Groups, device: torch.device, *, chunk: int = 4096) -> GroupMoments:
        """Go through cells ``(cells, genes)`` twice, in float64; NaN was not measured."""
        pairs, place = np.unique(np.stack([groups.batch, groups.labels], 1), axis=0, return_inverse=True)
        batch, label = torch.as_tensor(pairs, device=device).T
        if not isinstance(expression, np.ndarray):
            found = _of_sparse(expression, place.reshape(-1), len(pairs))
            return GroupMoments(batch, label, *(torch.as_tensor(one, device=device) for one in found))
        own = torch.as_tensor(place.reshape(-1), device=device)
        shape = (len(pairs), expression.shape[1])
        n, total, deviations = (torch.zeros(shape, dtype=torch.float64, device=device) for _ in range(3))
        chunks = [slice(start, start + chunk) for start in range(0, len(own), chunk)]
        for cells in chunks:
            x, rows = _doubles(expression[cells], device), own[cells]
            n.index_add_(0, rows, (~x.isnan()).double())
            total.index_add_(0, rows, x.nan_to_num())
        mean = total / n.clamp(min=1)
        for cells in chunks:
            x, rows = _doubles(expression[cells], device), own[cells]
            deviations.index_add_(0, rows, (x - mean[rows]).nan_to_num().square())
        return GroupMoments(batch, label, n, mean, deviations)


def _doubles(expression: NDArray[np.floating], device: torch.device) -> Tensor:
    return torch.as_tensor(expression, device=device).double()


def _of_sparse(expression: Matrix, group: Codes, n_groups: int) -> tuple[NDArray[Any], ...]:
    """Return cells, means and squared deviations of groups ``(groups, genes)``; what is not stored is 0.

    Deviations are those of the stored values, and the square of the mean for each of the others.
    """
    n = np.bincount(group, minlength=n_groups)[:, None] * np.ones(expression.shape[1], np.float64)
    mean = np.zeros_like(n)
    deviations = np.zeros_like(n)
    for one in range(n_groups):
        x = expression[group == one]
        of_gene = x.indices
        values = x.data.astype(np.float64)
        size = x.shape[1]
        mean[one] = np.bincount(of_gene, values, size) / n[one]
        left = np.square(values - mean[one, of_gene])
        n_stored = np.bincount(of_gene, minlength=size)
        deviations[one] = np.bincount(of_gene, left, size) + (n[one] - n_stored) * mean[one] ** 2
    return n, mean, deviations
