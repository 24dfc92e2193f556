"""Extreme eigenvalues of matrices that are only known by their products: Lanczos and Arnoldi."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

#: A matrix by its product with a vector ``(n,)``.
MatrixProduct = Callable[[Tensor], Tensor]


@final
@dataclass(frozen=True)
class Extremes:
    """Least and greatest eigenvalue of a symmetric matrix.

    Parameters
    ----------
    least, greatest
        The Ritz values; the true ones are at most `residual` away from an eigenvalue.
    residual
        The larger of the two residual norms.
    n_products
        Products that were needed.
    """

    least: float
    greatest: float
    residual: float
    n_products: int


def lanczos(
    product: MatrixProduct, start: Tensor, *, n_iterations: int = 100, tolerance: float = 1e-8
) -> Extremes:
    """Extreme eigenvalues of a symmetric matrix by the Lanczos process, fully reorthogonalised.

    Stops after `n_iterations` products, when both residuals are below `tolerance` times the larger
    eigenvalue, or when the Krylov space is exhausted; then the values are exact.

    Parameters
    ----------
    product
        The symmetric matrix.
    start
        A random vector ``(n,)``.
    n_iterations
        Most products.
    tolerance
        Relative residual.

    References
    ----------
    Y. Saad, Numerical methods for large eigenvalue problems, 2nd edition, 2011, Algorithm 6.5 and
    Proposition 6.8.
    """
    n_most = min(n_iterations, start.numel())
    basis = [start / start.norm()]
    diagonal: list[Tensor] = []
    off: list[Tensor] = []
    while True:
        w = product(basis[-1])
        diagonal.append(w @ basis[-1])
        w = _orthogonal(w, basis)
        beta = w.norm()
        k = len(diagonal)
        if k == n_most or k <= 10 or k % 10 == 0 or not beta:  # the tridiagonal problem costs O(k^3)
            found = _ritz(diagonal, off, beta)
            scale = max(abs(found.least), abs(found.greatest))
            if k == n_most or found.residual <= tolerance * scale:
                return found
        basis.append(w / beta)
        off.append(beta)


def _ritz(diagonal: list[Tensor], off: list[Tensor], beta: Tensor) -> Extremes:
    """Extreme eigenvalues of the tridiagonal matrix, with the residual norms of their Ritz vectors."""
    T = torch.diag(torch.stack(diagonal))
    if off:
        T = T + torch.diag(torch.stack(off), 1) + torch.diag(torch.stack(off), -1)
    values, vectors = torch.linalg.eigh(T)
    residual = float(beta * vectors[-1, [0, -1]].abs().max())
    return Extremes(float(values[0]), float(values[-1]), residual, len(diagonal))


def arnoldi(product: MatrixProduct, start: Tensor, *, n_iterations: int = 30) -> Tensor:
    """Ritz values of any square matrix by the Arnoldi process; complex, the largest modulus first.

    With `n_iterations` >= n they are the eigenvalues.

    References
    ----------
    Y. Saad, Numerical methods for large eigenvalue problems, 2nd edition, 2011, Algorithm 6.2.
    """
    m = min(n_iterations, start.numel())
    basis = [start / start.norm()]
    H = start.new_zeros(m, m)
    n_columns = m
    for k in range(m):
        w = product(basis[k])
        for _ in range(2):  # a second pass keeps the basis orthogonal to rounding
            for i, v in enumerate(basis):
                along = v @ w
                H[i, k] += along
                w = w - along * v
        if k + 1 == m:
            break
        if w.norm() <= 1e-12 * H[:, k].norm().clamp(min=1e-300):
            n_columns = k + 1
            break
        H[k + 1, k] = w.norm()
        basis.append(w / w.norm())
    values: Tensor = torch.linalg.eigvals(H[:n_columns, :n_columns])
    order = values.abs().argsort(descending=True)
    return values[order]


def _orthogonal(w: Tensor, basis: list[Tensor]) -> Tensor:
    Q = torch.stack(basis)
    w = w - Q.T @ (Q @ w)
    return w - Q.T @ (Q @ w)
