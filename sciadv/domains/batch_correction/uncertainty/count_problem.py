"""What would this cell have in every batch? The model of counts as the prior, its own counts as the data."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from sciadv.domains.batch_correction.networks import fixed
from sciadv.domains.batch_correction.uncertainty.count_model import CountModel
from sciadv.forward.base import LinearForward
from sciadv.likelihood import NegativeBinomial
from sciadv.prior import Prior
from sciadv.problem import Problem, SolverSettings
from sciadv.types import Shape


@final
class ExpectedCounts(nn.Module):
    """``(z, depth) -> depth exp(mean + z W + batch)``, a row for each of some batches, and last without one.

    Parameters
    ----------
    model
        Of counts.
    batches
        Numbers of the batches.
    """

    def __init__(self, model: CountModel, batches: tuple[int, ...]) -> None:
        super().__init__()
        nothing = np.zeros((1, len(model.mean)))
        self.rows = fixed(model.mean + np.concatenate([model.of_batch[list(batches)], nothing]))
        self.loadings = fixed(model.loadings)
        self.centre = float(model.log_depth[0])
        self.spread = float(model.log_depth[1])

    def forward(self, latent: Tensor) -> Tensor:
        """Return expected counts ``(cells, rows, genes)`` of latents, the last of which is the depth."""
        log_depth = self.centre + self.spread * latent[:, -1]
        shares = latent[:, :-1] @ self.loadings
        return (self.rows + shares[:, None] + log_depth[:, None, None]).exp()


@final
class FirstGuess(nn.Module):
    """Latents of counts as they stand in the first row: an average cell of the depth that was measured."""

    def __init__(self, expected: ExpectedCounts) -> None:
        super().__init__()
        self.expected = expected

    def forward(self, x: Tensor) -> Tensor:
        """Return latents ``(cells, latents)``; counts of -1 were not measured."""
        own = x[:, 0]
        measured = (own >= 0).to(own)
        shares = self.expected.rows[0].exp()
        depth = (measured * own).sum(1).clamp_min(1) / (measured * shares).sum(1).clamp_min(1e-12)
        start = own.new_zeros(len(own), len(self.expected.loadings) + 1)
        start[:, -1] = (depth.log() - self.expected.centre) / self.expected.spread
        return start


@final
class OwnCounts(LinearForward):
    """The row of the batch in which a cell was measured, the first: ``(rows, genes) -> (genes,)``."""

    def __init__(self, in_shape: Shape) -> None:
        super().__init__(in_shape, in_shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Return the row ``(cells, genes)``."""
        return x[:, 0]

    def adjoint(self, y: Tensor) -> Tensor:
        """Return candidates with `y` in the row and 0 elsewhere."""
        x = y.new_zeros(len(y), *self.in_shape)
        x[:, 0] = y
        return x


def count_problem(model: CountModel, counts: Tensor, *, own: int, others: tuple[int, ...] = ()) -> Problem:
    """Return the question "what would these cells have in other batches?" as a problem.

    Parameters
    ----------
    model
        Of counts.
    counts
        ``(cells, genes)`` of cells of one batch; -1 for a count that was not measured.
    own
        Number of their batch.
    others
        Numbers of other batches that are asked for.

    Returns
    -------
    Problem
        Its solution's ``x`` has a row of expected counts for the own batch, then for the others, and last
        without the batch's part. Its objective is convex in the latents, so that one start finds its minimum.

    Notes
    -----
    The gamma distributed part of a gene's rate is integrated out, which makes the counts negative binomial.
    """
    expected = ExpectedCounts(model, (own, *others))
    prior = Prior(expected, model.n_latent, FirstGuess(expected), name="expected counts")
    likelihood = NegativeBinomial(torch.as_tensor(model.overdispersion).float())
    return Problem(
        prior,
        OwnCounts(prior.out_shape),
        likelihood,
        counts,
        name="cells of one batch",
        solver=SolverSettings("laplace", 1),
    )
