"""The rate of each gene in a cell: its posterior, intervals of corrected values, and counts drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.uncertainty.count_model import Array, Codes, CountModel
from sciadv.domains.batch_correction.uncertainty.count_problem import count_problem
from sciadv.solvers.posterior.laplace import Laplace


@final
@dataclass(frozen=True, eq=False)
class Rates:
    """Gamma distributed rates of genes in cells [expected counts at the cells' own depth].

    Parameters
    ----------
    mean, shape
        ``(cells, genes)`` in the batch in which a cell was measured; the variance is ``mean^2 / shape``.
    without
        ``(genes,)``: factor from that batch to none.
    """

    mean: Array
    shape: Array
    without: Array

    def quantiles(self, p: float) -> Array:
        """Return the rates ``(cells, genes)`` below which a part p of the posterior lies."""
        from scipy.special import gammaincinv

        found: Array = gammaincinv(self.shape, p) * self.mean / self.shape
        return found

    def corrected(self, p: float, target_counts: float) -> NDArray[np.float32]:
        """Return quantiles of ``log(1 + target counts x share)``, without the batch's part."""
        total = (self.mean * self.without).sum(1, keepdims=True)
        share = self.quantiles(p) * self.without / total
        return np.asarray(np.log1p(target_counts * share), np.float32)

    def counts_below(self, counts: NDArray[np.floating], exposure: Array) -> Array:
        """Return the probability that a count drawn again is at most that many ``(cells, genes)``.

        Parameters
        ----------
        counts
            ``(cells, genes)``; -1 is below all.
        exposure
            ``(cells,)``: depth of the counts over the depth of those that were seen.
        """
        from scipy.special import betainc

        mean = self.mean * exposure[:, None]
        found: Array = np.where(
            counts < 0,
            0.0,
            betainc(self.shape, counts.clip(min=0) + 1, self.shape / (self.shape + mean)),
        )
        return found


def solve_rates(
    model: CountModel,
    counts: NDArray[np.float32],
    batch: Codes,
    *,
    seed: int,
    n_samples: int = 24,
    most_numbers: int = 2**25,
) -> Iterator[tuple[Codes, Rates]]:
    """Yield the rates of cells, those of some cells of one batch at a time, with their places.

    Parameters
    ----------
    model
        Of counts.
    counts
        ``(cells, genes)``; -1 for a count that was not measured.
    batch
        ``(cells,)``, numbers.
    seed
        Seed of the draws.
    n_samples
        Draws of a cell's latents.
    most_numbers
        Numbers in the draws of the cells that are solved at once, which bounds the memory.

    Notes
    -----
    Latents are drawn by `Laplace`, in whose objective the gamma distributed part of each rate is integrated
    out. Given latents that expect mu counts, and n that were seen, a rate is gamma distributed with shape
    ``1 / phi + n`` and mean ``mu (1 + phi n) / (1 + phi mu)``, by conjugacy; where none was measured, with
    shape ``1 / phi`` and mean mu. The mixture over the draws is taken for the gamma distribution of its mean
    and variance.
    """
    a_cell = counts.shape[1] * 2 * (n_samples + model.n_latent)
    n_at_once = max(1, most_numbers // a_cell)
    for b in np.unique(batch):
        places = np.flatnonzero(batch == b)
        for start in range(0, len(places), n_at_once):
            some = places[start : start + n_at_once]
            y = torch.as_tensor(counts[some])
            problem = count_problem(model, y, own=int(b))
            posterior = Laplace(restarts=1, n_samples=n_samples).solve(problem, seed=seed).posterior
            assert posterior is not None  # `Laplace` was not interrupted
            yield some, _mixed(model, posterior.samples[:, :, 0].double(), y.double(), int(b))


def _mixed(model: CountModel, expected: Tensor, counts: Tensor, own: int) -> Rates:
    """Return the rates given what draws expect ``(cells, draws, genes)``, and counts ``(cells, genes)``."""
    phi = torch.as_tensor(model.overdispersion)
    seen = counts.clamp_min(0)[:, None]
    exposure = (counts >= 0).double()[:, None]
    mean = expected * (1 + phi * seen) / (1 + phi * exposure * expected)
    variance = mean.square() / (1 / phi + seen)
    total = variance.mean(1) + mean.var(1, correction=0)
    centre = mean.mean(1)
    shape = centre.square() / total
    return Rates(centre.numpy(), shape.numpy(), np.exp(-model.of_batch[own]))
