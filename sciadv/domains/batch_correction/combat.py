"""The linear correction: location and scale of each gene in a batch, shrunk by empirical Bayes (ComBat)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciadv.domains.batch_correction.cells import Matrix, dense
from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.errors import InputError
from sciadv.prior import Prior


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

    def kept(self, label: int) -> Tensor:
        """Return ``mean + label``, what a cell of a label has in every batch; -1 for no label."""
        return self.mean + self.label[label] if label >= 0 and len(self.label) else self.mean

    def remove(self, x: Tensor, batch: Tensor, labels: Tensor) -> Tensor:
        """Return ``mean + label + s (x_standardised - gamma_b) / sqrt(delta_b)``."""
        kept, z = self.standardised(x, labels)
        z = (z - self.gamma[batch]) / self.delta[batch].sqrt()
        return z * self.s + kept

    def standardised(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what cells have in every batch, and ``(x - that) / s``, 0 for a gene that does not vary."""
        kept = self.mean + (self.label[labels.clamp(min=0)] if len(self.label) else 0.0)
        return kept, torch.where(self.s > 0, (x - kept) / self.s, torch.zeros_like(x))

    def extended(self, x: Tensor, batch: Tensor, labels: Tensor, *, n_new: int) -> LocationScale:
        """Return the model with further batches, numbered from 0 in `batch`; mean, label and s stay."""
        _, z = self.standardised(x, labels)
        gamma, delta = batch_parts(z, batch, n_new)
        return replace(self, gamma=torch.cat([self.gamma, gamma]), delta=torch.cat([self.delta, delta]))


def fit_location_scale(
    x: Tensor,
    batch: Tensor,
    labels: Tensor,
    *,
    n_batches: int,
    n_labels: int,
    tolerance: float = 1e-6,
    max_iterations: int = 1000,
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
    tolerance, max_iterations
        The iteration ends when no location or scale changes by more than this part of it, or after so many.

    Raises
    ------
    InputError
        Batches and labels are confounded (each label in one batch only, say).

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
            "labels and batches are confounded: the effects of both cannot be separated; "
            "correct without labels, or merge labels that only one batch has"
        )
    beta = torch.linalg.solve(design.T @ design, design.T @ x)
    mean = (n / n.sum()) @ beta[:n_batches]
    own = torch.cat([torch.zeros_like(mean)[None], beta[n_batches:]]) if n_labels else beta[:0]
    variance = (x - design @ beta).square().mean(0)
    s = variance.sqrt()
    nothing = torch.zeros(n_batches, len(mean)).to(mean)
    _, z = LocationScale(mean, s, own, nothing, nothing).standardised(x, labels)
    gamma, delta = batch_parts(z, batch, n_batches, tolerance=tolerance, max_iterations=max_iterations)
    return LocationScale(mean, s, own, gamma, delta)


def batch_parts(
    z: Tensor, batch: Tensor, n_batches: int, *, tolerance: float = 1e-6, max_iterations: int = 1000
) -> tuple[Tensor, Tensor]:
    """Return location and squared scale ``(batches, genes)`` of standardised expression ``(cells, genes)``.

    Each batch is shrunk by itself, towards what its genes have in common.
    """
    in_batch = torch.nn.functional.one_hot(batch, n_batches).to(z)
    n = in_batch.sum(0)
    gamma_hat = in_batch.T @ z / n[:, None]
    squares = in_batch.T @ (z - gamma_hat[batch]).square()
    return _shrink(gamma_hat, squares, n[:, None], tolerance=tolerance, max_iterations=max_iterations)


def _shrink(
    gamma_hat: Tensor, squares: Tensor, n: Tensor, *, tolerance: float, max_iterations: int
) -> tuple[Tensor, Tensor]:
    """Return the posterior means of location and squared scale, all batches and genes at once.

    The prior of a batch's locations is ``N(g, t2)``, that of its squared scales inverse gamma (a, b); their
    moments are those of the estimates over the genes. `squares` are sums over the batch's cells of
    ``(z - gamma_hat)^2``, all that the iteration needs of the cells.
    """
    delta_hat = squares / (n - 1)
    g = gamma_hat.mean(1, keepdim=True)
    t2 = gamma_hat.var(1, correction=0, keepdim=True)
    m = delta_hat.mean(1, keepdim=True)
    v = delta_hat.var(1, keepdim=True)
    a = (2 * v + m**2) / v
    b = (m * v + m**3) / v
    gamma = gamma_hat
    delta = delta_hat
    for _ in range(max_iterations):
        new = (t2 * n * gamma_hat + delta * g) / (t2 * n + delta)
        scale = (0.5 * (squares + n * (new - gamma_hat).square()) + b) / (n / 2 + a - 1)
        change = max(_relative(new, gamma), _relative(scale, delta))
        gamma = new
        delta = scale
        if change < tolerance:
            break
    return gamma, delta


