"""Numbers in which measurements that contradict a problem as stated differ from those that do not.

All follow from the training set's Gaussian, seen through the operator, in units of the noise: data with
``y ~ N(A m, A C A' + I)``. They are the whitened data by the size of their variance, what other noise, units
or moved images would gain in evidence, how far single data are from their prediction by all others (Cook and
Weisberg, Residuals and Influence in Regression, 1982, section 2.2), and the values of the linear estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sciadv.data.moments import Moments
from sciadv.diagnosis import CheckSettings
from sciadv.likelihood import real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.gaussian_estimate import noise_variance, operator_matrix
from sciadv.types import Shape


@dataclass(frozen=True, eq=False)
class SeenThrough:
    """A training set's Gaussian through an operator.

    Parameters
    ----------
    matrix
        The operator in standard deviations of the noise ``(measurements, pixels)``.
    deviation
        Those standard deviations ``(measurements,)``.
    moments
        The Gaussian's.
    shape
        Of an image.
    settings
        The numbers.
    """

    matrix: Tensor
    deviation: Tensor
    moments: Moments
    shape: Shape
    settings: CheckSettings

    @staticmethod
    def of(problem: Problem, settings: CheckSettings) -> SeenThrough | None:
        """Return that of a problem with a linear operator and Gaussian noise; None without moments."""
        moments, forward = problem.prior.moments, problem.forward
        if moments is None:
            return None
        deviation = noise_variance(problem, "the diagnosis").sqrt()
        matrix = operator_matrix(forward) / deviation[:, None]
        return SeenThrough(matrix, deviation, moments, forward.in_shape, settings)

    @property
    def mean(self) -> Tensor:
        """Mean image ``(pixels,)``."""
        return self.moments.mean.flatten().to(self.matrix)

    @cached_property
    def crossed(self) -> Tensor:
        """``C A'`` ``(pixels, measurements)``."""
        return self.moments.times(self.matrix.T)

    @cached_property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues of ``A C A'`` and its eigenvectors."""
        values, vectors = torch.linalg.eigh(self.matrix @ self.crossed)
        return values.clamp_min(0), vectors

    @cached_property
    def precision(self) -> Tensor:
        """``(A C A' + I)^-1``, of scaled data ``(measurements, measurements)``."""
        values, vectors = self.spectrum
        return vectors / (values + 1) @ vectors.T

    @property
    def shifts(self) -> list[tuple[int, int]]:
        """Pixels down and right by which images are moved; none for other than images."""
        if len(self.shape) != 3:
            return []
        moves = [move * sign for move in self.settings.moves for sign in (1, -1)]
        return [*((move, 0) for move in moves), *((0, move) for move in moves)]

    @cached_property
    def moved(self) -> list[tuple[Tensor, Tensor]]:
        """Cholesky factors of the data's covariance and their means, of images moved by some pixels."""
        rows = self.matrix.reshape(-1, *self.shape)
        unit = torch.eye(len(rows)).to(rows)
        found = []
        for shift in self.shifts:
            matrix = rows.roll(tuple(-size for size in shift), (-2, -1)).flatten(1)
            covariance = matrix @ self.moments.times(matrix.T) + unit
            found.append((torch.linalg.cholesky(covariance), matrix @ self.mean))
        return found

    def scaled(self, measurements: Tensor) -> Tensor:
        """Return measurements in standard deviations of the noise ``(batch, measurements)``."""
        return real_view(measurements).double() / self.deviation

    def white(self, data: Tensor) -> Tensor:
        """Return scaled data as independent standard normal numbers, the least varying first."""
        values, vectors = self.spectrum
        return ((data - self.matrix @ self.mean) @ vectors) / (values + 1).sqrt()

    def move_gains(self, data: Tensor) -> Tensor:
        """Return the evidence that scaled data gain by each of the shifts ``(batch, shifts)``."""
        stated = -0.5 * (self.white(data).square().sum(1) + (self.spectrum[0] + 1).log().sum())
        gains = data.new_empty(len(data), len(self.shifts))
        for i, (factor, mean) in enumerate(self.moved):
            left = torch.linalg.solve_triangular(factor, (data - mean).T, upper=False)
            gains[:, i] = -0.5 * left.square().sum(0) - factor.diagonal().log().sum() - stated
        return gains

    def features(self, measurements: Tensor) -> Tensor:
        """Return the numbers of measurements ``(batch, features)``, in double precision."""
        data = self.scaled(measurements)
        left = data - self.matrix @ self.mean
        moves = self.move_gains(data).asinh()
        parts = [self._bands(self.white(data)), self._gains(data), moves, moves.sort(1).values[:, -1:]]
        score = left @ self.precision
        parts.append(_tails(score / self.precision.diagonal().sqrt()))
        parts.append(self._values(self.mean + score @ self.crossed.T))
        return torch.cat(parts, 1)

    def _bands(self, white: Tensor) -> Tensor:
        """Return the logarithm of the mean square of whitened data in bands of their variance."""
        n = min(self.settings.n_bands, white.shape[1])
        bands = white.square().tensor_split(n, 1)
        return torch.stack([band.mean(1).clamp_min(1e-12).log() for band in bands], 1)

    def _gains(self, data: Tensor) -> Tensor:
        """Return the evidence gained by the best of other noise, and of other units, and which they are."""
        values, vectors = self.spectrum
        seen, mean = data @ vectors, (self.matrix @ self.mean) @ vectors
        factors = self.settings.factors.to(data)[:: self.settings.coarser]
        noises = torch.stack([log_density(seen, mean, values + a * a) for a in factors], 1)
        units = torch.stack([log_density(seen, a * mean, a * a * values + 1) for a in factors], 1)
        stated = log_density(seen, mean, values + 1)[:, None]
        best = [(gains - stated).max(1) for gains in (noises, units)]
        return torch.stack([part for one in best for part in (one.values.asinh(), one.indices.double())], 1)

    def _values(self, x: Tensor) -> Tensor:
        """Return quantiles, mean, spread and roughness of images ``(batch, pixels)``."""
        at = torch.tensor([0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1]).to(x)
        images = x.reshape(-1, *self.shape)
        rough = [images.diff(dim=axis).abs().flatten(1).sum(1) for axis in range(2, images.ndim)]
        total = torch.stack(rough).sum(0) if rough else x.diff(dim=1).abs().sum(1)
        sums = torch.stack([x.mean(1), x.std(1).clamp_min(1e-12).log(), total.clamp_min(1e-12).log()], 1)
        return torch.cat([torch.quantile(x, at, dim=1).T, sums], 1)


def log_density(data: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return the log density of independent Gaussian data ``(batch,)``, up to a constant."""
    density: Tensor = -0.5 * ((data - mean).square() / variance + variance.log()).sum(1)
    return density


def _tails(residuals: Tensor) -> Tensor:
    """Return spread, kurtosis and largest values of residuals, in robust standard deviations."""
    robust = residuals.abs().median(1).values.clamp_min(1e-12) / 0.6745
    scaled = residuals / robust[:, None]
    largest = scaled.abs().sort(1, descending=True).values.clamp_min(1e-12).log()
    m = residuals.shape[1]
    ranks = sorted({0, min(2, m - 1), m // 50, m // 20, m // 10})
    beyond = (scaled.abs() - 3).clamp_min(0).square().mean(1)
    parts = [robust.log(), scaled.pow(4).mean(1).clamp_min(1e-12).log(), (beyond + 1e-3).log()]
    return torch.cat([torch.stack(parts, 1), largest[:, ranks]], 1)
