"""Solutions of circuits' equations at many frequencies, with their derivatives by the adjoint circuit.

References
----------
Director and Rohrer, The generalized adjoint network and network sensitivities, IEEE Trans. Circuit Theory 16,
1969, 318-323.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sciadv.physics.small_signal.elements import System


def solution(system: System, s: Tensor) -> Tensor:
    """Return the voltages and currents of circuits ``(batch, frequencies, unknowns)``.

    Differentiable once in the matrices and the sources: for each circuit and frequency, one solution of the
    transposed equations gives all derivatives.

    Parameters
    ----------
    system
        The equations.
    s
        Complex frequencies [rad/s], ``(frequencies,)`` for all circuits or ``(batch, frequencies)``.

    Notes
    -----
    LU factorisation with partial pivoting (LAPACK). A singular circuit has an infinite or NaN solution.

    Examples
    --------
    A divider of two resistors of 1 ohm, driven at its upper node:

    >>> G = torch.tensor([[[1.0, -1.0], [-1.0, 2.0]]], dtype=torch.float64)
    >>> none = torch.zeros(1, 2, dtype=torch.float64)
    >>> divider = System(G, torch.zeros_like(G), none, none).driven(1)
    >>> solution(divider, torch.zeros(1, dtype=torch.complex128)).real.tolist()
    [[[0.5]]]
    """
    at = s.expand(len(system.source), -1) if s.ndim == 1 else s
    parts = (system.conductance, system.susceptance, system.source, system.source_rate)
    found: Tensor = _Solution.apply(*parts, at)  # type: ignore[no-untyped-call]  # untyped in torch
    return found


class _Solution(torch.autograd.Function):
    """``x = (G + s C)^-1 (b + s d)``; the adjoint ``(G + s C)^-H`` of a cotangent gives its derivatives."""

    @staticmethod
    def forward(
        G: Tensor,
        C: Tensor,
        b: Tensor,
        d: Tensor,
        s: Tensor,
    ) -> Tensor:
        """Solve some circuits at a time."""
        rows = chunks(len(G), s.shape[1] * G.shape[1] ** 2)
        return torch.cat([_solved(G[i], C[i], b[i], d[i], s[i]) for i in rows])

    @staticmethod
    def setup_context(
        ctx: Any,
        inputs: tuple[Tensor, ...],
        output: Tensor,
    ) -> None:
        """Keep what the derivative needs."""
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Return the derivatives in G, C, b and d."""
        G, C, _, _, s, x = ctx.saved_tensors
        rows = chunks(len(G), s.shape[1] * G.shape[1] ** 2)
        parts = [_pulled(G[i], C[i], s[i], x[i], cotangent[i]) for i in rows]
        gradients = [torch.cat(part) for part in zip(*parts, strict=True)]
        return (*gradients, None)


def chunks(n: int, each: int, *, most_bytes: int = 2**19) -> list[slice]:
    """Return slices of `n` circuits of which each has so many complex numbers.

    Parameters
    ----------
    n, each
        Circuits, and the numbers of each.
    most_bytes
        Of the numbers of a slice, where one circuit has no more: so that they stay in a processor's cache.
    """
    size = max(1, most_bytes // (16 * max(1, each)))
    return [slice(i, i + size) for i in range(0, max(1, n), size)]


def matrices(G: Tensor, C: Tensor, s: Tensor) -> Tensor:
    """Return ``G + s C`` ``(batch, frequencies, unknowns, unknowns)``."""
    return G[:, None] + s[:, :, None, None] * C[:, None]


def _solved(G: Tensor, C: Tensor, b: Tensor, d: Tensor, s: Tensor) -> Tensor:
    right = b[:, None] + s[:, :, None] * d[:, None]
    # Currents first: pivots of inductors would else be of the equations of nodes, and digits lost.
    A = matrices(G, C, s).flip((2, 3))
    found: Tensor = torch.linalg.solve_ex(A, right.flip(2)[..., None])[0]
    return found[..., 0].flip(2)


def _pulled(
    G: Tensor,
    C: Tensor,
    s: Tensor,
    x: Tensor,
    cotangent: Tensor,
) -> tuple[Tensor, ...]:
    """Return ``-Re sum conj(y) x^T``, the same times s, and ``Re sum y`` of the adjoint solutions y."""
    adjoint = matrices(G, C, s).mH
    y = torch.linalg.solve_ex(adjoint, cotangent[..., None])[0][..., 0]
    rate = s.conj()[:, :, None] * y
    in_G = -torch.einsum("bfi,bfj->bij", y.conj(), x).real
    in_C = -torch.einsum("bfi,bfj->bij", rate.conj(), x).real
    return in_G, in_C, y.real.sum(1), rate.real.sum(1)
