"""The effect of numbers such as the run order on each gene, within each batch, and expression without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.polynomial.legendre import legvander
from numpy.typing import NDArray
from torch import Tensor

from sciadv.domains.batch_correction.reading.matrices import Matrix, dense, is_nowhere_negative

Array = NDArray[np.float64]
Batch = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class CovariateEffects:
    """A polynomial of each covariate, for each gene in each batch.

    Parameters
    ----------
    middle, half
        ``(batches, covariates)``: the middle of a batch's values and half their range, which the polynomials
        are of.
    coefficients
        ``(batches, 1 + terms, genes)``: a constant, with which the mean effect on the batch is 0, and those
        of each covariate.
    penalty
        What was added for each squared coefficient, in cells; infinite where no effect was found.
    is_positive
        Whether expression is nowhere negative.
    """

    middle: Array
    half: Array
    coefficients: Array
    penalty: float
    is_positive: bool

    @staticmethod
    def fit(
        expression: Matrix,
        covariates: Array,
        batch: Batch,
        n_batches: int,
        *,
        seed: int,
        penalties: tuple[float, ...] = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, np.inf),
        n_folds: int = 5,
    ) -> CovariateEffects:
        """Fit by least squares with the penalty that predicts cells which were left out best.

        Parameters
        ----------
        expression
            Normalised, ``(cells, genes)``; NaN was not measured.
        covariates
            ``(cells, covariates)``.
        batch
            ``(cells,)``, numbers from 0.
        n_batches
            How many.
        seed
            Seed of the folds.
        penalties
            What may be taken; the infinite one is no effect.
        n_folds
            Parts of the cells, each left out once.
        """
        fold = np.random.default_rng(seed).permutation(len(batch)) % n_folds
        middle, half = _ranges(covariates, batch, n_batches)
        sums = [
            [
                _Sums.of(expression[of], _terms(covariates[of], middle[b], half[b]))
                for of in ((batch == b) & (fold == k) for k in range(n_folds))
            ]
            for b in range(n_batches)
        ]
        all_sums = [sum(own[1:], own[0]) for own in sums]
        errors = {
            penalty: sum(
                one.error((whole - one).solved(penalty))
                for own, whole in zip(sums, all_sums, strict=True)
                for one in own
            )
            for penalty in penalties
        }
        best = min(penalties, key=lambda penalty: errors[penalty])
        effects = np.stack([whole.effects(best) for whole in all_sums])
        return CovariateEffects(middle, half, effects, best, is_nowhere_negative(expression))

    def further(self, expression: Matrix, covariates: Array, batch: Batch, n_new: int) -> CovariateEffects:
        """Return that of further batches, numbered from 0 in `batch`, at the same penalty."""
        middle, half = _ranges(covariates, batch, n_new)
        of = [batch == b for b in range(n_new)]
        terms = [_terms(covariates[own], *at) for own, *at in zip(of, middle, half, strict=True)]
        sums = [_Sums.of(expression[own], each) for own, each in zip(of, terms, strict=True)]
        effects = np.stack([each.effects(self.penalty) for each in sums])
        return CovariateEffects(middle, half, effects, self.penalty, self.is_positive)

    def joined(self, further: CovariateEffects) -> CovariateEffects:
        """Return both, the further batches last."""
        return replace(
            self,
            middle=np.concatenate([self.middle, further.middle]),
            half=np.concatenate([self.half, further.half]),
            coefficients=np.concatenate([self.coefficients, further.coefficients]),
        )

    def remove(self, expression: Matrix, covariates: Array, batch: Batch) -> NDArray[np.float32]:
        """Return expression ``(cells, genes)`` without the effects; the means of batches stay.

        Expression that is nowhere negative stays so, and at 0 where it is 0. A cell beyond the range of its
        batch is taken as at the end of it.
        """
        x = np.array(dense(expression), np.float32)
        for b in np.unique(batch):
            of = batch == b
            moved = x[of] - _terms(covariates[of], self.middle[b], self.half[b]) @ self.coefficients[b]
            x[of] = np.where(x[of] == 0, 0, np.maximum(moved, 0)) if self.is_positive else moved
        return x

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file holds of it."""
        return {
            "covariates.middle": torch.as_tensor(self.middle),
            "covariates.half": torch.as_tensor(self.half),
            "covariates.coefficients": torch.as_tensor(self.coefficients),
            "covariates.penalty": torch.tensor(self.penalty, dtype=torch.float64),
            "covariates.is_positive": torch.tensor(self.is_positive),
        }

    @staticmethod
    def from_tensors(tensors: dict[str, Tensor]) -> CovariateEffects | None:
        """Build it from what `tensors` returned, among others; None where there is nothing of it."""
        if "covariates.middle" not in tensors:
            return None
        middle, half, coefficients = (
            tensors[f"covariates.{name}"].numpy() for name in ("middle", "half", "coefficients")
        )
        penalty, is_positive = (tensors[f"covariates.{name}"].item() for name in ("penalty", "is_positive"))
        return CovariateEffects(middle, half, coefficients, float(penalty), bool(is_positive))


