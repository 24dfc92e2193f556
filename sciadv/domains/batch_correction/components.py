"""Principal components of expression: what goes into the networks, and the way back to genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.reading.matrices import Matrix, has_gaps
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
    variance
        ``(components,)``, of the scores before they are scaled.
    noise
        Variance of what the components leave of a gene.
    """

    mean: NDArray[np.float32]
    loadings: NDArray[np.float32]
    scale: float
    variance: NDArray[np.float64]
    noise: float

    @staticmethod
    def fit(expression: Matrix, n_components: int, *, seed: int, most_genes: int = 4000) -> Components:
        """Find the components of a matrix ``(cells, genes)``, which may be sparse and is not centred.

        There are at most one fewer than cells and than genes. NaN is a value that was not measured: it is
        left out, by way of its expectation given the others and the components (regularised iterative PCA).
        Those of an array with at most `most_genes` are found from the covariances of its genes, which is
        quicker and agrees to single precision.

        References
        ----------
        J. Josse, F. Husson, Handling missing values in exploratory multivariate data analysis methods,
        J. Société Française de Statistique 153(2), 2012.
        """
        n = min(n_components, min(expression.shape) - 1)
        full = _filled(expression, n, seed=seed) if has_gaps(expression) else expression
        if isinstance(full, np.ndarray) and 10 * n < full.shape[1] <= min(most_genes, len(full)):
            return _of_covariances(full, n, seed=seed)
        from sklearn.decomposition import PCA

        pca = PCA(n, svd_solver="arpack", random_state=as_random_state(seed)).fit(full)
        scale = float(np.sqrt(pca.explained_variance_[0]))
        return Components(
            mean=pca.mean_.astype(np.float32),
            loadings=np.ascontiguousarray(pca.components_.T, dtype=np.float32),
            scale=scale if scale > 0 else 1.0,
            variance=np.asarray(pca.explained_variance_, np.float64),
            noise=float(pca.noise_variance_),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of them."""
        return {
            "components.mean": torch.as_tensor(self.mean),
            "components.loadings": torch.as_tensor(self.loadings),
            "components.scale": torch.tensor(self.scale, dtype=torch.float64),
            "components.variance": torch.as_tensor(self.variance),
            "components.noise": torch.tensor(self.noise, dtype=torch.float64),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> Components:
        """Build them from what `tensors` returned, among others."""
        mean, loadings = (tensors[f"components.{name}"].numpy() for name in ("mean", "loadings"))
        scale, noise = (float(tensors[f"components.{name}"]) for name in ("scale", "noise"))
        return Components(mean, loadings, scale, tensors["components.variance"].numpy(), noise)

    def scores(self, expression: Matrix) -> NDArray[np.float32]:
        """Return the scores ``(cells, components)``; those of a cell with NaN are the likeliest.

        The likeliest under normal components and noise of their variances, given what was measured.
        """
        if has_gaps(expression):
            return self._likeliest(expression)
        scores = (expression @ self.loadings - self.mean @ self.loadings) / self.scale
        return np.asarray(scores, np.float32)

    def _likeliest(self, expression: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.empty((len(expression), len(self.variance)), np.float32)
        penalty = np.diag(self.noise / self.variance.clip(min=1e-12))
        for row, x in enumerate(np.asarray(expression, np.float64) - self.mean):
            seen = ~np.isnan(x)
            own = self.loadings[seen]
            system = own.T @ own + (0.0 if seen.all() else penalty)
            scores[row] = np.linalg.lstsq(system, own.T @ x[seen], rcond=None)[0] / self.scale
        return scores

    def to_genes(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return differences of scores ``(cells, components)`` as differences of expression."""
        return np.asarray(self.scale * scores @ self.loadings.T, np.float32)


def _of_covariances(expression: NDArray[np.floating], n: int, *, seed: int) -> Components:
    """Return n components of an array, the leading eigenvectors of the covariances of its genes.

    The sign of each is that of its largest loading, as in scikit-learn.
    """
    from scipy.sparse.linalg import eigsh

    n_cells, n_genes = expression.shape
    mean = np.asarray(expression.mean(0, dtype=np.float64), np.float64)
    centred = np.asarray(expression - mean.astype(expression.dtype), np.float32)
    covariance = centred.T @ centred / np.float32(n_cells - 1)
    start = np.random.default_rng(seed).standard_normal(n_genes, dtype=np.float32)
    variance, loadings = eigsh(covariance, n, v0=start, tol=1e-5)
    variance = np.asarray(variance[::-1], np.float64).clip(min=0)
    loadings = loadings[:, ::-1]
    largest = loadings[np.abs(loadings).argmax(0), np.arange(n)]
    left = float(np.trace(covariance, dtype=np.float64)) - variance.sum()
    scale = float(np.sqrt(variance[0]))
    return Components(
        mean=mean.astype(np.float32),
        loadings=np.ascontiguousarray(loadings * np.where(largest < 0, -1, 1), dtype=np.float32),
        scale=scale if scale > 0 else 1.0,
        variance=variance,
        noise=max(left, 0.0) / (n_genes - n),
    )


def _filled(
    expression: NDArray[np.float32], n: int, *, seed: int, tolerance: float = 1e-4, most: int = 200
) -> NDArray[np.float64]:
    """Return expression with its gaps at their expectation under `n` components, each shrunk by the noise."""
    from sklearn.decomposition import PCA

    x = np.asarray(expression, np.float64)
    gaps = np.isnan(x)
    filled = np.where(gaps, np.nanmean(x, 0), x)
    spread = np.nanstd(x)
    for _ in range(most):
        pca = PCA(n, svd_solver="arpack", random_state=as_random_state(seed)).fit(filled)
        kept = (1 - pca.noise_variance_ / pca.explained_variance_.clip(min=1e-12)).clip(min=0)
        expected = pca.mean_ + (pca.transform(filled) * kept) @ pca.components_
        change = np.abs(expected - filled)[gaps].max()
        filled[gaps] = expected[gaps]
        if change < tolerance * spread:
            break
    return filled
