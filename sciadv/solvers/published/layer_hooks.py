"""Reach into a generator's layers while it runs: what is added to, or put in place of, what a layer gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sciadv.errors import InputError
from sciadv.prior import Prior


def hidden_layers(prior: Prior) -> list[nn.Module]:
    """Return the modules with weights of their own in the order of a pass, without the last.

    Raises
    ------
    InputError
        The generator has only one.
    """
    called: list[nn.Module] = []
    hooks = [
        module.register_forward_hook(lambda layer, *_: called.append(layer))
        for module in prior.generator.modules()
        if next(module.parameters(recurse=False), None) is not None
    ]
    try:
        with torch.no_grad():
            prior(torch.zeros(1, prior.n_latent, dtype=prior.dtype, device=prior.device))
    finally:
        for hook in hooks:
            hook.remove()
    if len(called) < 2:
        raise InputError(f"the generator of prior {prior.name!r} has no hidden layer to search")
    return called[:-1]


def layer_shape(prior: Prior, layer: nn.Module) -> tuple[int, ...]:
    """Return the shape of what the layer gives for one latent."""
    seen: list[tuple[int, ...]] = []
    hook = layer.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    try:
        with torch.no_grad():
            prior(torch.zeros(1, prior.n_latent, dtype=prior.dtype, device=prior.device))
    finally:
        hook.remove()
    return seen[0]


@contextmanager
def changed(layer: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let a layer give ``change(what it gives)`` while the block runs."""
    hook = layer.register_forward_hook(lambda _, __, out: change(out))
    try:
        yield
    finally:
        hook.remove()
