"""Initialisation of networks from a generator of random numbers instead of torch's global one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

#: What draws random numbers and takes a generator.
_DRAWS: frozenset[Callable[..., Any]] = frozenset(
    {
        nn.init.uniform_,
        nn.init.normal_,
        nn.init.trunc_normal_,
        nn.init.kaiming_uniform_,
        nn.init.kaiming_normal_,
        Tensor.uniform_,
        Tensor.normal_,
        torch.rand,
        torch.randn,
        torch.randint,
        torch.randperm,
        torch.normal,
    }
)


class SeededDraws(TorchFunctionMode):
    """While it is open, this thread draws random numbers of a generator; others and the global one do not.

    Parameters
    ----------
    generator
        Where they come from.

    Examples
    --------
    >>> with SeededDraws(torch.Generator().manual_seed(0)):
    ...     one = nn.Linear(2, 3)
    >>> with SeededDraws(torch.Generator().manual_seed(0)):
    ...     other = nn.Linear(2, 3)
    >>> torch.equal(one.weight, other.weight)
    True
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],  # torch's signature
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function, with the generator where it draws."""
        given = dict(kwargs or {})
        if func in _DRAWS and given.get("generator") is None:
            given["generator"] = self.generator
        return func(*args, **given)
