"""The residual correction: principal components, moved where cells of other batches match, no further."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.matched.clusters import Array, SoftClusters, n_leading
from sciadv.domains.batch_correction.matched.expression import GeneModel
from sciadv.domains.batch_correction.matched.shift import MatchedShift
from sciadv.domains.batch_correction.networks import fixed
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.matrices import Matrix
from sciadv.prior import Prior


class _InEveryBatch(nn.Module):
    """``(x, log weights of clusters) -> x`` as each batch would measure it, and last x itself."""

    def __init__(self, model: GeneModel) -> None:
        super().__init__()
        self.is_positive = model.is_positive
        self.most = model.most
        self.n_genes = model.mean.shape[1]
        self.mean = fixed(model.mean)
        self.of_batch = fixed(model.of_batch)
        self.own = fixed(model.own)

    def forward(self, latent: Tensor) -> Tensor:
        x = latent[:, : self.n_genes]
        weights = latent[:, self.n_genes :].softmax(1)
        aim = weights @ self.mean
        found = aim[:, None] + self.of_batch + torch.einsum("nk,bkg->nbg", weights, self.own)
        if not self.is_positive:
            return torch.cat([x[:, None] + found - aim[:, None], x[:, None]], 1)
        least = 1e-6
        factor = torch.where(found > least, aim.clamp(min=0)[:, None] / found.clamp(min=least), 1.0)
        return torch.cat([x[:, None] / factor.clamp(1 / self.most, self.most), x[:, None]], 1)


class _Corrected(nn.Module):
    """The corrected expression of a cell measured in one batch, and the log weights of its clusters."""

    def __init__(self, correction: ResidualCorrection, own: int) -> None:
        super().__init__()
        self.correction = correction
        self.own = own

    def forward(self, x: Tensor) -> Tensor:
        measured = x[:, self.own].detach().cpu().numpy().astype(np.float32)
        batch = np.full(len(measured), self.own)
        weights = self.correction.weights(measured, batch)
        corrected = self.correction.genes.remove(measured, weights, batch)
        latent = np.concatenate([corrected, np.log(weights.clip(min=1e-30))], 1)
        return torch.as_tensor(latent).to(x)


@final
class ResidualCorrection(Correction):
    """Principal components plus a shift, and genes changed by what the batch makes of them in each cluster.

    Parameters
    ----------
    components
        Of the expression before correction.
    shift
        Of the components.
    genes
        Mean expression of clusters in batches.
    """

    method = "residual"
    least_cells = 10  # clusters of a batch, and their means
    needs_batch = True
    needs_labels = False

    def __init__(self, components: Components, shift: MatchedShift, genes: GeneModel) -> None:
        self.components = components
        self.shift = shift
        self.genes = genes

    @classmethod
    def fit(cls, expression: Matrix, groups: Groups, plan: FitPlan) -> ResidualCorrection:
        """Fit on normalised expression ``(cells, genes)``; where all cells have labels, match within them."""
        if (groups.labels < 0).any():
            groups = replace(groups, labels=np.zeros_like(groups.labels))
        components = Components.fit(expression, plan.settings.n_components, seed=plan.seed)
        scores = components.scores(expression)
        shift = MatchedShift.fit(scores, groups, seed=plan.seed)
        moved = shift(scores, groups.batch)
        n_batches = groups.n_batches
        balance = (len(moved) / n_batches / np.bincount(groups.batch, minlength=n_batches))[groups.batch]
        clusters = SoftClusters.fit(
            moved,
            balance,
            n_clusters=len(shift.after[-1].moves),
            n_leading=n_leading(np.asarray(scores, np.float64)),
            seed=plan.seed,
        )
        genes = GeneModel.fit(expression, clusters, clusters.weights(moved), groups)
        return cls(components, shift, genes)

    def weights(self, expression: Matrix, batch: NDArray[np.int64]) -> Array:
        """Return the weights of the clusters ``(cells, clusters)`` of cells measured in batches."""
        return self.genes.clusters.weights(self.shift(self.components.scores(expression), batch))

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the moved principal components."""
        return self.shift(self.components.scores(expression), groups.batch).astype(np.float32)

    def correct(self, expression: Matrix, groups: Groups, *, to: int | None = None) -> NDArray[np.float32]:
        """Return the expression with the batch's part of each gene taken out."""
        weights = self.weights(expression, groups.batch)
        return self.genes.remove(expression, weights, groups.batch, to=to)

    def adapted(
        self,
        expression: Matrix,
        groups: Groups,
        reference: Reference,  # noqa: ARG002  # the rounds keep what is needed of it
        plan: FitPlan,
    ) -> ResidualCorrection:
        """Return it with further batches, each moved as by a fit in which the reference stays in place."""
        scores = self.components.scores(expression)
        shift = self.shift
        moved = np.empty(scores.shape)
        for b in range(groups.n_batches):
            of_batch = groups.batch == b
            shift, moved[of_batch] = shift.extended(scores[of_batch], seed=plan.seed)
        weights = self.genes.clusters.weights(moved)
        genes = self.genes.extended(expression, weights, groups.batch, groups.n_batches)
        return ResidualCorrection(self.components, shift, genes)

    def prior(self, own: int, label: int) -> Prior:  # noqa: ARG002  # labels are not read
        """Return the model of genes as a prior; latents are corrected expression and weights of clusters."""
        n_clusters, n_genes = self.genes.mean.shape
        generator = _InEveryBatch(self.genes)
        return Prior(generator, n_genes + n_clusters, _Corrected(self, own), name="matched clusters")

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        tensors = self.components.tensors() | self.shift.tensors() | self.genes.tensors()
        return tensors, {"is_positive": self.genes.is_positive}

    @classmethod
    def restore(
        cls,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],
        *,
        n_batches: int,
        n_labels: int,  # noqa: ARG003  # labels are not read
        device: torch.device,  # noqa: ARG003  # it computes by NumPy
    ) -> ResidualCorrection:
        """Build it from what `state` returned."""
        genes = GeneModel.from_tensors(tensors, is_positive=bool(facts["is_positive"]))
        if len(genes.of_batch) != n_batches:
            raise ValueError(f"of_batch has {len(genes.of_batch)} rows, not {n_batches}")
        return cls(Components.from_tensors(tensors), MatchedShift.from_tensors(tensors), genes)
