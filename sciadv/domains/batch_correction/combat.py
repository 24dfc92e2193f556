"""The linear correction: location and scale of each gene in a batch, shrunk by empirical Bayes (ComBat)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.cells import Matrix, dense
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.correction import Correction, Groups
from sciadv.errors import InputError

#: Relative change of every location and scale below which they are found.
_CONVERGED, _MAX_ITERATIONS = 1e-6, 1000
#: Cells that a batch must have: its variance is one of the unknowns.
LEAST_CELLS = 3


@final
@dataclass(frozen=True, eq=False)
class LocationScale:
    """ComBat's model ``x = mean + label + s (gamma_b + sqrt(delta_b) e)``, a row per batch or label.

    Parameters
    ----------
    mean, s
        ``(genes,)``: mean over batches, and pooled standard deviation; 0 for a gene that does not vary.
    label
        ``(labels, genes)``, the part of each label, which is kept; of the first label 0.
    gamma, delta
        ``(batches, genes)``: location and squared scale, in units of s.
    """

    mean: Tensor
    s: Tensor
    label: Tensor
    gamma: Tensor
    delta: Tensor

    def remove(self, x: Tensor, batch: Tensor, labels: Tensor) -> Tensor:
        """Return ``mean + label + s (x_standardised - gamma_b) / sqrt(delta_b)``."""
        kept = self.mean + (self.label[labels.clamp(min=0)] if len(self.label) else 0.0)
        z = torch.where(self.s > 0, (x - kept) / self.s, torch.zeros_like(x))
        z = (z - self.gamma[batch]) / self.delta[batch].sqrt()
        return z * self.s + kept


def fit_location_scale(
    x: Tensor, batch: Tensor, labels: Tensor, *, n_batches: int, n_labels: int
) -> LocationScale:
    """Fit ComBat's model by parametric empirical Bayes.

    Parameters
    ----------
    x
        ``(cells, genes)``, normalised expression.
    batch, labels
        ``(cells,)``, numbers from 0; `labels` is read only if `n_labels` > 0.
    n_batches, n_labels
        How many there are.

    Raises
    ------
    InputError
        Batches and labels cannot be told apart (each label in one batch only, say).

    References
    ----------
    W. E. Johnson, C. Li, A. Rabinovic, Adjusting batch effects in microarray expression data using
    empirical Bayes methods, Biostatistics 8(1), 2007, Eqs. 2.1 to 2.4 and supplement, with the pooled
    variance over n as in sva and scanpy.
    """
    in_batch = torch.nn.functional.one_hot(batch, n_batches).to(x)
    n = in_batch.sum(0)
    design = in_batch
    if n_labels > 1:
        design = torch.cat([in_batch, torch.nn.functional.one_hot(labels, n_labels).to(x)[:, 1:]], 1)
    if int(torch.linalg.matrix_rank(design)) < design.shape[1]:
        raise InputError(
            "labels and batches are confounded: what a label does cannot be told from what a batch does; "
            "correct without labels, or merge labels that only one batch has"
        )
    beta = torch.linalg.solve(design.T @ design, design.T @ x)
    mean = (n / n.sum()) @ beta[:n_batches]
    own = torch.cat([torch.zeros_like(mean)[None], beta[n_batches:]]) if n_labels else beta[:0]
    variance = (x - design @ beta).square().mean(0)
    s = variance.sqrt()
    kept = mean + (own[labels] if n_labels else 0.0)
    z = torch.where(s > 0, (x - kept) / s, torch.zeros_like(x))
    gamma_hat = in_batch.T @ z / n[:, None]
    squares = in_batch.T @ (z - gamma_hat[batch]).square()
    gamma, delta = _shrink(gamma_hat, squares, n[:, None])
    return LocationScale(mean, s, own, gamma, delta)


def _shrink(gamma_hat: Tensor, squares: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Return the posterior means of location and squared scale, all batches and genes at once.

    The prior of a batch's locations is ``N(g, t2)``, that of its squared scales inverse gamma (a, b); their
    moments are those of the estimates over the genes. `squares` are sums over the batch's cells of
    ``(z - gamma_hat)^2``, all that the iteration needs of the cells.
    """
    delta_hat = squares / (n - 1)
    g, t2 = gamma_hat.mean(1, keepdim=True), gamma_hat.var(1, correction=0, keepdim=True)
    m, v = delta_hat.mean(1, keepdim=True), delta_hat.var(1, keepdim=True)
    a, b = (2 * v + m**2) / v, (m * v + m**3) / v
    gamma, delta = gamma_hat, delta_hat
    for _ in range(_MAX_ITERATIONS):
        new = (t2 * n * gamma_hat + delta * g) / (t2 * n + delta)
        scale = (0.5 * (squares + n * (new - gamma_hat).square()) + b) / (n / 2 + a - 1)
        change = max(_relative(new, gamma), _relative(scale, delta))
        gamma, delta = new, scale
        if change < _CONVERGED:
            break
    return gamma, delta


def _relative(new: Tensor, old: Tensor) -> float:
    return float(((new - old).abs() / old.abs().clamp(min=1e-8)).max())


@final
class LinearCorrection(Correction):
    """ComBat, with principal components of what it gives as the embedding."""

    needs_batch = True

    def __init__(self, model: LocationScale, components: Components) -> None:
        self.model, self.components = model, components
        self.needs_labels = len(model.label) > 0

    @staticmethod
    def fit(
        expression: Matrix, groups: Groups, *, n_components: int, seed: int, device: torch.device
    ) -> LinearCorrection:
        """Fit on normalised expression ``(cells, genes)``; every cell has a label if there are any."""
        x = torch.as_tensor(dense(expression), device=device).double()
        batch, labels = groups.on(device)
        model = fit_location_scale(x, batch, labels, n_batches=groups.n_batches, n_labels=groups.n_labels)
        corrected = model.remove(x, batch, labels).float().cpu().numpy()
        return LinearCorrection(model, Components.fit(corrected, n_components, seed=seed))

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the principal components of the corrected expression."""
        return self.components.scores(self.correct(expression, groups))

    def correct(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the expression with each batch's location and scale removed."""
        device = self.model.mean.device
        x = torch.as_tensor(dense(expression), device=device).double()
        corrected: NDArray[np.float32] = self.model.remove(x, *groups.on(device)).float().cpu().numpy()
        return corrected

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        tensors = {
            f"model.{name}": getattr(self.model, name) for name in ("mean", "s", "label", "gamma", "delta")
        }
        return tensors | self.components.tensors(), {}

    @staticmethod
    def restore(tensors: dict[str, Tensor], device: torch.device) -> LinearCorrection:
        """Build it from what `state` returned."""
        own = {name: tensors[f"model.{name}"].to(device) for name in ("mean", "s", "label", "gamma", "delta")}
        return LinearCorrection(LocationScale(**own), Components.from_tensors(tensors))
