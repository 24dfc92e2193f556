"""What every fitted correction can do, whichever way it was found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.cells import Matrix

Codes = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Groups:
    """Which batch each cell is of, and which label it has.

    Parameters
    ----------
    batch, labels
        ``(cells,)``, numbers from 0; -1 is an unknown label, or a batch that is not looked at.
    n_batches, n_labels
        How many the correction knows.
    """

    batch: Codes
    labels: Codes
    n_batches: int
    n_labels: int

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return both as tensors."""
        return torch.as_tensor(self.batch, device=device), torch.as_tensor(self.labels, device=device)


class Correction(ABC):
    """A fitted correction of normalised expression ``(cells, genes)``."""

    #: Whether an embedding depends on the batch, so that it must be known.
    needs_batch: bool
    #: Whether it depends on the label.
    needs_labels: bool

    @abstractmethod
    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return coordinates ``(cells, n)`` in which batches lie on top of each other."""

    @abstractmethod
    def correct(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the expression with the batch's part removed, ``(cells, genes)``.

        Parameters
        ----------
        expression
            Normalised, as it was for the fit.
        groups
            Batch and label of each cell.
        """

    @abstractmethod
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
