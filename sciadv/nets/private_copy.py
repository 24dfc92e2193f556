"""Copies of modules that share their weights: the caller's mode, flags, device and hooks stay as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sciadv.errors import InputError

Net = TypeVar("Net", bound=nn.Module)

#: What `copy.deepcopy` raises for objects that hold a file, a lock or another thing of the process.
_UNCOPYABLE = (TypeError, RuntimeError, ValueError, AttributeError, NotImplementedError)


def sharing_copy(module: Net, what: str) -> Net:
    """Return a copy of a module whose weights and buffers share the memory of the original's.

    Moving the copy, or changing its modes, flags and hooks, leaves the original alone; a later training step
    of the original is seen by both.

    Parameters
    ----------
    module
        What to copy.
    what
        Its name in messages.

    Raises
    ------
    InputError
        The module cannot be copied, or has weights that are not initialised yet.

    Examples
    --------
    >>> net = nn.Linear(2, 3)
    >>> sharing_copy(net, "net").weight.data_ptr() == net.weight.data_ptr()
    True
    """
    memo: dict[int, object] = {id(tensor): alias for tensor, alias in _aliases(module, what)}
    try:
        return copy.deepcopy(module, memo)
    except _UNCOPYABLE as error:
        raise InputError(
            f"{what} cannot be copied, which keeps your own untouched while it is used: "
            f"{str(error).splitlines()[0]}. Take out what it holds beside its weights (a file, a lock), or "
            f"give it a __deepcopy__."
        ) from error


def private_copy(module: Net, what: str) -> Net:
    """Return a `sharing_copy` in evaluation mode whose weights get no gradients.

    Parameters
    ----------
    module
        What to copy.
    what
        Its name in messages.

    Raises
    ------
    InputError
        The module cannot be copied, or has weights that are not initialised yet.

    Examples
    --------
    >>> net = nn.Dropout().train()
    >>> private_copy(net, "net").training, net.training
    (False, True)
    """
    copied = sharing_copy(module, what)
    for each in copied.modules():
        each.training = False
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    return copied


def _aliases(module: nn.Module, what: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the tensors of a module with others of the same memory, outside every graph."""
    for parameter in module.parameters():
        if is_lazy(parameter):
            raise InputError(f"{what} has weights that are not initialised yet; run it once before")
        if type(parameter) is nn.Parameter:
            yield parameter, nn.Parameter(parameter.detach(), requires_grad=parameter.requires_grad)
    for buffer in module.buffers():
        if type(buffer) is Tensor:
            yield buffer, buffer.detach()
    for each in module.modules():
        for value in vars(each).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # as old weight normalisation holds
                yield value, value.detach()
