"""Derivatives of the predictions in the latents: forward mode through the generator, tangents through F."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sciadv.errors import GeneratorError
from sciadv.forward.autodiff import forward_mode
from sciadv.likelihood import as_data, real_view
from sciadv.prior import Prior
from sciadv.problem import Problem
from sciadv.solvers.linear.latent_products import LatentProducts

#: Candidates that one pass of the generator may make at once in a Jacobian; bounds the memory.
MAX_TANGENTS = 1024


def push_unit_tangents(function: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Return a function of latents and its derivative along each of their numbers, by forward mode.

    Parameters
    ----------
    function
        Maps ``(rows, latent)`` to ``(rows, *shape)``, each row by itself.
    z
        ``(rows, latent)``.

    Returns
    -------
    tuple
        The value ``(rows, *shape)`` and the tangents ``(latent, rows, *shape)``.
    """

    def push(direction: Tensor) -> tuple[Tensor, Tensor]:
        return forward_mode(function, z, direction.expand_as(z))

    unit = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    value, tangents = torch.func.vmap(push, out_dims=(None, 0))(unit)  # type: ignore[arg-type]  # lacks None
    return value, tangents


@dataclass(frozen=True)
class Tangents:
    """Candidates ``x = G(z)`` ``(rows, *out_shape)`` and ``dG/dz`` ``(latent, rows, *out_shape)``."""

    x: Tensor
    tangents: Tensor


def generator_tangents(prior: Prior, z: Tensor) -> Iterator[Tangents]:
    """Yield the generator's values and tangents at latents ``(rows, latent)``, in parts of a bounded memory.

    Raises
    ------
    RuntimeError, NotImplementedError
        A layer of the generator has no forward mode (errors of torch).
    """
    for part in _parts(z):
        with torch.no_grad():
            made = Tangents(*push_unit_tangents(prior, part))
        yield made


def _parts(z: Tensor) -> tuple[Tensor, ...]:
    parts: tuple[Tensor, ...] = torch.split(z, max(1, MAX_TANGENTS // z.shape[1]))
    return parts


def latent_jacobian(problem: Problem, z: Tensor) -> Tensor:
    """Return ``dF(G(z))/dz`` ``(rows, measurements, latent)``, complex data as two real numbers.

    Forward mode through the generator only, all unit tangents in one batch; the operator is applied to the
    tangents by its jvp, so it needs no automatic differentiation. Where a layer of the generator has no
    forward mode, by reverses; and so where a nonlinear operator has many times fewer measurements than there
    are latents.
    """
    if is_quicker_by_rows(problem):
        return _by_rows(problem, LatentProducts(problem, z))
    try:
        return torch.cat([pushed(problem, part) for part in generator_tangents(problem.prior, z)])
    except (RuntimeError, NotImplementedError) as error:
        if any(words in str(error) for words in ("out of memory", "allocate memory")):
            raise
        return torch.cat([_reverse_jacobian(problem, part) for part in _parts(z)])


def is_quicker_by_rows(problem: Problem) -> bool:
    """Whether one reverse a measurement costs less than one tangent a latent."""
    is_few = 4 * problem.n_measurements <= problem.prior.n_latent
    return is_few and not problem.forward.is_linear and not problem.measurements.is_complex()


def pushed(problem: Problem, part: Tangents) -> Tensor:
    """Return the predictions' Jacobian ``(rows, measurements, latent)`` from the generator's tangents."""
    forward, n_latent = problem.forward, len(part.tangents)
    with torch.no_grad():
        tangents = part.tangents.flatten(0, 1)
        if forward.is_linear:
            columns = real_view(forward(tangents))
        else:
            columns = real_view(forward.jvp(part.x.repeat(n_latent, *([1] * (part.x.ndim - 1))), tangents))
        # (latent * rows, measurements) -> (rows, measurements, latent)
        return columns.reshape(n_latent, len(part.x), -1).permute(1, 2, 0)


def _reverse_jacobian(problem: Problem, z: Tensor) -> Tensor:
    """Return the Jacobian column by column, or row by row where a layer has one reverse only."""
    products = LatentProducts(problem, z)
    unit = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    try:
        return torch.stack([products.forward(one.expand_as(z)) for one in unit], 2)
    except GeneratorError:
        return _by_rows(problem, products)


def _by_rows(problem: Problem, products: LatentProducts) -> Tensor:
    """Return the Jacobian row by row, one reverse a measurement."""
    each = torch.eye(problem.n_measurements, dtype=products.x.dtype, device=products.x.device)
    shape = problem.forward.out_shape
    rows = [products.adjoint(as_data(one.expand(len(products.x), -1), shape)) for one in each]
    return torch.stack(rows, 1)


def real_curvature(problem: Problem, prediction: Tensor, y: Tensor) -> Tensor:
    """Return the likelihood's curvature ``(rows, measurements)``, a complex datum's for both its numbers."""
    curvature = problem.likelihood.curvature(prediction, y)
    if prediction.is_complex():
        curvature = torch.stack([curvature, curvature], -1)
    return curvature.flatten(1)


def solve_smaller(jacobian: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
    """Solve ``(J'J + diag(d)) x = r`` by the smaller of the two systems, ``n_latent`` or measurements wide.

    Parameters
    ----------
    jacobian
        J ``(rows, measurements, latent)``.
    diagonal
        d > 0 ``(rows, latent)``.
    right
        r ``(rows, latent, sides)``.
    """
    n_measurements, n_latent = jacobian.shape[1:]
    if n_latent <= n_measurements:
        matrix = jacobian.transpose(1, 2) @ jacobian + torch.diag_embed(diagonal)
        return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))
    # Woodbury: (D + J'J)^-1 r = D^-1 r - D^-1 J' (I + J D^-1 J')^-1 J D^-1 r
    over = jacobian / diagonal[:, None]
    unit = torch.eye(n_measurements, dtype=over.dtype, device=over.device)
    factor = torch.linalg.cholesky(over @ jacobian.transpose(1, 2) + unit)
    inner = torch.cholesky_solve(over @ right, factor)
    return right / diagonal[:, :, None] - over.transpose(1, 2) @ inner
