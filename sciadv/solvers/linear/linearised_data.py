"""What the data say of an image: its score, and the measurements around it as a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import torch
from torch import Tensor

from sciadv.likelihood import Gaussian, as_data, real_view
from sciadv.problem import Problem
from sciadv.solvers.linear.gaussian_estimate import operator_matrix
from sciadv.solvers.linear.jacobian import MAX_TANGENTS, real_curvature


@dataclass(frozen=True, eq=False)
class DataModel:
    """The measurements as a function of flat images, in float64; a nonlinear operator in its own dtype.

    Around an image x the energy is that of ``|r - M (x' - x)|^2 / 2`` with ``M = C^(1/2) dF/dx`` and
    ``r = -C^(-1/2) g``, where g and C are the likelihood's gradient and Fisher curvature: the steps of Gauss
    and Newton for Gaussian noise, Fisher scoring or reweighted least squares for others (McCullagh and
    Nelder, Generalized Linear Models, 1989, section 2.5).

    Parameters
    ----------
    problem
        Operator and likelihood.
    y
        Measurements ``(rows, *out_shape)``.
    matrix
        A linear operator as a real matrix ``(measurements, pixels)``; None for a nonlinear one.
    """

    problem: Problem
    y: Tensor
    matrix: Tensor | None

    @property
    def n_pixels(self) -> int:
        """Length of a flat image."""
        return prod(self.problem.forward.in_shape)

    def predict(self, x: Tensor) -> Tensor:
        """Predict the measurements ``(rows, *out_shape)`` of flat images ``(rows, pixels)``."""
        forward = self.problem.forward
        if self.matrix is None:
            made: Tensor = forward(self._candidates(x))
            return made.to(torch.complex128 if made.is_complex() else torch.float64)
        return as_data(x @ self.matrix.T, forward.out_shape)

    def score(self, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return misfit and energy ``(rows,)`` of images for the measurements `rows`."""
        y, likelihood, prediction = self.y[rows], self.problem.likelihood, self.predict(x)
        return likelihood.misfit(prediction, y), likelihood.energy(prediction, y)

    @cached_property
    def whitened(self) -> Tensor | None:
        """``A' N^(-1/2)`` ``(pixels, measurements)``: A linear, N of known Gaussian noise; else None."""
        likelihood = self.problem.likelihood
        if self.matrix is None or not isinstance(likelihood, Gaussian) or likelihood.sigma is None:
            return None
        return self.matrix.T * self._weight

    @cached_property
    def normal(self) -> Tensor:
        """``A' N^-1 A`` ``(pixels, pixels)``, where there is `whitened`."""
        assert self.whitened is not None
        return self.whitened @ self.whitened.T

    @cached_property
    def _weight(self) -> Tensor:
        """``N^(-1/2)`` of Gaussian noise ``(measurements,)``."""
        return real_curvature(self.problem, self.y[:1], self.y[:1])[0].sqrt()

    def residual(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return ``N^(-1/2) (y - A x)`` ``(rows, measurements)``, where there is `whitened`."""
        return -real_view(self.problem.likelihood.gradient(self.predict(x), self.y[rows])) / self._weight

    def linearise(self, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``M' (rows, pixels, measurements)`` and ``r (rows, measurements)`` at images."""
        y, prediction = self.y[rows], self.predict(x)
        weight = real_curvature(self.problem, prediction, y).sqrt()
        gradient = real_view(self.problem.likelihood.gradient(prediction, y))
        residual = torch.where(weight > 0, -gradient / weight, 0)  # a datum without curvature says nothing
        derivative = self.jacobian(x) if self.matrix is None else self.matrix.T
        return derivative * weight[:, None], residual

    def jacobian(self, x: Tensor) -> Tensor:
        """Return ``dF/dx`` transposed ``(rows, pixels, measurements)``, the shorter way."""
        by_tangents = self.n_pixels <= self.problem.n_measurements
        return self._by_tangents(x) if by_tangents else self._by_cotangents(x)

    def _by_tangents(self, x: Tensor) -> Tensor:
        forward, images = self.problem.forward, self._candidates(x)
        unit = torch.eye(self.n_pixels, dtype=images.dtype, device=x.device)
        columns = []
        for part in torch.split(unit, max(1, MAX_TANGENTS // len(x))):
            at = images.repeat_interleave(len(part), 0)
            moved = real_view(forward.jvp(at, part.repeat(len(x), 1).reshape(at.shape)))
            columns.append(moved.reshape(len(x), len(part), -1))
        return torch.cat(columns, 1).double()

    def _by_cotangents(self, x: Tensor) -> Tensor:
        forward, images = self.problem.forward, self._candidates(x)
        unit = torch.eye(self.problem.n_measurements, dtype=images.real.dtype, device=x.device)
        columns = []
        for part in torch.split(unit, max(1, MAX_TANGENTS // len(x))):
            at = images.repeat_interleave(len(part), 0)
            cotangent = as_data(part.repeat(len(x), 1), forward.out_shape)
            columns.append(forward.vjp(at, cotangent).reshape(len(x), len(part), -1))
        return torch.cat(columns, 1).transpose(1, 2).double()

    def _candidates(self, x: Tensor) -> Tensor:
        return x.to(self.problem.forward.dtype).reshape(-1, *self.problem.forward.in_shape)


def data_model(problem: Problem) -> DataModel:
    """Return the data model of a problem with any operator and any likelihood."""
    y = problem.measurements
    matrix = operator_matrix(problem.forward) if problem.forward.is_linear else None
    return DataModel(problem, y.to(torch.complex128 if y.is_complex() else torch.float64), matrix)
