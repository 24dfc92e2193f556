"""What the tests of games share: a minimiser to rounding, and the bilinear game."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor

from sciadv.games.two_player import FunctionGame


@pytest.fixture
def minimise() -> Callable[[Callable[[], Tensor], Iterable[Tensor]], float]:
    """Minimise a smooth loss by L-BFGS until its gradient is rounding; returns the least value."""

    def run(loss: Callable[[], Tensor], parameters: Iterable[Tensor]) -> float:
        optimizer = torch.optim.LBFGS(
            list(parameters),
            max_iter=200,
            tolerance_grad=1e-11,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> float:
            optimizer.zero_grad()
            value = loss()
            value.backward()
            return value.item()

        optimizer.step(closure)
        return loss().item()

    return run


@pytest.fixture
def bilinear() -> Callable[..., FunctionGame]:
    """Build ``min_u max_v u^T A v`` in float64 at a given point."""

    def build(A: Tensor | float, u: Tensor | float, v: Tensor | float) -> FunctionGame:
        A, u, v = (torch.as_tensor(x, dtype=torch.float64) for x in (A, u, v))
        A = torch.atleast_2d(A)
        u, v = torch.atleast_1d(u).clone().requires_grad_(), torch.atleast_1d(v).clone().requires_grad_()
        return FunctionGame(([u], [v]), (lambda: u @ A @ v, lambda: -(u @ A @ v)))

    return build
