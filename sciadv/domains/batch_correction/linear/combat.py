"""The linear correction: location and scale of each gene in a batch, shrunk by empirical Bayes (ComBat)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sciadv.domains.batch_correction.components import Components
from sciadv.domains.batch_correction.fitted_correction import Correction, FitPlan
from sciadv.domains.batch_correction.groups import Groups
from sciadv.domains.batch_correction.linear.group_moments import GroupMoments
from sciadv.domains.batch_correction.query.fitted_cells import Reference
from sciadv.domains.batch_correction.reading.matrices import Matrix, dense
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

    def remove(self, x: Tensor, batch: Tensor, labels: Tensor, *, to: int | None = None) -> Tensor:
        """Return ``mean + label + s (x_standardised - gamma_b) / sqrt(delta_b)``, or that of a batch."""
        corrected = torch.empty_like(x)
        own_labels = labels.clamp(min=0) if len(self.label) else torch.zeros_like(labels)
        for b in range(len(self.gamma)):
            slope = self.delta[b].rsqrt()
            shift = -self.gamma[b] * slope
            if to is not None:
                slope = slope * self.delta[to].sqrt()
                shift = self.gamma[to] - self.gamma[b] * slope
            slope = torch.where(self.s > 0, slope, 0.0)
            of = batch == b
            for label in range(max(1, len(self.label))):
                kept = self.kept(label)
                rows = of & (own_labels == label)
                start = (kept * (1 - slope) + self.s * shift).to(x)
                corrected[rows] = torch.addcmul(start, x[rows], slope.to(x))
        return corrected

    def standardised(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return what cells have in every batch, and ``(x - that) / s``, 0 for a gene that does not vary."""
        kept = self.mean + (self.label[labels.clamp(min=0)] if len(self.label) else 0.0)
        return kept, torch.where(self.s > 0, (x - kept) / self.s, 0.0 * x)

    def extended(self, moments: GroupMoments, *, n_new: int) -> LocationScale:
        """Return the model with further batches, numbered from 0 in `moments`; mean, label and s stay."""
        gamma, delta = _batch_parts(self, moments, n_new)
        return replace(self, gamma=torch.cat([self.gamma, gamma]), delta=torch.cat([self.delta, delta]))


