"""Steady states of circuits by damped Newton iterations, their Jacobians and leading eigenvalues.

Computed in levels relative to each gene's largest, in which a steady state is ``y = f(y)`` with y in (0, 1]:
of mRNA and of what matures as well, each in parts of its own largest, so that these change only the Jacobian.
Steady states are differentiated by the implicit function theorem, eigenvalues by their eigenvectors; nothing
is propagated through the iterations or through time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from sciadv.physics.regulation.hill import edges_of, stage_rates
from sciadv.physics.regulation.kinetics import Kinetics
from sciadv.physics.regulation.promoters import Promoter, each, promoter_of


@dataclass(frozen=True)
class Relative:
    """Circuits in relative levels: ``dy_0/dt = r_0 (y_1 - y_0)``, ..., ``dy_K/dt = r_K (f(y_0) - y_K)``.

    Parameters
    ----------
    promoter
        f, thresholds relative.
    rates
        ``(batch, stages, genes)``, that of protein first.
    """

    promoter: Promoter
    rates: Tensor

    @staticmethod
    def of(kinetics: Kinetics, *, absent_rate: float = 10.0) -> Relative:
        """Return the equations of circuits; absent genes are uncoupled and decay.

        They return to their level at `absent_rate` [1 / time], too quick for a leading eigenvalue.
        """
        rates = torch.where(kinetics.presence[:, None] > 0, stage_rates(kinetics), absent_rate)
        edges = edges_of(kinetics, -kinetics.hill * kinetics.threshold.log())
        return Relative(promoter_of(edges, kinetics.model), rates)

    @property
    def degradation(self) -> Tensor:
        """Of protein ``(batch, genes)``."""
        return self.rates[:, 0]

    def detach(self) -> Relative:
        """Return the equations as constants."""
        return Relative(each(self.promoter, Tensor.detach), self.rates.detach())

    def parts(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``f(y)`` ``(..., genes)`` and ``df_j/dy_i`` ``(..., i, j)`` at y ``(..., batch, genes)``."""
        promoter, levels = self.promoter, y.movedim(-1, 0)
        n_more = y.ndim - 2
        if n_more:
            ones = (1,) * n_more
            promoter = each(promoter, lambda part: part.reshape(*part.shape[:-1], *ones, part.shape[-1]))
        f, slope = promoter.slopes(levels.log())
        slope = slope / levels[:, None]
        return f.movedim(0, -1), slope.movedim((0, 1), (-2, -1))


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


def jacobians(equations: Relative, y: Tensor) -> Float[Tensor, "*batch states states"]:
    """Return the Jacobians at relative levels, rows the derivatives; similar to those in levels.

    The order of states is that of `HillEquations`: levels of protein first.
    """
    slope = equations.parts(y)[1].transpose(-1, -2)
    rates, n = equations.rates, y.shape[-1]
    n_states = n * rates.shape[1]
    loss = torch.diag_embed(rates.flatten(1))
    step = torch.diag_embed(rates[:, :-1].flatten(1), offset=n)
    upstream = n_states - n
    source = torch.nn.functional.pad(rates[:, -1, :, None] * slope, (0, upstream, upstream, 0))
    return source + (step - loss)


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