def _relative(new: Tensor, old: Tensor) -> float:
    return float(((new - old).abs() / old.abs().clamp(min=1e-8)).max())


class _InEveryBatch(nn.Module):
    """``z -> mean + label + s (gamma_b + sqrt(delta_b) z)`` for each batch b, and last without the batch."""

    def __init__(self, model: LocationScale, label: int) -> None:
        super().__init__()
        self.model = model
        self.kept = nn.Parameter(model.kept(label).float(), requires_grad=False)

    def forward(self, z: Tensor) -> Tensor:
        gamma = self.model.gamma.to(z)
        spread = self.model.delta.to(z).sqrt()
        rows = gamma + spread * z[:, None]
        return self.kept + self.model.s.to(z) * torch.cat([rows, z[:, None]], 1)


class _Standardised(nn.Module):
    """``(x - mean - label) / s`` of one batch, its location and scale removed: the latent of a cell."""

    def __init__(self, model: LocationScale, own: int, label: int) -> None:
        super().__init__()
        self.model = model
        self.own = own
        self.label = label

    def forward(self, x: Tensor) -> Tensor:
        model = self.model
        z = (x[:, self.own] - model.kept(self.label).to(x)) / model.s.to(x)
        z = (z - model.gamma[self.own].to(x)) / model.delta[self.own].to(x).sqrt()
        return torch.where(model.s.to(x) > 0, z, torch.zeros_like(z))


@final
class LinearCorrection(Correction):
    """ComBat, with principal components of what it gives as the embedding."""

    method = "linear"
    least_cells = 3  # a batch's variance is one of the unknowns
    needs_batch = True

    def __init__(self, model: LocationScale, components: Components) -> None:
        self.model = model
        self.components = components
        self.needs_labels = len(model.label) > 0

    @classmethod
    def fit(cls, expression: Matrix, groups: Groups, plan: FitPlan) -> LinearCorrection:
        """Fit on normalised expression ``(cells, genes)``; every cell has a label if there are any."""
        x = torch.as_tensor(dense(expression), device=plan.device).double()
        batch, labels = groups.on(plan.device)
        model = fit_location_scale(x, batch, labels, n_batches=groups.n_batches, n_labels=groups.n_labels)
        corrected = model.remove(x, batch, labels).float().cpu().numpy()
        return cls(model, Components.fit(corrected, plan.settings.n_components, seed=plan.seed))

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the principal components of the corrected expression."""
        return self.components.scores(self.correct(expression, groups))

    def correct(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the expression with each batch's location and scale removed."""
        device = self.model.mean.device
        x = torch.as_tensor(dense(expression), device=device).double()
        corrected: NDArray[np.float32] = self.model.remove(x, *groups.on(device)).float().cpu().numpy()
        return corrected

    def adapted(
        self,
        expression: Matrix,
        groups: Groups,
        reference: Reference,  # noqa: ARG002  # its moments are the model's mean and s
        plan: FitPlan,
    ) -> LinearCorrection:
        """Return it with locations and scales of further batches, standardised as the fit was."""
        x = torch.as_tensor(dense(expression), device=plan.device).double()
        batch, labels = groups.on(plan.device)
        return LinearCorrection(
            self.model.extended(x, batch, labels, n_new=groups.n_batches), self.components
        )

    def prior(self, own: int, label: int) -> Prior:
        """Return ComBat's model as a prior: standardised expression is the latent."""
        n_genes = len(self.model.mean)
        generator = _InEveryBatch(self.model, label)
        return Prior(generator, n_genes, _Standardised(self.model, own, label), name="combat")

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors and plain values from which it can be built again."""
        tensors = {f"model.{part.name}": getattr(self.model, part.name) for part in fields(LocationScale)}
        return tensors | self.components.tensors(), {}

    @classmethod
    def restore(
        cls,
        tensors: dict[str, Tensor],
        facts: dict[str, Any],  # noqa: ARG003  # there are none
        *,
        n_batches: int,
        n_labels: int,
        device: torch.device,
    ) -> LinearCorrection:
        """Build it from what `state` returned."""
        own = {part.name: tensors[f"model.{part.name}"].to(device) for part in fields(LocationScale)}
        found = {"gamma": n_batches, "label": n_labels}
        wrong = [name for name, n in found.items() if len(own[name]) != n]
        if wrong:
            raise ValueError(f"{wrong[0]} has {len(own[wrong[0]])} rows, not {found[wrong[0]]}")
        return cls(LocationScale(**own), Components.from_tensors(tensors))
