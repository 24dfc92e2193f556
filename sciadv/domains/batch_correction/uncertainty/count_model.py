"""A model of counts over the coordinates of a correction: what a cell is expected to have in each batch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.reading.matrices import Matrix, dense
from sciadv.domains.batch_correction.uncertainty.count_regression import CountRegression, overdispersion

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@final
@dataclass(frozen=True)
class CountSettings:
    """How a model of counts is fitted.

    Parameters
    ----------
    n_latent
        Leading principal coordinates that are read, at most.
    most_cells
        Cells that are read, drawn at random where there are more.
    loading_spread, batch_spread
        Standard deviations of the normal priors of loadings and of the batches' parts [log rate].
    """

    n_latent: int = 10
    most_cells: int = 4000
    loading_spread: float = 1.0
    batch_spread: float = 0.5


@final
@dataclass(frozen=True, eq=False)
class CountModel:
    """Counts ``n ~ Poisson(rate)``, rates gamma distributed with mean ``depth exp(mean + z W + batch)``.

    Parameters
    ----------
    mean
        ``(genes,)``, log share of the counts.
    loadings
        W ``(latents, genes)``.
    of_batch
        ``(batches, genes)``; over the cells of the fit its mean is 0.
    overdispersion
        ``(genes,)``: variance of a rate over its squared mean.
    centre, axes
        ``(coordinates,)`` and ``(coordinates, latents)``: the latents of a cell with corrected coordinates e
        are ``(e - centre) @ axes``; over the cells of the fit, of mean 0 and variance 1.
    log_depth
        ``(2,)``, mean and standard deviation of the log depth that a cell may have. Its own counts say it to
        a few hundredths, so the deviation is wide: a factor e at least.
    batch_spread
        ``()``, standard deviation of the normal prior of a batch's part.
    """

    mean: Array
    loadings: Array
    of_batch: Array
    overdispersion: Array
    centre: Array
    axes: Array
    log_depth: Array
    batch_spread: Array

    @property
    def n_latent(self) -> int:
        """Latents of a cell, the depth among them."""
        return len(self.loadings) + 1

    @staticmethod
    def fit(
        counts: Matrix,
        embedding: NDArray[np.floating],
        batch: Codes,
        n_batches: int,
        *,
        settings: CountSettings,
        seed: int,
    ) -> CountModel:
        """Fit the model by penalised regression on the corrected coordinates.

        Parameters
        ----------
        counts
            ``(cells, genes)``.
        embedding
            Coordinates of the cells without the batch ``(cells, coordinates)``.
        batch
            ``(cells,)``, numbers.
        n_batches
            How many.
        settings
            How.
        seed
            Seed of the cells that are taken.

        Notes
        -----
        Coordinates come from the correction, so that the batch's part of a gene is what is left of it between
        cells of one kind. Costs ``cells x genes x (latents + batches)^2`` operations a step, 12 steps.
        """
        rng = np.random.default_rng(seed)
        n = len(batch)
        kept = np.sort(rng.choice(n, min(n, settings.most_cells), replace=False))
        x = dense(counts[kept]).astype(np.float64)
        centre, axes = _principal_axes(np.asarray(embedding[kept], np.float64), settings.n_latent)
        z = (embedding[kept] - centre) @ axes
        n_latent = z.shape[1]
        depth = x.sum(1, keepdims=True).clip(min=1.0)
        own = np.eye(n_batches)[batch[kept]]
        spread = np.repeat([np.inf, settings.loading_spread, settings.batch_spread], [1, n_latent, n_batches])
        design = np.concatenate([np.ones((len(z), 1)), z, own], 1)
        regression = CountRegression(design, x, depth, spread)
        start = np.zeros((design.shape[1], x.shape[1]))
        start[0] = np.log((x.sum(0) + 0.5) / depth.sum())
        found = regression.solve(start, 0.0)
        phi = overdispersion(x, regression.mean(found))
        found = regression.solve(found, phi, n_steps=4)
        of_batch = found[1 + n_latent :]
        shared = own.mean(0) @ of_batch
        log_depth = np.log(depth)
        return CountModel(
            mean=found[0] + shared,
            loadings=found[1 : 1 + n_latent],
            of_batch=of_batch - shared,
            overdispersion=overdispersion(x, regression.mean(found)),
            centre=centre,
            axes=axes,
            log_depth=np.array([log_depth.mean(), max(log_depth.std(), 1.0)]),
            batch_spread=np.array(settings.batch_spread),
        )

    def extended(
        self, counts: Matrix, embedding: NDArray[np.floating], batch: Codes, n_new: int
    ) -> CountModel:
        """Return the model with the parts of further batches, numbered from 0; all else stays.

        Parameters
        ----------
        counts, embedding, batch
            As of `fit`, of cells of the further batches.
        n_new
            How many.
        """
        x = dense(counts).astype(np.float64)
        base = np.exp(self.mean + (embedding - self.centre) @ self.axes @ self.loadings)
        depth = x.sum(1, keepdims=True).clip(min=1.0) * base / base.sum(1, keepdims=True)
        spread = np.full(n_new, float(self.batch_spread))
        regression = CountRegression(np.eye(n_new)[batch], x, depth, spread)
        found = regression.solve(np.zeros((n_new, x.shape[1])), self.overdispersion)
        return replace(self, of_batch=np.concatenate([self.of_batch, found]))

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        return {f"counts.{part.name}": torch.as_tensor(getattr(self, part.name)) for part in fields(self)}

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor], *, n_batches: int) -> CountModel | None:
        """Build it from what `tensors` returned, among others; None if it is not there."""
        if "counts.mean" not in tensors:
            return None
        model = CountModel(
            **{part.name: tensors[f"counts.{part.name}"].numpy() for part in fields(CountModel)}
        )
        if len(model.of_batch) != n_batches:
            raise ValueError(f"the model of counts knows {len(model.of_batch)} batches, not {n_batches}")
        return model


def _principal_axes(embedding: Array, n: int) -> tuple[Array, Array]:
    """Return the mean, and axes on which coordinates have variance 1, the most varying ones."""
    centre = embedding.mean(0)
    _, singular, directions = np.linalg.svd(embedding - centre, full_matrices=False)
    kept = singular[:n] > 1e-6 * singular[0]
    deviation = singular[:n][kept] / np.sqrt(len(embedding))
    return centre, directions[:n][kept].T / deviation
