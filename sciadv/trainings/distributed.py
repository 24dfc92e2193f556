"""Several processes, as ``torchrun`` starts them: one flat all-reduce of gradients, and little else.

Not DistributedDataParallel: it averages in hooks of ``backward``, which ``torch.autograd.grad`` never calls,
so the gradients that game updates take through it are silently those of one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch import distributed as dist

from sciadv.games.two_player import Point


def _is_on() -> bool:
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """Return the number of processes; 1 without a process group."""
    return dist.get_world_size() if _is_on() else 1


def rank() -> int:
    """Return the number of this process, from 0."""
    return dist.get_rank() if _is_on() else 0


def is_first() -> bool:
    """Whether this is the process that writes files."""
    return rank() == 0


@contextmanager
def process_group(device: torch.device | str = "cpu") -> Iterator[torch.device]:
    """Join the processes that ``torchrun`` started, and give each its device; without it, do nothing.

    Parameters
    ----------
    device
        Where to train; ``"cuda"`` becomes the GPU of the process's local rank.
    """
    device = torch.device(device)
    if _is_on() or "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def average_gradients(gradients: Point) -> Point:
    """Return the mean over processes of each tensor, by one all-reduce of them all; a `reduce` for games."""
    if world_size() == 1 or not gradients:
        return gradients
    flat = torch.cat([g.detach().reshape(-1) for g in gradients])
    dist.all_reduce(flat)
    parts = torch.split(flat / world_size(), [g.numel() for g in gradients])
    return tuple(part.view_as(g).to(g.dtype) for part, g in zip(parts, gradients, strict=True))


@torch.no_grad()
def average_in_place(tensors: Sequence[Tensor]) -> None:
    """Replace each floating-point tensor by its mean over processes."""
    moving = [t for t in tensors if t.is_floating_point()]
    for t, mean in zip(moving, average_gradients(tuple(moving)), strict=True):
        if mean is not t:
            t.copy_(mean)


def average_numbers(numbers: dict[str, float], device: torch.device) -> dict[str, float]:
    """Return the means over processes of named numbers, so that all processes decide alike."""
    if world_size() == 1:
        return numbers
    values = torch.tensor(list(numbers.values()), dtype=torch.float32, device=device)
    dist.all_reduce(values)
    return dict(zip(numbers, (values / world_size()).tolist(), strict=True))


def anywhere(is_so: bool) -> bool:  # noqa: FBT001  a fact, not a choice
    """Whether it is so in any process; every process must ask."""
    if world_size() == 1:
        return is_so
    device = torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
    return average_numbers({"is_so": float(is_so)}, device)["is_so"] > 0


def gather(samples: Tensor) -> Tensor:
    """Join the equally many samples of all processes, in the order of the processes."""
    if world_size() == 1:
        return samples
    parts = [torch.empty_like(samples) for _ in range(world_size())]
    dist.all_gather(parts, samples.detach().contiguous())
    return torch.cat(parts)


@torch.no_grad()
def share_first(tensors: Sequence[Tensor]) -> None:
    """Give all processes the first one's values, in place."""
    if world_size() > 1:
        for t in tensors:
            dist.broadcast(t, src=0)


def wait() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        dist.barrier()