@final
@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over cells from which regressions of all genes on the terms follow, and their errors.

    Parameters
    ----------
    products
        ``(terms, terms)``, or for each gene ``(genes, terms, terms)`` where some were not measured.
    right
        ``(terms, genes)``: terms times expression.
    squares
        ``(genes,)``: squared expression.
    """

    products: Array
    right: Array
    squares: Array

    @staticmethod
    def of(expression: Matrix, terms: Array) -> _Sums:
        x = np.asarray(dense(expression), np.float64)
        seen = ~np.isnan(x)
        x = np.nan_to_num(x)
        outer = (terms[:, :, None] * terms[:, None]).reshape(len(terms), -1)
        shape = (terms.shape[1], terms.shape[1])
        products = (seen.T.astype(np.float64) @ outer).reshape(-1, *shape)
        return _Sums(products, terms.T @ x, (x**2).sum(0))

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.products + other.products, self.right + other.right, self.squares + other.squares)

    def __sub__(self, other: _Sums) -> _Sums:
        return _Sums(self.products - other.products, self.right - other.right, self.squares - other.squares)

    def solved(self, penalty: float) -> Array:
        """Return coefficients ``(terms, genes)``; the first term, the constant, is not penalised."""
        n_terms = len(self.right)
        if np.isinf(penalty):
            found = np.zeros_like(self.right)
            found[0] = self.right[0] / self.products[:, 0, 0].clip(min=1)
            return found
        added = penalty * np.eye(n_terms)
        added[0, 0] = 1e-9
        return np.linalg.solve(self.products + added, self.right.T[..., None])[..., 0].T.astype(np.float64)

    def effects(self, penalty: float) -> Array:
        """Return coefficients of which the constant makes the mean over the cells 0."""
        found = self.solved(penalty)
        found[0] = 0.0
        n = self.products[:, 0, 0].clip(min=1)
        found[0] = -np.einsum("gk,kg->g", self.products[:, 0], found) / n
        return found

    def error(self, coefficients: Array) -> float:
        """Return the squared error of a prediction, in units of each gene's mean square."""
        fitted = np.einsum("kg,gkl,lg->g", coefficients, self.products, coefficients)
        left = self.squares - 2 * (coefficients * self.right).sum(0) + fitted
        return float((left / self.squares.clip(min=1e-12)).sum())


def _ranges(covariates: Array, batch: Batch, n_batches: int) -> tuple[Array, Array]:
    """Return the middle and half the range of each batch's covariates, ``(batches, covariates)`` each."""
    ends = np.stack(
        [[covariates[batch == b].min(0), covariates[batch == b].max(0)] for b in range(n_batches)]
    )
    half = (ends[:, 1] - ends[:, 0]) / 2
    return ends.mean(1), np.where(half > 0, half, 1.0)


def _terms(covariates: Array, middle: Array, half: Array, *, degree: int = 3) -> Array:
    """Return 1 and the Legendre polynomials of each covariate, ``(cells, 1 + covariates * degree)``."""
    place = ((covariates - middle) / half).clip(-1, 1)
    found = legvander(place, degree)[..., 1:].reshape(len(place), -1)
    return np.concatenate([np.ones((len(place), 1)), found], 1)
