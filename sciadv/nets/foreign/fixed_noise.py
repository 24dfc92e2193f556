"""Noise that a network draws for itself, held fixed: the same at every call and for every row of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from sciadv.nets.foreign.input_tree import call, tensors_in
from sciadv.types import as_generator

_NORMAL: frozenset[Callable[..., Any]] = frozenset(
    {torch.randn, torch.randn_like, Tensor.normal_, torch.normal}
)
_UNIFORM: frozenset[Callable[..., Any]] = frozenset({torch.rand, torch.rand_like, Tensor.uniform_})
_DROPOUT: frozenset[Callable[..., Any]] = frozenset(
    {
        functional.dropout,
        functional.dropout1d,
        functional.dropout2d,
        functional.dropout3d,
        functional.alpha_dropout,
        torch.dropout,
    }
)


@final
class FixedNoise(nn.Module):
    """A network whose own noise is fixed: the i-th tensor that it draws in a call is the same in every call.

    One draw is made for a single row and serves all rows of a batch, so that a candidate depends on its
    latent alone. Dropout that stays on in evaluation mode is left out.

    Parameters
    ----------
    network
        Draws by `torch.randn`, `rand`, `normal`, their ``_like`` forms, `Tensor.normal_` or `uniform_`.
    seed
        Seed of the draws.

    Examples
    --------
    >>> class Noisy(nn.Module):
    ...     def forward(self, z):
    ...         return z + torch.randn_like(z)
    >>> net = FixedNoise(Noisy())
    >>> bool((net(torch.zeros(2, 3)) == net(torch.zeros(1, 3))).all())
    True
    """

    takes_tree = True

    def __init__(self, network: nn.Module, *, seed: int = 0) -> None:
        super().__init__()
        self.network = network
        self.seed = seed
        self.n_draws = 0

    def forward(self, tree: Any) -> Any:
        """Call the network with a tree of inputs while its draws are replaced."""
        rows = next((len(one) for one in tensors_in(tree) if one.ndim), 0)
        with _Replaced(self, rows):
            return call(self.network, tree)

    def draw(self, i: int, shape: tuple[int, ...], n_rows: int, *, is_normal: bool) -> Tensor:
        """Return the i-th tensor of a call, as large as it was asked for."""
        name = f"noise_{i}"
        has_rows = len(shape) > 1 and shape[0] == n_rows
        if not hasattr(self, name):
            numbers = as_generator(self.seed + 7919 * i)  # another stream for each
            one = shape[1:] if has_rows else shape
            draw = torch.randn if is_normal else torch.rand
            made = draw(one, generator=numbers)
            self.register_buffer(name, made)
            self.n_draws = max(self.n_draws, i + 1)
        noise: Tensor = getattr(self, name)
        return noise.expand(shape)


@final
class _Replaced(TorchFunctionMode):
    """While it is open, what a network draws comes from its `FixedNoise`."""

    def __init__(self, fixed: FixedNoise, n_rows: int) -> None:
        super().__init__()
        self.fixed = fixed
        self.n_rows = n_rows
        self.n_drawn = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],  # torch's signature
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function, or give the fixed noise instead of a draw."""
        given = dict(kwargs or {})
        if func in _DROPOUT:
            return args[0] if args else given["input"]
        if func not in _NORMAL | _UNIFORM or given.get("generator") is not None:
            return func(*args, **given)
        like, shape = _asked(args, given)
        i = self.n_drawn
        self.n_drawn += 1
        with torch._C.DisableTorchFunction():
            noise = self.fixed.draw(i, shape, self.n_rows, is_normal=func in _NORMAL)
        noise = noise.to(given.get("device") or noise.device, given.get("dtype") or noise.dtype)
        return _placed(func, noise, like, args, given)


def _asked(args: tuple[Any, ...], given: dict[str, Any]) -> tuple[Tensor | None, tuple[int, ...]]:
    """Return the tensor that a drawing function is given, if any, and the shape that it makes."""
    first = args[0] if args else given.get("input", given.get("mean"))
    if isinstance(first, Tensor):
        return first, tuple(first.shape)
    size = given.get("size", args)
    if len(size) == 1 and not isinstance(size[0], int):
        size = size[0]
    return None, tuple(int(one) for one in size if not isinstance(one, float))


def _placed(
    func: Callable[..., Any], noise: Tensor, like: Tensor | None, args: tuple[Any, ...], given: dict[str, Any]
) -> Any:
    """Return noise as a drawing function would: a new tensor, or written into the one it was given."""
    if like is None:
        return noise
    noise = noise.to(like)
    if func is torch.normal:
        std = args[1] if len(args) > 1 else given.get("std", 1.0)
        return like + std * noise
    if func is Tensor.normal_:
        mean = args[1] if len(args) > 1 else given.get("mean", 0.0)
        std = args[2] if len(args) > 2 else given.get("std", 1.0)
        return like.copy_(mean + std * noise)
    if func is Tensor.uniform_:
        low = args[1] if len(args) > 1 else given.get("from", given.get("a", 0.0))
        high = args[2] if len(args) > 2 else given.get("to", given.get("b", 1.0))
        return like.copy_(low + (high - low) * noise)
    return noise
