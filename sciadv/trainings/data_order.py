"""Which samples and which random numbers a step gets: functions of the seed and of the step's number only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache

import torch
from torch import Tensor

from sciadv.types import as_generator


class Stream(IntEnum):
    """What the random numbers of a step are for; the parts of a minibatch have streams from `PARTS` on."""

    LATENTS = 0
    DATA = 1
    REPLAY = 2
    PARTS = 3
    GRID = 40
    MEASUREMENT = 41
    INVERSION = 50
    PENALTIES = 60


#: Draws `n` samples of endless data with a generator.
Sampler = Callable[[int, torch.Generator], Tensor]

# torch's CPU generator keeps 32 bits of a seed, so seeds of one training are kept apart by sums of steps
# that do not meet for a long time, not by bits.
_SEED, _EPOCH, _STREAM = 1_000_000_007, 1_000_003, 104_395_301


def batch_indices(n_samples: int, batch: int, step: int, *, seed: int) -> Tensor:
    """Return which samples are the batch of a step: every epoch once through all, in an order of its own.

    Samples that do not fill the last batch of an epoch are left out of that epoch.

    Parameters
    ----------
    n_samples
        Samples of the data set, at least `batch`.
    batch
        Samples per step.
    step
        Number of the step, from 0.
    seed
        Seed of all orders.
    """
    epoch, place = divmod(step, n_samples // batch)
    return _epoch_order(n_samples, seed * _EPOCH + epoch)[place * batch : (place + 1) * batch]


@lru_cache(maxsize=4)
def _epoch_order(n_samples: int, seed: int) -> Tensor:
    return torch.randperm(n_samples, generator=as_generator(seed))


def step_generator(
    seed: int, step: int, *, stream: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Return the generator of a step's random numbers; streams of one step are independent.

    Parameters
    ----------
    seed
        Seed of the training.
    step
        Number of the step, from 0.
    stream
        What the numbers are for, from 0.
    device
        Where they are drawn.
    """
    return as_generator((seed + 1) * _SEED + stream * _STREAM + step, device)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Within it torch's own random numbers, which dropout draws, have a seed of their own."""
    cuda = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        for generator in (torch.default_generator, *(torch.cuda.default_generators[i] for i in cuda)):
            generator.manual_seed(seed)  # forked: networks take no generator
        yield
