"""The shape words used in annotations, docstrings and errors, and how seeds and devices are given.

==============  =======================================================================
batch           independent problems; always the first dimension
restarts        starts of one problem; the second dimension, flattened into the batch inside solvers
rows            batch x restarts, flattened
latent          length of z
channels        channels of an image
height, width   pixels of an image
measurements    data of one problem, flattened
==============  =======================================================================
"""

from __future__ import annotations

import torch

from sciadv.errors import InputError

Shape = tuple[int, ...]


def as_generator(seed: int | torch.Generator, device: torch.device | str = "cpu") -> torch.Generator:
    """Turn a seed into a `torch.Generator` on `device`; a generator is passed through unchanged.

    Examples
    --------
    >>> import torch
    >>> bool(torch.rand(1, generator=as_generator(0)) == torch.rand(1, generator=as_generator(0)))
    True
    """
    if isinstance(seed, torch.Generator):
        return seed
    return torch.Generator(device=device).manual_seed(seed)


def as_device(name: str | torch.device) -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"`` into a device that is there.

    Raises
    ------
    InputError
        The name is no device, or the device is not on this machine.
    """
    if isinstance(name, str) and name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        if torch.backends.mps.is_available():
            there.append("mps")
        raise InputError(
            f"device {str(name)!r} is not on this machine; there are: {', '.join(there)}. "
            f'Give one of them, or "auto".'
        ) from error
    return device