def fit_location_scale(
    moments: GroupMoments,
    *,
    n_batches: int,
    n_labels: int,
    rounding: float = 1e-13,
) -> LocationScale:
    """Fit ComBat's model by parametric empirical Bayes.

    Parameters
    ----------
    moments
        Of normalised expression, by batch and label; labels are read only if `n_labels` > 0.
    n_batches, n_labels
        How many there are.
    rounding
        Variance that a gene has by rounding alone, in units of its largest squared mean.

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
    n = moments.n
    in_batch = torch.nn.functional.one_hot(moments.batch, n_batches).to(n)
    design = in_batch
    if n_labels > 1:
        design = torch.cat([in_batch, torch.nn.functional.one_hot(moments.label, n_labels).to(n)[:, 1:]], 1)
    if int(torch.linalg.matrix_rank(design)) < design.shape[1]:
        raise InputError(
            "labels and batches are confounded: the effects of both cannot be separated; "
            "correct without labels, or merge labels that only one batch has"
        )
    n_batch = in_batch.T @ n
    beta = _least_squares(design, n, moments.mean)
    mean = (n_batch * beta[:n_batches]).sum(0) / n.sum(0)
    own = torch.cat([torch.zeros_like(mean)[None], beta[n_batches:]]) if n_labels else beta[:0]
    left = moments.deviations + n * (moments.mean - design @ beta).square()
    variance = left.sum(0) / n.sum(0)
    is_constant = variance <= rounding * moments.mean.square().amax(0)
    s = torch.where(is_constant, 0.0, variance.sqrt())
    nothing = torch.zeros_like(n_batch)
    model = LocationScale(mean, s, own, nothing, nothing)
    gamma, delta = _batch_parts(model, moments, n_batches)
    return replace(model, gamma=gamma, delta=delta)


def _batch_parts(model: LocationScale, moments: GroupMoments, n_batches: int) -> tuple[Tensor, Tensor]:
    """Return location and squared scale ``(batches, genes)`` of what the model leaves of groups of cells.

    Each batch is shrunk by itself, towards what its genes have in common.
    """
    in_batch = torch.nn.functional.one_hot(moments.batch, n_batches).to(moments.n)
    n = in_batch.T @ moments.n
    _, z = model.standardised(moments.mean, moments.label)
    gamma_hat = in_batch.T @ (moments.n * z) / n.clamp(min=1)
    deviations = torch.where(model.s > 0, moments.deviations / model.s.square(), 0.0)
    squares = in_batch.T @ (deviations + moments.n * (z - gamma_hat[moments.batch]).square())
    return _shrink(gamma_hat, squares, n)


def _least_squares(design: Tensor, n: Tensor, mean: Tensor) -> Tensor:
    """Return coefficients ``(columns, genes)`` of group means, each with the weight of its cells."""
    right = design.T @ (n * mean)
    if bool((n == n[:, :1]).all()):
        same: Tensor = torch.linalg.solve(design.T @ (n[:, :1] * design), right)
        return same
    system = torch.einsum("gp,gk,gq->kpq", design, n, design)
    found: Tensor = (torch.linalg.pinv(system, hermitian=True) @ right.T[..., None])[..., 0].T
    return found


def _shrink(
    gamma_hat: Tensor, squares: Tensor, n: Tensor, *, tolerance: float = 1e-6, max_iterations: int = 1000
) -> tuple[Tensor, Tensor]:
    """Return the posterior means of location and squared scale, all batches and genes at once.

    The prior of a batch's locations is ``N(g, t2)``, that of its squared scales inverse gamma (a, b); their
    moments are those of the estimates over the genes that two cells of the batch have. `squares` are sums
    over the batch's cells of ``(z - gamma_hat)^2``, all that the iteration needs of the cells. It ends when
    no location or scale changes by more than `tolerance` of it.
    """
    is_known = n > 1
    delta_hat = squares / (n - 1).clamp(min=1)
    g, t2 = _mean_and_variance(gamma_hat, is_known, correction=0)
    m, v = _mean_and_variance(delta_hat, is_known, correction=1)
    a = (2 * v + m**2) / v
    b = (m * v + m**3) / v
    gamma = gamma_hat
    delta = torch.where(is_known, delta_hat, m)
    for _ in range(max_iterations):
        new = (t2 * n * gamma_hat + delta * g) / (t2 * n + delta)
        scale = (0.5 * (squares + n * (new - gamma_hat).square()) + b) / (n / 2 + a - 1)
        change = max(_relative(new, gamma), _relative(scale, delta))
        gamma = new
        delta = scale
        if change < tolerance:
            break
    return gamma, delta


def _mean_and_variance(values: Tensor, of: Tensor, *, correction: int) -> tuple[Tensor, Tensor]:
    """Return both over the genes of each batch for which `of` is true, ``(batches, 1)``."""
    n = of.sum(1, keepdim=True)
    mean = (values * of).sum(1, keepdim=True) / n
    variance = ((values - mean).square() * of).sum(1, keepdim=True) / (n - correction)
    return mean, variance


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


def _removed(
    model: LocationScale, expression: Matrix, groups: Groups, *, to: int | None = None, chunk: int = 4096
) -> NDArray[np.float32]:
    """Return corrected expression ``(cells, genes)``, a chunk at a time."""
    device = model.mean.device
    corrected = np.empty(expression.shape, np.float32)
    for start in range(0, len(corrected), chunk):
        rows = np.arange(start, min(start + chunk, len(corrected)))
        x = torch.as_tensor(dense(expression[rows]), device=device)
        corrected[rows] = model.remove(x, *groups.only(rows).on(device), to=to).cpu().numpy()
    return corrected


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
        moments = GroupMoments.of(expression, groups, plan.device)
        model = fit_location_scale(moments, n_batches=groups.n_batches, n_labels=groups.n_labels)
        corrected = _removed(model, expression, groups)
        return cls(model, Components.fit(corrected, plan.settings.n_components, seed=plan.seed))

    def embed(self, expression: Matrix, groups: Groups) -> NDArray[np.float32]:
        """Return the principal components of the corrected expression."""
        return self.components.scores(self.correct(expression, groups))

    def correct(self, expression: Matrix, groups: Groups, *, to: int | None = None) -> NDArray[np.float32]:
        """Return the expression with each batch's location and scale removed."""
        return _removed(self.model, expression, groups, to=to)

    def adapted(
        self,
        expression: Matrix,
        groups: Groups,
        reference: Reference,  # noqa: ARG002  # its moments are the model's mean and s
        plan: FitPlan,
    ) -> LinearCorrection:
        """Return it with locations and scales of further batches, standardised as the fit was."""
        moments = GroupMoments.of(expression, groups, plan.device)
        return LinearCorrection(self.model.extended(moments, n_new=groups.n_batches), self.components)

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
