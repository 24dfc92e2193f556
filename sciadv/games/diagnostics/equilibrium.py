"""Is this an equilibrium? Stationarity, local Nash test and local variational stability of a game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.games.diagnostics.krylov import Extremes, MatrixProduct, lanczos
from sciadv.games.two_player import (
    Player,
    Point,
    TwoPlayerGame,
    copies,
    derivative,
    evaluate_both,
    parameters,
    restore,
)


def flat(point: Sequence[Tensor]) -> Tensor:
    """Join tensors into one vector."""
    return torch.cat([t.reshape(-1) for t in point])


def unflat(vector: Tensor, like: Sequence[Tensor]) -> Point:
    """Cut a vector into tensors of given shapes."""
    parts = torch.split(vector, [t.numel() for t in like])
    return tuple(part.view_as(t) for part, t in zip(parts, like, strict=True))


def epsilon_stationarity(game: TwoPlayerGame) -> float:
    """Squared norm of both players' gradients, ``|grad_0 loss_0|^2 + |grad_1 loss_1|^2``."""
    _, (first, second) = evaluate_both(game)
    return float(flat(first + second).square().sum())


@dataclass(frozen=True)
@final
class GradientNorms:
    """Norms of the gradient of each parameter tensor of a player, and their histogram in decades.

    Parameters
    ----------
    norms
        One a tensor.
    edges
        Powers of ten that bound the bins, as exponents.
    counts
        Tensors a bin; the first bin takes what is below, the last what is above.
    """

    norms: tuple[float, ...]
    edges: tuple[int, ...]
    counts: tuple[int, ...]


def gradient_norms(gradient: Sequence[Tensor], *, least: int = -8, greatest: int = 4) -> GradientNorms:
    """Histogram of the norms of a player's gradient tensors, in decades from least to greatest exponent."""
    norms = [float(g.norm()) for g in gradient]
    counts = [0] * (greatest - least)
    for norm in norms:
        decade = least if norm == 0 else int(torch.tensor(norm).log10().floor())
        counts[min(max(decade, least), greatest - 1) - least] += 1
    return GradientNorms(tuple(norms), tuple(range(least, greatest + 1)), tuple(counts))


def hessian_product(game: TwoPlayerGame, player: Player) -> MatrixProduct:
    """Return the Hessian of a player's loss in its own parameters, as a product with flat vectors."""
    own = list(game.players[player])
    gradient = derivative(game.loss(player), own, create_graph=True)

    def product(v: Tensor) -> Tensor:
        return flat(game.reduce(derivative(gradient, own, unflat(v, own), retain_graph=True)))

    return product


@dataclass(frozen=True)
@final
class LocalNash:
    """What the second derivatives say about a point.

    Parameters
    ----------
    epsilon
        Stationarity, ``|F|^2``.
    curvature
        Extreme eigenvalues of each player's Hessian of its own loss. In the zero-sum writing ``min_G
        max_D V`` the second player's are those of ``-V``: its least is minus the greatest of ``H_DD``.
    is_local_nash
        Whether the point is stationary and neither player has a direction of descent of second order.
    """

    epsilon: float
    curvature: tuple[Extremes, Extremes]
    is_local_nash: bool


def local_nash(
    game: TwoPlayerGame,
    *,
    generator: torch.Generator,
    epsilon: float = 1e-6,
    tolerance: float = 1e-6,
    n_iterations: int = 100,
) -> LocalNash:
    """Test whether each player is at a local minimum of its own loss while the other stays.

    Parameters
    ----------
    game
        The game, at the point to test, on one minibatch.
    generator
        Draws the starting vectors of the Lanczos processes.
    epsilon
        Largest ``|F|^2`` that counts as stationary.
    tolerance
        Most negative eigenvalue that counts as zero.
    n_iterations
        Most Hessian products a player.

    Notes
    -----
    Necessary conditions of first and second order; sufficient where both least eigenvalues are above
    zero. One product costs about one gradient and one backward pass through it.

    References
    ----------
    L. J. Ratliff, S. A. Burden, S. S. Sastry, On the characterization of local Nash equilibria in
    continuous games, IEEE Transactions on Automatic Control 61, 2016, Propositions 1 and 2.
    """
    stationarity = epsilon_stationarity(game)
    first, second = (
        lanczos(
            hessian_product(game, player),
            random_like(game.players[player], generator),
            n_iterations=n_iterations,
        )
        for player in (0, 1)
    )
    stays = min(first.least, second.least) >= -tolerance
    return LocalNash(stationarity, (first, second), stationarity <= epsilon and stays)


def variational_stability(
    game: TwoPlayerGame, equilibrium: Point, *, radius: float, n_samples: int, generator: torch.Generator
) -> float:
    """Least ``<F(w), w - w*>`` over points drawn from the ball of `radius` around an equilibrium w*.

    The game is locally variationally stable with slack delta when it is at least -delta; above 0 on
    strongly monotone games, exactly 0 on bilinear ones. Parameters are put back afterwards.

    Parameters
    ----------
    game
        The game, on one minibatch.
    equilibrium
        Values of all parameters at w*, player 0's first.
    radius
        Radius of the ball.
    n_samples
        Points drawn.
    generator
        Draws them.

    References
    ----------
    P. Mertikopoulos, Z. Zhou, Learning in games with continuous action sets and unknown payoff functions,
    Mathematical Programming 173, 2019, Definition 2.3.
    """
    w = parameters(game)
    present, centre = copies(w), flat(equilibrium)
    values = []
    for _ in range(n_samples):
        direction = random_like(w, generator)
        u = torch.rand((), generator=generator, dtype=direction.dtype, device=direction.device)
        offset = radius * u ** (1 / direction.numel()) * direction / direction.norm()
        restore(w, unflat(centre + offset, w))
        first, second = evaluate_both(game)[1]
        values.append(float(flat(first + second) @ offset))
    restore(w, present)
    return min(values)


def random_like(tensors: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """Draw a standard normal vector as long as the tensors together, with their dtype and device."""
    n, one = sum(t.numel() for t in tensors), tensors[0]
    return torch.randn(n, generator=generator, dtype=one.dtype, device=one.device)
