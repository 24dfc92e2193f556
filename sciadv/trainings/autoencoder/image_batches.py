"""The minibatches of a prior's training: whole batches by their number, and this process's part of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from sciadv.trainings.data_order import batch_indices, step_generator
from sciadv.trainings.distributed import rank, world_size


def in_unit_range(images: Tensor) -> Tensor:
    """Return images in [0, 1]: uint8 divided by 255, floats as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


@final
@dataclass(frozen=True)
class ImageBatches:
    """Images in an order without repetition; every epoch has an order of its own.

    Parameters
    ----------
    images
        ``(n, channels, *sides)``, uint8, or float32 in [0, 1].
    size
        Images a batch, over all processes together.
    seed
        Seed of the order and of the batches' random numbers.
    """

    images: Tensor
    size: int
    seed: int

    def draw(self, number: int) -> tuple[Tensor, torch.Generator]:
        """Return the whole batch of a number in [0, 1], and the generator of its random numbers."""
        index = batch_indices(len(self.images), self.size, number, seed=self.seed)
        x = in_unit_range(self.images[index.to(self.images.device)])
        return x, step_generator(self.seed, number)

    def own(self, batch: Tensor) -> Tensor:
        """Return this process's part of a whole batch."""
        size = self.size // world_size()
        return batch[rank() * size : (rank() + 1) * size]
