"""What a corrector keeps of the cells that it was fitted on: coordinates without the batch, and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.groups import known_names
from sciadv.domains.batch_correction.reading.cells import encode
from sciadv.domains.batch_correction.reading.keys import Names


@final
@dataclass(frozen=True, eq=False)
class Reference:
    """Cells of a fit.

    Parameters
    ----------
    embedding
        ``(cells, n)``, without the batch.
    batch
        ``(cells,)``, numbers.
    labels
        ``(cells,)``, numbers of the names; -1 for unknown.
    names
        Names of the labels.
    """

    embedding: NDArray[np.float32]
    batch: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: tuple[str, ...] = ()

    @staticmethod
    def of(
        embedding: NDArray[np.float32],
        batch: NDArray[np.int64],
        labels: Names | None,
        *,
        seed: int,
        most_cells: int = 20_000,
    ) -> Reference:
        """Keep cells, drawn at random where there are more than `most_cells`; labels are names."""
        rng = np.random.default_rng(seed)
        n = len(embedding)
        kept = np.sort(rng.choice(n, min(n, most_cells), replace=False))
        names: tuple[str, ...] = ()
        codes = np.full(n, -1, np.int64)
        if labels is not None:
            names = known_names(labels)
            codes = encode(labels, names, what="label")
        return Reference(embedding[kept], batch[kept], codes[kept], names)

    def facts(self) -> dict[str, Any]:
        """Return what a card holds of it, as plain values."""
        return {"labels": list(self.names)}

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it beside `facts`."""
        return {
            "reference.embedding": torch.as_tensor(self.embedding),
            "reference.batch": torch.as_tensor(self.batch),
            "reference.labels": torch.as_tensor(self.labels),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor], facts: dict[str, Any]) -> Reference:
        """Build it from what `tensors`, among others, and `facts` returned."""
        parts = ("embedding", "batch", "labels")
        embedding, batch, labels = (tensors[f"reference.{name}"].numpy() for name in parts)
        return Reference(embedding, batch, labels, tuple(facts["labels"]))
