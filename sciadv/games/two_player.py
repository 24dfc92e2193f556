"""Two-player differentiable games: the protocol, and the derivatives that updates and diagnostics need.

A game has two players, each with parameters and a loss that both players' parameters move. Player 0 is
the generator (or encoder), player 1 the discriminator (or critic). The game's vector field is ``F =
(grad_0 loss_0, grad_1 loss_1)`` and its Jacobian ``J = dF/dw``, over all parameters w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol, final, runtime_checkable

import torch
from torch import Tensor

Player = Literal[0, 1]
#: One tensor a parameter, in the parameters' order.
Point = tuple[Tensor, ...]


@runtime_checkable
class TwoPlayerGame(Protocol):
    """What an update needs of a game.

    `draw` draws the next minibatch (and noise, augmentation, latent codes); between two draws `loss` is a
    function of the parameters alone, the same at every call, and differentiable twice in both players'
    parameters. `reduce` averages gradients over processes; with one process it returns them.
    """

    @property
    def players(self) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
        """Parameters of player 0 and of player 1: leaves that require gradients."""
        ...

    def draw(self) -> None:
        """Draw the next minibatch; a deterministic game does nothing."""
        ...

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises."""
        ...

    def reduce(self, gradients: Point) -> Point:
        """Average gradients over processes."""
        ...


@runtime_checkable
class WatchedGame(Protocol):
    """A game whose discriminator's outputs can be watched while the players move."""

    def watched(self) -> Callable[[], Tensor]:
        """Draw a minibatch; return a function that gives the outputs on it at the present parameters."""
        ...


def _draw_nothing() -> None:
    return None


def _reduce_nothing(gradients: Point) -> Point:
    return gradients


@final
@dataclass(frozen=True)
class FunctionGame:
    """A two-player game from functions.

    Parameters
    ----------
    players
        Parameters of player 0 and of player 1.
    losses
        Their losses, functions without arguments that read the parameters.
    on_draw
        Called for the next minibatch.
    on_reduce
        Averages gradients over processes.

    Examples
    --------
    The bilinear game ``min_u max_v u v``:

    >>> import torch
    >>> u, v = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    >>> game = FunctionGame(([u], [v]), (lambda: (u * v).sum(), lambda: -(u * v).sum()))
    >>> evaluate(game, 1)
    (-1.0, (tensor([-1.]),))
    """

    players: tuple[Sequence[Tensor], Sequence[Tensor]]
    losses: tuple[Callable[[], Tensor], Callable[[], Tensor]]
    on_draw: Callable[[], None] = _draw_nothing
    on_reduce: Callable[[Point], Point] = _reduce_nothing

    def draw(self) -> None:
        """Draw the next minibatch."""
        self.on_draw()

    def loss(self, player: Player) -> Tensor:
        """Return the scalar that a player minimises."""
        return self.losses[player]()

    def reduce(self, gradients: Point) -> Point:
        """Average gradients over processes."""
        return self.on_reduce(gradients)


def derivative(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> Point:
    """Return ``J^T weights`` of outputs in inputs (J^T 1 for a scalar); zero where nothing depends."""
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    weights = [torch.ones_like(y) for y in outputs] if weights is None else list(weights)
    moving = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
    if not moving:
        return tuple(torch.zeros_like(x) for x in inputs)
    return torch.autograd.grad(
        [y for y, _ in moving],
        list(inputs),
        [v for _, v in moving],
        retain_graph=retain_graph,
        create_graph=create_graph,
        allow_unused=True,
        materialize_grads=True,
    )


@contextmanager
def frozen(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Let a player's parameters be constants: no graph is built through them."""
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in parameters:
            p.requires_grad_(True)


def evaluate(game: TwoPlayerGame, player: Player) -> tuple[float, Point]:
    """Return a player's loss and its averaged gradient in its own parameters, the other player frozen."""
    with frozen(game.players[1 - player]):
        loss = game.loss(player)
        gradient = derivative(loss, game.players[player])
    return float(loss.detach()), game.reduce(gradient)


def evaluate_both(game: TwoPlayerGame) -> tuple[tuple[float, float], tuple[Point, Point]]:
    """Return both losses and both players' averaged gradients at the present point, of one minibatch."""
    (loss_0, gradient_0), (loss_1, gradient_1) = evaluate(game, 0), evaluate(game, 1)
    return (loss_0, loss_1), (gradient_0, gradient_1)


def vector_field(game: TwoPlayerGame) -> tuple[tuple[float, float], Point]:
    """Return both losses and F, differentiable in all parameters.

    These are the local gradients, not averaged over processes: average what is computed from them.
    """
    loss_0, loss_1 = game.loss(0), game.loss(1)
    field_0 = derivative(loss_0, game.players[0], create_graph=True)
    field_1 = derivative(loss_1, game.players[1], create_graph=True)
    return (float(loss_0.detach()), float(loss_1.detach())), field_0 + field_1


def transposed_product(field: Point, w: Sequence[Tensor], v: Point) -> Point:
    """Return ``J^T v`` of a field that has a graph, which is kept."""
    return derivative(field, w, v, retain_graph=True)


def forward_product(field: Point, w: Sequence[Tensor], v: Point) -> Point:
    """Return ``J v`` of a field that has a graph, which is kept, as the derivative of ``u -> J^T u``."""
    u = tuple(torch.zeros_like(f, requires_grad=True) for f in field)
    return derivative(derivative(field, w, u, create_graph=True), u, v, retain_graph=True)


def split(game: TwoPlayerGame, point: Point) -> tuple[Point, Point]:
    """Split one tuple over all parameters into the players'."""
    n = len(game.players[0])
    return point[:n], point[n:]


def parameters(game: TwoPlayerGame) -> list[Tensor]:
    """Return all parameters, player 0's first."""
    return [*game.players[0], *game.players[1]]


def copies(tensors: Sequence[Tensor]) -> Point:
    """Return detached copies."""
    return tuple(t.detach().clone() for t in tensors)


@torch.no_grad()
def restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Write values into parameters, in place."""
    for t, value in zip(tensors, values, strict=True):
        t.copy_(value)


@torch.no_grad()
def add(tensors: Sequence[Tensor], values: Sequence[Tensor], scale: float = 1.0) -> None:
    """Add ``scale * values`` to parameters, in place."""
    for t, value in zip(tensors, values, strict=True):
        t.add_(value, alpha=scale)


def difference(new: Sequence[Tensor], old: Sequence[Tensor]) -> Point:
    """Return ``new - old``, detached."""
    return tuple((a - b).detach() for a, b in zip(new, old, strict=True))
