"""How much a game turns: eigenvalues of its Jacobian, rotation share, contraction of a gradient step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.games.diagnostics.equilibrium import flat, random_like, unflat
from sciadv.games.diagnostics.krylov import arnoldi
from sciadv.games.two_player import (
    TwoPlayerGame,
    forward_product,
    parameters,
    transposed_product,
    vector_field,
)


@dataclass(frozen=True)
@final
class JacobianSpectrum:
    """Eigenvalues of the Jacobian of a game's vector field, the largest modulus first.

    Parameters
    ----------
    eigenvalues
        Complex ``(k,)``. The flow ``w' = -F(w)`` is attracted where all real parts are positive.
    """

    eigenvalues: Tensor

    def contraction(self, rate: float) -> float:
        """Largest modulus of ``1 - rate * eigenvalue``: the factor of a simultaneous gradient step."""
        return float((1 - rate * self.eigenvalues).abs().max())

    @property
    def turning(self) -> float:
        """Largest ``|Im| / |eigenvalue|``: 0 for a potential, 1 for a pure rotation."""
        modulus = self.eigenvalues.abs()
        moving = modulus > 1e-12 * modulus.max()
        if not bool(moving.any()):
            return 0.0
        return float((self.eigenvalues.imag.abs()[moving] / modulus[moving]).max())


def jacobian_spectrum(
    game: TwoPlayerGame, *, generator: torch.Generator, n_iterations: int = 30
) -> JacobianSpectrum:
    """Eigenvalues of the game's Jacobian by Arnoldi; all of them when `n_iterations` suffices.

    Parameters
    ----------
    game
        The game, at the point of interest, on one minibatch.
    generator
        Draws the starting vector.
    n_iterations
        Most products with the Jacobian, each about three backward passes.

    References
    ----------
    H. Berard, G. Gidel, A. Almahairi, P. Vincent, S. Lacoste-Julien, A closer look at the optimization
    landscapes of generative adversarial networks, ICLR 2020, section 3.
    """
    w = parameters(game)
    _, field = vector_field(game)

    def product(v: Tensor) -> Tensor:
        return flat(game.reduce(forward_product(field, w, unflat(v, w))))

    return JacobianSpectrum(arnoldi(product, random_like(w, generator), n_iterations=n_iterations))


def game_jacobian(game: TwoPlayerGame) -> Tensor:
    """Return the dense Jacobian ``(n, n)`` of the game's vector field; for small games."""
    w = parameters(game)
    _, field = vector_field(game)
    n = sum(p.numel() for p in w)
    basis = torch.eye(n, dtype=w[0].dtype, device=w[0].device)
    return torch.stack([flat(game.reduce(transposed_product(field, w, unflat(row, w)))) for row in basis])


def rotation_share(game: TwoPlayerGame, *, generator: torch.Generator, n_probes: int = 8) -> float:
    """Share ``|A| / (|S| + |A|)`` of the antisymmetric part of the Jacobian ``J = S + A`` (Frobenius norms).

    0 for a potential, 1 for a pure rotation such as the bilinear game. Extragradient, optimistic,
    consensus and symplectic updates pay where it is large; where it is small they cost gradients for
    nothing.

    Parameters
    ----------
    game
        The game, at the point of interest, on one minibatch.
    generator
        Draws the probes.
    n_probes
        Random vectors v of signs with which ``E |A v|^2 = |A|^2`` is estimated; the error falls as
        ``1 / sqrt(n_probes)``.

    References
    ----------
    D. Balduzzi et al., The mechanics of n-player differentiable games, ICML 2018, Lemma 1, for the
    decomposition.
    M. F. Hutchinson, A stochastic estimator of the trace of the influence matrix, 1989, for the estimate.
    """
    w = parameters(game)
    _, field = vector_field(game)
    symmetric, antisymmetric = 0.0, 0.0
    for _ in range(n_probes):
        v = unflat(random_like(w, generator).sign(), w)
        forward = flat(game.reduce(forward_product(field, w, v)))
        transposed = flat(game.reduce(transposed_product(field, w, v)))
        symmetric += float(((forward + transposed) / 2).square().sum())
        antisymmetric += float(((forward - transposed) / 2).square().sum())
    total: float = symmetric**0.5 + antisymmetric**0.5
    return antisymmetric**0.5 / total if total else 0.0
