"""Steady states of Hill equations by damped Newton iterations, their Jacobians and leading eigenvalues.

Computed in levels relative to each gene's largest, ``y = x k / g``, in which ``dy/dt = k (f(y) - y)`` and y
lies in (0, 1]. Steady states are differentiated by the implicit function theorem, eigenvalues by their
eigenvectors; nothing is propagated through the iterations or through time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from sciadv.physics.regulation.kinetics import Kinetics


@dataclass(frozen=True)
class Relative:
    """Hill equations in relative levels, batch first: ``f_j(y) = prod_i (a_ij + b_ij h_ij(y_i))``.

    Parameters
    ----------
    a, b, hill, offset
        ``(batch, genes, genes)`` as in `HillEquations`, thresholds relative.
    degradation
        ``(batch, genes)``.
    """

    a: Tensor
    b: Tensor
    hill: Tensor
    offset: Tensor
    degradation: Tensor

    @staticmethod
    def of(kinetics: Kinetics, *, absent_rate: float = 10.0) -> Relative:
        """Return the equations of circuits; absent genes are uncoupled and decay.

        They return to their level at `absent_rate` [1 / time], too quick for a leading eigenvalue.
        """
        sign, reach = kinetics.sign, 1 - 1 / kinetics.fold
        a, b = 1 - reach * sign * (1 + sign) / 2, reach * sign
        degradation = torch.where(kinetics.presence > 0, kinetics.degradation, absent_rate)
        return Relative(a, b, kinetics.hill, -kinetics.hill * kinetics.threshold.log(), degradation)

    def detach(self) -> Relative:
        """Return the equations as constants."""
        return Relative(
            *(part.detach() for part in (self.a, self.b, self.hill, self.offset, self.degradation))
        )

    def parts(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``f(y)`` ``(..., genes)`` and ``df_j/dy_i`` ``(..., i, j)`` at y ``(..., genes)``."""
        h = (self.offset + self.hill * y[..., None].log()).sigmoid()
        factors = self.a + self.b * h
        f = factors.prod(-2)
        slope = f[..., None, :] * self.b * self.hill * h * (1 - h) / (factors * y[..., None])
        return f, slope


def steady_states(
    equations: Relative,
    starts: Float[Tensor, "starts genes"],
    *,
    n_relax: int = 20,
    n_newton: int = 14,
    levels: tuple[float, float] = (1e-6, 2.0),
) -> tuple[Tensor, Tensor]:
    """Find steady states from several starts: relax, then iterate by Newton; no gradients.

    Parameters
    ----------
    equations
        Of a batch of circuits.
    starts
        Relative levels in (0, 1], the same for all circuits.
    n_relax, n_newton
        Steps of relaxation and of Newton's iteration.
    levels
        Levels that are searched; the highest is above 1 for relaxed signs.

    Returns
    -------
    Relative levels ``(starts, batch, genes)``, and whether they are solutions ``(starts, batch)``.
    """
    with torch.no_grad():
        constant = equations.detach()
        y = starts[:, None].expand(-1, *equations.degradation.shape)
        for _ in range(n_relax):
            y = 0.5 * (y + constant.parts(y)[0].clamp(*levels))
        identity = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
        for _ in range(n_newton):
            f, slope = constant.parts(y)
            step, _ = torch.linalg.solve_ex((identity - slope).transpose(-1, -2), (f - y)[..., None])
            move = step[..., 0].nan_to_num(0.0, 0.0, 0.0)
            y = torch.minimum(torch.maximum(y + move, 0.3 * y), 3 * y).clamp(*levels)  # stays positive
        f, _ = constant.parts(y)
        tolerance = torch.finfo(y.dtype).eps ** 0.7  # rounding of f, with a margin
        solved = ((f - y).abs() <= tolerance * (y + 1e-3)).all(-1)
    return y, solved


def differentiable(equations: Relative, y: Tensor) -> Tensor:
    """Return steady states with their derivatives in the parameters: one Newton step from the solution.

    The implicit function theorem: ``dy = (I - f_y)^-1 df`` at ``y = f(y)``.
    """
    constant = y.detach()
    identity = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
    slope = equations.detach().parts(constant)[1]
    value = equations.parts(constant)[0]
    inverse, _ = torch.linalg.inv_ex((identity - slope).transpose(-1, -2))
    moved = inverse.nan_to_num(0.0, 0.0, 0.0) @ (value - value.detach())[..., None]
    states: Tensor = constant + moved[..., 0]
    return states


def jacobians(equations: Relative, y: Tensor) -> Float[Tensor, "*batch genes genes"]:
    """Return ``d(dy_j/dt)/dy_i`` at relative levels, rows j; similar to the Jacobian in levels."""
    slope = equations.parts(y)[1].transpose(-1, -2)
    identity = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
    return equations.degradation[..., None] * (slope - identity)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of Jacobians ``(..., genes)`` with left and right eigenvectors, as constants."""

    values: Complex[Tensor, "*batch genes"]
    left: Tensor
    right: Tensor

    @staticmethod
    def of(matrix: Tensor) -> Spectrum:
        """Decompose; matrices without a full set of eigenvectors get pseudo-inverses close by."""
        with torch.no_grad():
            values, right = torch.linalg.eig(matrix.detach().nan_to_num(0.0, 0.0, 0.0))
            left, _ = torch.linalg.inv_ex(right)
            return Spectrum(values, left, right)

    @property
    def is_oscillating(self) -> Bool[Tensor, "*batch genes"]:
        """Which eigenvalues have an imaginary part."""
        return self.values.imag.abs() > 1e-4

    def real_part(self, matrix: Tensor, index: Tensor) -> Tensor:
        """Return ``Re(w J v)`` of one eigenvalue each, differentiable in the matrix (Hellmann-Feynman)."""
        n = matrix.shape[-1]
        place = index[..., None, None]
        w = self.left.gather(-2, place.expand(*index.shape, 1, n))[..., 0, :]
        v = self.right.gather(-1, place.expand(*index.shape, n, 1))[..., 0]
        weight = (w[..., :, None] * v[..., None, :]).real
        largest = weight.abs().amax((-1, -2))
        usable = largest.isfinite() & (largest < 1e3)  # nearly defective: no derivative
        weight = torch.where(usable[..., None, None], weight, 0)
        value = self.values.gather(-1, index[..., None])[..., 0].real
        return value + (weight * (matrix - matrix.detach())).sum((-1, -2))
