"""From standard normal numbers to one input of a network, as that input is distributed.

Every part is a module with `n_latent`, which maps ``(batch, n_latent)`` to ``(batch, *shape)``.
"""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from sciadv.types import Shape


@final
class StandardNormal(nn.Module):
    """The numbers themselves, times `scale`, plus `shift`."""

    def __init__(self, shape: Shape, scale: float = 1.0, shift: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.scale = scale
        self.shift = shift
        self.n_latent = int(torch.Size(shape).numel())

    def forward(self, z: Tensor) -> Tensor:
        """Arrange them."""
        x = z.reshape(-1, *self.shape)
        return x if self.scale == 1 and self.shift == 0 else self.scale * x + self.shift


@final
class Truncated(nn.Module):
    """Independent normal numbers of standard deviation `scale`, none beyond `limit` of them, plus `shift`.

    ``erf(x / 2^(1/2)) = erf(limit / 2^(1/2)) erf(z / 2^(1/2))``: the quantiles of both distributions agree. A
    small limit gives the uniform distribution on ``+- scale limit``.
    """

    def __init__(self, shape: Shape, scale: float, limit: float, shift: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.scale = scale
        self.limit = limit
        self.shift = shift
        self.n_latent = int(torch.Size(shape).numel())

    def forward(self, z: Tensor) -> Tensor:
        """Return the truncated numbers."""
        root = 2**0.5
        share = torch.erf(torch.tensor(self.limit / root, dtype=z.dtype, device=z.device))
        x = root * torch.erfinv(share * torch.erf(z / root))
        return (self.scale * x + self.shift).reshape(-1, *self.shape)


@final
class Correlated(nn.Module):
    """``mean + factor z``: the Gaussian of a mean ``(numbers,)`` and a covariance ``factor factor'``."""

    mean: Tensor
    factor: Tensor

    def __init__(self, shape: Shape, mean: Tensor, factor: Tensor) -> None:
        super().__init__()
        self.shape = shape
        self.n_latent = factor.shape[1]
        self.register_buffer("mean", mean)
        self.register_buffer("factor", factor)

    def forward(self, z: Tensor) -> Tensor:
        """Return the correlated numbers."""
        return (self.mean + z @ self.factor.T).reshape(-1, *self.shape)


@final
class Layers(nn.Module):
    """An input of `n_layers` rows of the same distribution, ``(batch, n_layers, *shape)``.

    All rows are equal (`is_tied`), as a mapping network repeats its w, or each has latents of its own (w+).
    """

    def __init__(self, row: nn.Module, n_layers: int, *, is_tied: bool) -> None:
        super().__init__()
        self.row = row
        self.n_layers = n_layers
        self.is_tied = is_tied
        n_latent = int(row.n_latent)  # type: ignore[arg-type]  # typed Tensor | Module
        self.n_latent = n_latent if is_tied else n_latent * n_layers

    def forward(self, z: Tensor) -> Tensor:
        """Return the rows."""
        if self.is_tied:
            one = self.row(z)[:, None]
            return torch.cat([one] * self.n_layers, 1)
        each: Tensor = self.row(z.reshape(-1, self.n_latent // self.n_layers))
        return each.reshape(len(z), self.n_layers, *each.shape[1:])


@final
class Chosen(nn.Module):
    """One of some values ``(values, *shape)``, with their probabilities: a class label, or a code of one.

    The angle of two normal numbers is uniform, and does not change when both shrink; so a search that only
    pulls these latents towards 0 keeps the value of its start. There is no gradient: the starts choose.
    """

    values: Tensor
    ends: Tensor

    def __init__(self, values: Tensor, probability: Tensor) -> None:
        super().__init__()
        self.n_latent = 2
        self.register_buffer("values", values)
        self.register_buffer("ends", probability.cumsum(0)[:-1])

    def forward(self, z: Tensor) -> Tensor:
        """Return the chosen values."""
        return self.values[self.index(z)]

    def index(self, z: Tensor) -> Tensor:
        """Return the numbers of the chosen values ``(batch,)``."""
        at = z.detach()
        angle = torch.atan2(at[:, 1], at[:, 0]) / (2 * torch.pi) + 0.5
        return (angle[:, None] >= self.ends).sum(1)

    def indicators(self, z: Tensor) -> Tensor:
        """Return 1 for the value that is chosen and 0 for the others ``(batch, values)``."""
        return functional.one_hot(self.index(z), len(self.values)).to(z)

    def likeliest(self, score: Tensor, n: int) -> Tensor:
        """Return latents of the n values with the highest scores, the first ones again if there are fewer.

        Scores ``(batch, values)`` give ``(batch, n, 2)``, in the middle of what chooses each value.
        """
        edges = functional.pad(self.ends, (1, 0))
        edges = functional.pad(edges, (0, 1), value=1.0)
        middle = 2 * torch.pi * ((edges[1:] + edges[:-1]) / 2 - 0.5)
        turns = -(-n // score.shape[1])
        order = score.argsort(1, descending=True).repeat(1, turns)[:, :n]
        angle = middle[order].to(score)
        return 2**0.5 * torch.stack([angle.cos(), angle.sin()], -1)


@final
class Constant(nn.Module):
    """The same value in every row, or a value that has no rows (`is_shared`)."""

    value: Tensor

    def __init__(self, value: Tensor, *, is_shared: bool) -> None:
        super().__init__()
        self.n_latent = 0
        self.is_shared = is_shared
        self.register_buffer("value", value)

    def forward(self, z: Tensor) -> Tensor:
        """Return it."""
        return self.value if self.is_shared else self.value.expand(len(z), *self.value.shape)
