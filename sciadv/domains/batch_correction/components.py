"""Principal components of expression: what goes into the networks, and the way back to genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.cells import Matrix
from sciadv.types import as_random_state


@final
@dataclass(frozen=True, eq=False)
class Components:
    """Scores ``(x - mean) @ loadings / scale``.

    Parameters
    ----------
    mean
        ``(genes,)``.
    loadings
        ``(genes, components)``, orthonormal columns.
    scale
        Standard deviation of the first component, so that its scores have 1.
    """

    mean: NDArray[np.float32]
    loadings: NDArray[np.float32]
    scale: float

    @staticmethod
    def fit(expression: Matrix, n_components: int, *, seed: int) -> Components:
        """Find the components of a matrix ``(cells, genes)``, which may be sparse and is not centred.

        There are at most one fewer than cells and than genes.
        """
        from sklearn.decomposition import PCA

        n = min(n_components, min(expression.shape) - 1)
        pca = PCA(n, svd_solver="arpack", random_state=as_random_state(seed)).fit(expression)
        scale = float(np.sqrt(pca.explained_variance_[0]))
        return Components(
            mean=pca.mean_.astype(np.float32),
            loadings=np.ascontiguousarray(pca.components_.T, dtype=np.float32),
            scale=scale if scale > 0 else 1.0,
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of them."""
        return {
            "components.mean": torch.as_tensor(self.mean),
            "components.loadings": torch.as_tensor(self.loadings),
            "components.scale": torch.tensor(self.scale, dtype=torch.float64),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> Components:
        """Build them from what `tensors` returned, among others."""
        mean, loadings = (tensors[f"components.{name}"].numpy() for name in ("mean", "loadings"))
        return Components(mean, loadings, float(tensors["components.scale"]))

    def scores(self, expression: Matrix) -> NDArray[np.float32]:
        """Return the scores ``(cells, components)``."""
        scores = (expression @ self.loadings - self.mean @ self.loadings) / self.scale
        return np.asarray(scores, np.float32)

    def to_genes(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return differences of scores ``(cells, components)`` as differences of expression."""
        return np.asarray(self.scale * scores @ self.loadings.T, np.float32)
