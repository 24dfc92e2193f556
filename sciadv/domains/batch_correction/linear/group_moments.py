"""Means and deviations of groups of cells: all that linear models of batches need of the cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense


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
        """Go through cells ``(cells, genes)`` twice, a chunk in float64; NaN was not measured."""
        pairs, place = np.unique(np.stack([groups.batch, groups.labels], 1), axis=0, return_inverse=True)
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
        batch, label = torch.as_tensor(pairs, device=device).T
        return GroupMoments(batch, label, n, mean, deviations)


def _doubles(expression: Matrix, device: torch.device) -> Tensor:
    return torch.as_tensor(dense(expression), device=device).double()
